package altertabletest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// A wanted is a Want whose maps are as the server would have stored them.
type wanted struct {
	Want
	properties map[string]any
	traits     map[string]any
}

func newWanted(want Want) (*wanted, error) {
	w := &wanted{Want: want}
	var err error
	if w.properties, err = stored("Want.Properties", want.Properties); err != nil {
		return nil, err
	}
	if w.traits, err = stored("Want.IdentityTraits", want.IdentityTraits); err != nil {
		return nil, err
	}
	return w, nil
}

// stored returns m as it would be after the way through a client and the server.
func stored(name string, m map[string]any) (map[string]any, error) {
	text, _, err := encode.Members([]byte{'{'}, m, math.MaxInt)
	if err != nil {
		var member *encode.MemberError
		if errors.As(err, &member) {
			name = fmt.Sprintf("%s[%q]", name, member.Key)
		}
		return nil, fmt.Errorf("%s %w", name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(append(text, '}')))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("%s cannot be read as JSON: %w", name, err)
	}
	return plain(v).(map[string]any), nil
}

// matches returns the indexes of the events that match.
func (w *wanted) matches(events []Event) []int {
	var matches []int
	for i, e := range events {
		if len(w.differences(e)) == 0 {
			matches = append(matches, i)
		}
	}
	return matches
}

// closest returns the index of the event that has the wanted name, if one does,
// and the fewest differences. There must be an event.
func (w *wanted) closest(events []Event) int {
	best, least := 0, math.MaxInt
	for i, e := range events {
		distance := len(w.differences(e))
		if e.Event != w.Event && w.Event != "" {
			distance += 1 << 30
		}
		if distance < least {
			best, least = i, distance
		}
	}
	return best
}

// differences returns in what e is not as wanted.
func (w *wanted) differences(e Event) differences {
	var d differences
	d.text("event", e.Event, w.Event)
	d.text("distinct_id", e.DistinctID, w.DistinctID)
	d.text("anonymous_id", e.AnonymousID, w.AnonymousID)
	d.text("device_id", e.DeviceID, w.DeviceID)
	d.text("environment", e.Environment, w.Environment)
	d.text("identity", e.IdentityID, w.IdentityID)
	d.some("properties", e.Properties, w.properties)
	d.some("identity traits", e.IdentityTraits, w.traits)
	return d
}

type differences []difference

// A difference is put into words only if it is shown.
type difference struct {
	path       string
	have, want any // decoded JSON, or missing
}

// missing is in the place of a value that is not there.
type missing struct{}

func (d difference) String() string {
	if _, ok := d.have.(missing); ok {
		return fmt.Sprintf("%s is missing, want %s", d.path, short(d.want))
	}
	if _, ok := d.want.(missing); ok {
		return fmt.Sprintf("%s is %s, want none", d.path, short(d.have))
	}
	return fmt.Sprintf("%s is %s, want %s", d.path, short(d.have), short(d.want))
}

func (d *differences) add(path string, have, want any) { *d = append(*d, difference{path, have, want}) }

func (d *differences) text(name, have, want string) {
	switch {
	case want == "" || have == want:
	case have == "":
		d.add(name, missing{}, want)
	default:
		d.add(name, have, want)
	}
}

// some compares the members that want has.
func (d *differences) some(path string, have, want map[string]any) {
	for _, name := range sortedKeys(want) {
		if v, ok := have[name]; ok {
			d.value(member(path, name), v, want[name])
		} else {
			d.add(member(path, name), missing{}, want[name])
		}
	}
}

// value compares two values of decoded JSON.
func (d *differences) value(path string, have, want any) {
	switch w := want.(type) {
	case map[string]any:
		if h, ok := have.(map[string]any); ok {
			d.some(path, h, w)
			for _, name := range sortedKeys(h) {
				if _, ok := w[name]; !ok {
					d.add(member(path, name), h[name], missing{})
				}
			}
			return
		}
	case []any:
		if h, ok := have.([]any); ok && len(h) == len(w) {
			for i := range w {
				d.value(fmt.Sprintf("%s[%d]", path, i), h[i], w[i])
			}
			return
		}
	case float64, json.Number:
		if sameNumber(have, want) {
			return
		}
	default: // a string, a bool or nil
		if have == want {
			return
		}
	}
	d.add(path, have, want)
}

func member(path, name string) string { return fmt.Sprintf("%s[%s]", path, short(name)) }

// sameNumber compares decimals where a float64 is not exact enough.
func sameNumber(have, want any) bool {
	h, isFloat := have.(float64)
	if w, ok := want.(float64); ok && isFloat {
		return h == w
	}
	a, ok := decimalOf(have)
	b, _ := decimalOf(want)
	return ok && a == b
}

// A decimal is 0.digits times ten to the exponent, with no zero at either end of
// digits.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

func decimalOf(v any) (decimal, bool) {
	var text string
	switch v := v.(type) {
	case float64:
		text = strconv.FormatFloat(v, 'g', -1, 64)
	case json.Number:
		text = string(v)
	default:
		return decimal{}, false
	}
	text, negative := strings.CutPrefix(text, "-")
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent, _ := strconv.Atoi(power) // no power is 0; the encoder took it, so it fits
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent += len(whole) - (len(whole) + len(fraction) - len(digits))
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return decimal{}, true
	}
	return decimal{negative, digits, exponent}, true
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
