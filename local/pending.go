package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// pending holds the changes that are not in the database yet. What changed
// several times is there once, as it is now. The database's mutex guards it.
type pending struct {
	events     []eventRow
	identities map[identityKey]*identityRow
	gone       map[identityKey]bool // were known by another id at some time
	owners     map[identityKey]int  // into ids
	ids        []idRow
	seq        int64 // of the id first seen last
}

// An identityKey is an environment and an id in it.
type identityKey struct{ environment, id string }

type eventRow struct {
	altertabletest.Event
	properties string
}

type identityRow struct {
	altertabletest.Identity
	traits string
}

// An idRow says by which id the owner of an id is known.
type idRow struct {
	identityKey
	distinctID string
	seq        int64 // orders ids, and so identities, by when they were first seen
}

func (p *pending) rows() int { return len(p.events) + len(p.identities) + len(p.ids) }

// clear empties p and keeps its seq.
func (p *pending) clear() { *p = pending{seq: p.seq} }

func (p *pending) addEvent(event altertabletest.Event) {
	row := eventRow{Event: event, properties: jsonText(event.Properties)}
	row.Properties, row.IdentityTraits = nil, nil
	p.events = append(p.events, row)
}

func (p *pending) addIdentity(identity altertabletest.Identity) {
	if p.identities == nil {
		p.identities = map[identityKey]*identityRow{}
		p.gone = map[identityKey]bool{}
		p.owners = map[identityKey]int{}
	}
	key := identityKey{identity.Environment, identity.DistinctID}
	row := &identityRow{Identity: identity, traits: jsonText(identity.Traits)}
	row.Traits = nil
	p.identities[key] = row
	p.own(key, key)
	for _, id := range slices.Concat(identity.AnonymousIDs, identity.Aliases) {
		other := identityKey{identity.Environment, id}
		delete(p.identities, other)
		p.gone[other] = true
		p.own(other, key)
	}
}

func (p *pending) own(id, owner identityKey) {
	if i, ok := p.owners[id]; ok {
		p.ids[i].distinctID = owner.id
		return
	}
	p.seq++
	p.owners[id] = len(p.ids)
	p.ids = append(p.ids, idRow{id, owner.id, p.seq})
}

// jsonText encodes a decoded JSON object, without escaping for HTML.
func jsonText(object map[string]any) string {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		panic("altertable-local: a decoded object cannot be encoded: " + err.Error())
	}
	return string(bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
}

// The database's timestamps count microseconds in 64 bits. Whatever lies
// outside is as far away as they reach.
var (
	earliest = time.Date(-290000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(294000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// instant returns a timestamp as the database takes it, nil for none.
func instant(t time.Time) any {
	switch {
	case t.IsZero():
		return nil
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

// optional returns an id as the database takes it, nil for none.
func optional(id string) any {
	if id == "" {
		return nil
	}
	return id
}
