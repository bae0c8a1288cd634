package main

import (
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A hint says what looks like a mistake in what was sent, and what to do.
type hint struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// ignored has the stamps of an identify that did not count.
type ignored struct{ at, before time.Time }

// hintCodes are all codes, in the order of their bits in a hintSet.
var hintCodes = []hint{
	{"email-id", "An e-mail address is used as an id: use a stable id of your own user system, and send the address as a trait."},
	{"constant-id", "An id is the same for everybody who is not known: send the user's own id, or an anonymous id for each visitor."},
	{"secret-trait", "Something that looks like a secret was sent: never send secrets or regulated data in traits or properties."},
	{"ignored-identify", "An identify was ignored because of its timestamp: stamp it with when the traits became true."},
	{"spelling", "One event has two names: choose one spelling, or they are counted apart."},
	{"unknown-environment", "A request named an environment that does not exist: send the one that is meant, or start with -environment."},
}

// A hintSet has a bit for each code.
type hintSet uint8

func setOfHints(hints []hint) (s hintSet) {
	for _, h := range hints {
		for i, known := range hintCodes {
			if known.Code == h.Code {
				s |= 1 << i
			}
		}
	}
	return s
}

func eventHints(*altertabletest.Event, string) []hint         { return nil }
func updateHints(*altertabletest.Update) []hint               { return nil }
func identityHints(*altertabletest.Identity, *ignored) []hint { return nil }
func requestHints(*altertabletest.Request, []string) []hint   { return nil }

// plainName is the same for all spellings of a name.
func plainName(name string) string { return name }
