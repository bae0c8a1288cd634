package server

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// maxFilter is how many bytes a filter's text may have.
const maxFilter = 4 << 10

// A filter chooses events: those that pass all that is set. Identities,
// identifies and aliases are chosen by environment and person alone.
type filter struct {
	event       string // exact
	environment string // exact
	person      string // an id of the person, or else a part of an id
	text        string // part of the name, an id or the properties, in lower case
	quoted      string // text as it is within JSON
}

// parseFilter reads the filter of a query. Others are the names of parameters
// that the query may have besides.
func parseFilter(raw string, others ...string) (filter, url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return filter{}, nil, errors.New("the query cannot be read: a % is followed by two hexadecimal digits")
	}
	known := append([]string{"event", "environment", "person", "text"}, others...)
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			return filter{}, nil, fmt.Errorf("the parameter %q is unknown: there are %s", clippedAt(name, 100), strings.Join(known, ", "))
		case len(values) > 1:
			return filter{}, nil, fmt.Errorf("the parameter %s is there twice", name)
		case !utf8.ValidString(values[0]):
			return filter{}, nil, fmt.Errorf("the parameter %s is not valid UTF-8", name)
		case len(values[0]) > maxFilter:
			return filter{}, nil, fmt.Errorf("the parameter %s is longer than %d bytes", name, maxFilter)
		}
	}
	f := filter{event: query.Get("event"), environment: query.Get("environment"), person: query.Get("person")}
	f.text = strings.ToLower(query.Get("text"))
	quoted := jsonText(map[string]any{"": f.text})
	f.quoted = strings.TrimSuffix(strings.TrimPrefix(quoted, `{"":"`), `"}`)
	return f, query, nil
}

// An owner is the person of an event as the hub's lock showed it.
type owner struct {
	id      string // "" for none
	known   bool   // there is an identity
	matches bool   // it is the person that the filter's id belongs to
}

// A target is the person that a filter means.
type target struct {
	exact bool
	roots []*owned // of the id in each environment
}

// targetLocked finds the person.
func (f *filter) targetLocked(o *owners, environments []string) (t target) {
	if f.person == "" {
		return t
	}
	for _, environment := range environments {
		if id := o.ids[identityKey{environment, f.person}]; id != nil {
			t.exact = true
			t.roots = append(t.roots, id.root())
		}
	}
	return t
}

func (t target) has(root *owned) bool { return root != nil && slices.Contains(t.roots, root) }

// matches reports whether an event passes the filter.
func (f *filter) matches(e *liveEvent, o owner, exact bool) bool {
	if f.event != "" && e.event.Event != f.event || f.environment != "" && e.event.Environment != f.environment {
		return false
	}
	if f.person != "" && !o.matches && !f.matchesID(exact, e.event.DistinctID, e.event.AnonymousID, o.id) {
		return false
	}
	return f.text == "" || f.matchesText(e, o)
}

// matchesID reports whether one of the ids is the filter's, or has it as a part
// if it is nobody's.
func (f *filter) matchesID(exact bool, ids ...string) bool {
	return slices.ContainsFunc(ids, func(id string) bool {
		return id == f.person || !exact && strings.Contains(id, f.person)
	})
}

func (f *filter) matchesText(e *liveEvent, o owner) bool {
	for _, text := range []string{e.event.Event, e.event.DistinctID, e.event.AnonymousID, e.event.DeviceID, e.event.SessionID, o.id} {
		if strings.Contains(strings.ToLower(text), f.text) {
			return true
		}
	}
	e.encode()
	properties := strings.ToLower(e.properties)
	return strings.Contains(properties, f.text) || strings.Contains(properties, f.quoted)
}

// matchesUpdate reports whether an identify or alias passes the filter.
func (f *filter) matchesUpdate(u *altertabletest.Update, own, exact bool) bool {
	return f.matchesPerson(u.Environment, own, exact, u.DistinctID, u.AnonymousID, u.NewUserID, u.IdentityID)
}

func (f *filter) matchesIdentity(i *altertabletest.Identity, own, exact bool) bool {
	return f.matchesPerson(i.Environment, own, exact, slices.Concat([]string{i.DistinctID}, i.AnonymousIDs, i.Aliases)...)
}

func (f *filter) matchesPerson(environment string, own, exact bool, ids ...string) bool {
	if f.environment != "" && environment != f.environment {
		return false
	}
	return f.person == "" || own || f.matchesID(exact, ids...)
}
