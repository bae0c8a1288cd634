package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A hint says what looks like a mistake in what was sent, and what to do. It
// never has a secret's value.
type hint struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// ignored has the stamps of an identify that did not count.
type ignored struct{ at, before time.Time }

// hintCodes are all codes, in the order of their bits in a hintSet, each with
// what is said about all rows that have it.
var hintCodes = []hint{
	{"email-id", "An e-mail address is used as an id: addresses change, so use a stable id from your own system, and send the address as a trait."},
	{"constant-id", "An id is one that many people would share: send the user's own id, or an anonymous id for each visitor."},
	{"secret-trait", "Something that looks like a secret was sent: never send secrets or regulated data in traits or properties."},
	{"ignored-identify", "Traits of an identify were ignored, since its timestamp is not newer than the identity's: send the time at which the traits became true, or none."},
	{"spelling", "An event is sent under two spellings of its name: use one everywhere, or they are counted apart."},
	{"unknown-environment", "A request was refused since its environment does not exist: always send the environment that is meant, and create it first."},
}

// A hintSet has a bit for each code.
type hintSet uint8

func setOfHints(hints []hint) (s hintSet) {
	for _, h := range hints {
		s |= 1 << slices.IndexFunc(hintCodes, func(known hint) bool { return known.Code == h.Code })
	}
	return s
}

func eventHints(e *altertabletest.Event, spelling string) []hint {
	hints := emailHint("distinct_id", e.DistinctID)
	hints = append(hints, constantHint("distinct_id", e.DistinctID, "anonymous_id", e.AnonymousID)...)
	hints = append(hints, secretHint("property", e.Properties)...)
	if spelling != "" {
		hints = append(hints, hint{"spelling", fmt.Sprintf("This event is also sent as %s: use one spelling everywhere, or the two are counted apart.", shownName(spelling))})
	}
	return hints
}

func updateHints(u *altertabletest.Update) []hint {
	if u.Alias { // away from an address, it is right
		return append(emailHint("new_user_id", u.NewUserID),
			constantHint("distinct_id", u.DistinctID, "new_user_id", u.NewUserID)...)
	}
	hints := emailHint("distinct_id", u.DistinctID)
	hints = append(hints, constantHint("distinct_id", u.DistinctID, "anonymous_id", u.AnonymousID)...)
	hints = append(hints, secretHint("trait", u.Traits)...)
	if u.Ignored && len(u.Traits) > 0 {
		hints = append(hints, ignoredHint(&ignored{u.Timestamp, u.Before})...)
	}
	return hints
}

func identityHints(i *altertabletest.Identity, last *ignored) []hint {
	hints := emailHint("distinct_id", i.DistinctID)
	hints = append(hints, constantHint("distinct_id", i.DistinctID)...)
	hints = append(hints, secretHint("trait", i.Traits)...)
	return append(hints, ignoredHint(last)...)
}

func ignoredHint(i *ignored) []hint {
	if i == nil {
		return nil
	}
	return []hint{{"ignored-identify", fmt.Sprintf("The traits of an identify stamped %s were ignored, since the identity was at %s already: "+
		"send the time at which the traits became true, or none.", stamp(i.at), stamp(i.before))}}
}

func requestHints(r *altertabletest.Request, environments []string) []hint {
	if r.Reason != "environment-not-found" {
		return nil
	}
	sent := "that was sent"
	if name, ok := unknownEnvironment(r.Body, environments); ok {
		sent = shownName(name)
	}
	known := make([]string, 0, len(environments))
	for _, environment := range environments[:min(len(environments), 10)] {
		known = append(known, shownName(environment))
	}
	return []hint{{"unknown-environment", fmt.Sprintf("The environment %s does not exist, only %s: send one that exists, or create it first (here with -environment).",
		sent, strings.Join(known, ", "))}}
}

// plainName is the same for all spellings of a name: signed_up, Signed Up,
// signedUp.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '_' || r == '-' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// shownName quotes a name within a sentence, without what does not print.
func shownName(name string) string {
	const most = 60
	return strconv.QuoteToGraphic(strings.ToValidUTF8(clippedAt(name, most), "\uFFFD"))
}
