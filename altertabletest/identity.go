package altertabletest

import (
	"fmt"
	"maps"
	"time"
)

// identities resolves the ids of one environment. The server's mutex guards it.
type identities struct {
	ids     map[string]*id
	persons map[*person]struct{}
	seq     *int // shared by all environments; orders whatever is listed
}

// An id belongs to exactly one person at any time.
type id struct {
	name      string
	seq       int
	anonymous bool // linked by an identify's anonymous_id
	person    *person
}

func newIdentities(seq *int) *identities {
	return &identities{ids: map[string]*id{}, persons: map[*person]struct{}{}, seq: seq}
}

func (g *identities) next() int {
	*g.seq++
	return *g.seq
}

// lookup returns the person an id belongs to, nil if it belongs to none.
func (g *identities) lookup(name string) *person {
	if i := g.ids[name]; i != nil {
		return i.person
	}
	return nil
}

func (g *identities) lookupOrCreate(name string, now time.Time) *person {
	if p := g.lookup(name); p != nil {
		return p
	}
	p := &person{seq: g.next(), traits: map[string]any{}, createdAt: now}
	p.canonical = g.add(name, p)
	g.persons[p] = struct{}{}
	return p
}

func (g *identities) add(name string, p *person) *id {
	i := &id{name: name, seq: g.next(), person: p}
	g.ids[name] = i
	p.ids.add(i)
	return i
}

// restore adds an identity that another server knew.
func (g *identities) restore(identity Identity) {
	p := &person{
		seq:       g.next(),
		traits:    plain(cloneMap(identity.Traits)).(map[string]any),
		createdAt: identity.CreatedAt,
		updatedAt: identity.UpdatedAt,
	}
	g.persons[p] = struct{}{}
	add := func(name string) *id {
		if g.ids[name] != nil {
			panic(fmt.Sprintf("altertabletest: WithIdentities: id %q is there twice", name))
		}
		return g.add(name, p)
	}
	p.canonical = add(identity.DistinctID)
	for _, name := range identity.AnonymousIDs {
		add(name).anonymous = true
	}
	for _, name := range identity.Aliases {
		add(name)
	}
	for _, device := range identity.DeviceIDs {
		p.addDevice(device, g.next())
	}
}

// identify applies m, and notes in u what it did. The traits come before the
// link: an anonymous id that was identified later than m must not cost m its
// traits.
func (g *identities) identify(m message, u *Update) {
	p := g.lookupOrCreate(m.distinctID, u.ReceivedAt)
	u.Before = p.updatedAt
	newer := p.updatedAt.IsZero() || u.Timestamp.After(p.updatedAt)
	u.Ignored = !newer && m.timestamp != nil
	if !u.Ignored {
		maps.Copy(p.traits, m.attributes)
	}
	if newer {
		p.updatedAt = u.Timestamp
	}
	if m.deviceID != "" && p.devices[m.deviceID] == 0 {
		p.addDevice(m.deviceID, g.next())
	}
	if m.anonymousID != "" {
		p = g.link(p, m.anonymousID, u)
	}
	u.IdentityID, u.IDs = p.canonical.name, p.ids.len()
}

// link makes anonymous an id of p, unless it is another person's already.
func (g *identities) link(p *person, anonymous string, u *Update) *person {
	i := g.ids[anonymous]
	switch {
	case i == nil:
		i = g.add(anonymous, p)
	case i.person == p:
	case i != i.person.canonical:
		return p
	default:
		p = g.merge(p, i.person, u)
	}
	u.Linked = true
	if i != p.canonical {
		i.anonymous = true
	}
	return p
}

// alias makes one person of m's two ids, known by the new one, and notes in u
// what it did.
func (g *identities) alias(m message, u *Update) {
	p := g.lookupOrCreate(m.newUserID, u.ReceivedAt)
	u.Before = p.updatedAt
	if i := g.ids[m.distinctID]; i == nil {
		g.add(m.distinctID, p)
	} else {
		p = g.merge(p, i.person, u)
	}
	u.IdentityID, u.IDs = p.canonical.name, p.ids.len()
}

// merge makes one person of two, known by into's id, and returns it.
func (g *identities) merge(into, from *person, u *Update) *person {
	if into == from {
		return into
	}
	u.Former = append(u.Former, from.canonical.name)
	keep, drop := into, from
	if from.ids.len() > into.ids.len() {
		keep, drop = from, into
	}
	keep.absorb(drop, into.canonical)
	delete(g.persons, drop)
	return keep
}
