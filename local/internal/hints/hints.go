// Package hints finds what looks like a mistake in messages, after the best
// practices of the documentation: an address as an id, a secret, two spellings.
package hints

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A Hint says what looks like a mistake in what was sent, and what to do. It
// never has a secret's value.
type Hint struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Ignored has the stamps of an identify whose traits did not count: its own, and
// the identity's before it.
type Ignored struct{ At, Before time.Time }

// Codes are all codes, in the order of their bits in a Set, each with what is
// said about all rows that have it. Nobody changes them.
var Codes = []Hint{
	{"email-id", "An e-mail address is used as an id: addresses change, so use a stable id from your own system, and send the address as a trait."},
	{"constant-id", "An id is one that many people would share: send the user's own id, or an anonymous id for each visitor."},
	{"secret-trait", "Something that looks like a secret was sent: never send secrets or regulated data in traits or properties."},
	{"ignored-identify", "Traits of an identify were ignored, since its timestamp is not newer than the identity's: send the time at which the traits became true, or none."},
	{"spelling", "An event is sent under two spellings of its name: use one everywhere, or they are counted apart."},
	{"unknown-environment", "A request was refused since its environment does not exist: always send the environment that is meant, and create it first."},
}

// A Set has a bit for each of Codes.
type Set uint8

// Has reports whether the code of that index is in the set.
func (s Set) Has(code int) bool { return s&(1<<code) != 0 }

// SetOf returns the codes of hints.
func SetOf(hints []Hint) (s Set) {
	for _, h := range hints {
		s |= 1 << slices.IndexFunc(Codes, func(known Hint) bool { return known.Code == h.Code })
	}
	return s
}

// OfEvent returns the hints about an event. The spelling is another one of its
// name that was sent as well, if there is one.
func OfEvent(e *altertabletest.Event, spelling string) []Hint {
	hints := emailHint("distinct_id", e.DistinctID)
	hints = append(hints, constantHint("distinct_id", e.DistinctID, "anonymous_id", e.AnonymousID)...)
	hints = append(hints, secretHint("property", e.Properties)...)
	if spelling != "" {
		hints = append(hints, Hint{"spelling", fmt.Sprintf("This event is also sent as %s: use one spelling everywhere, or the two are counted apart.", shownName(spelling))})
	}
	return hints
}

// OfUpdate returns the hints about an identify or alias.
func OfUpdate(u *altertabletest.Update) []Hint {
	if u.Alias { // away from an address, it is right
		return append(emailHint("new_user_id", u.NewUserID),
			constantHint("distinct_id", u.DistinctID, "new_user_id", u.NewUserID)...)
	}
	hints := emailHint("distinct_id", u.DistinctID)
	hints = append(hints, constantHint("distinct_id", u.DistinctID, "anonymous_id", u.AnonymousID)...)
	hints = append(hints, secretHint("trait", u.Traits)...)
	if u.Ignored && len(u.Traits) > 0 {
		hints = append(hints, ignoredHint(&Ignored{u.Timestamp, u.Before})...)
	}
	return hints
}

// OfIdentity returns the hints about an identity. The last identify is given if it
// did not count.
func OfIdentity(i *altertabletest.Identity, last *Ignored) []Hint {
	hints := emailHint("distinct_id", i.DistinctID)
	hints = append(hints, constantHint("distinct_id", i.DistinctID)...)
	hints = append(hints, secretHint("trait", i.Traits)...)
	return append(hints, ignoredHint(last)...)
}

func ignoredHint(i *Ignored) []Hint {
	if i == nil {
		return nil
	}
	return []Hint{{"ignored-identify", fmt.Sprintf("The traits of an identify stamped %s were ignored, since the identity was at %s already: "+
		"send the time at which the traits became true, or none.", stamp(i.At), stamp(i.Before))}}
}

// PlainName is the same for all spellings of a name: signed_up, Signed Up,
// signedUp.
func PlainName(name string) string {
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
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..." // a rune may be cut
	}
	return strconv.QuoteToGraphic(strings.ToValidUTF8(name, "\uFFFD"))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
