package altertabletest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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

type person struct {
	seq       int
	canonical *id
	ids       []*id          // canonical among them
	devices   map[string]int // to the order in which they were seen
	traits    map[string]any
	createdAt time.Time
	updatedAt time.Time // zero until the first identify
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
	p := &person{seq: g.next(), devices: map[string]int{}, traits: map[string]any{}, createdAt: now}
	p.canonical = g.add(name, p)
	g.persons[p] = struct{}{}
	return p
}

func (g *identities) add(name string, p *person) *id {
	i := &id{name: name, seq: g.next(), person: p}
	g.ids[name] = i
	p.ids = append(p.ids, i)
	return i
}

// restore adds an identity that another server knew.
func (g *identities) restore(identity Identity) {
	p := &person{
		seq:       g.next(),
		devices:   map[string]int{},
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
		p.devices[device] = g.next()
	}
}

// identify applies m, whose timestamp is at. The traits come before the link:
// an anonymous id that was identified later than at must not cost m its traits.
func (g *identities) identify(m message, at, now time.Time) *Update {
	p := g.lookupOrCreate(m.distinctID, now)
	u := newUpdate(m, at, now, p)
	newer := p.updatedAt.IsZero() || at.After(p.updatedAt)
	u.Ignored = !newer && m.timestamp != nil
	if newer || m.timestamp == nil {
		maps.Copy(p.traits, m.attributes)
	}
	if newer {
		p.updatedAt = at
	}
	if _, known := p.devices[m.deviceID]; !known && m.deviceID != "" {
		p.devices[m.deviceID] = g.next()
	}
	if m.anonymousID != "" {
		p = g.link(p, m.anonymousID, u)
	}
	return u.of(p)
}

// link makes anonymous an id of p, unless it is another person's already.
func (g *identities) link(p *person, anonymous string, u *Update) *person {
	i := g.ids[anonymous]
	switch {
	case i == nil:
		i = g.add(anonymous, p)
	case i.person == p:
		if i == p.canonical {
			return p
		}
	case i != i.person.canonical:
		return p
	default:
		p = g.merge(p, i.person, u)
	}
	i.anonymous = true
	return p
}

// alias makes one person of m's two ids, known by the new one.
func (g *identities) alias(m message, at, now time.Time) *Update {
	into := g.lookupOrCreate(m.newUserID, now)
	u := newUpdate(m, at, now, into)
	i := g.ids[m.distinctID]
	if i == nil {
		g.add(m.distinctID, into)
		return u.of(into)
	}
	return u.of(g.merge(into, i.person, u))
}

func newUpdate(m message, at, now time.Time, p *person) *Update {
	return &Update{
		Environment: m.environment,
		DistinctID:  m.distinctID,
		AnonymousID: m.anonymousID,
		DeviceID:    m.deviceID,
		NewUserID:   m.newUserID,
		Traits:      m.attributes,
		Timestamp:   at,
		ReceivedAt:  now,
		Before:      p.updatedAt,
	}
}

// of completes u with the person that it is about.
func (u *Update) of(p *person) *Update {
	u.IdentityID, u.IDs = p.canonical.name, len(p.ids)
	return u
}

// merge makes one person of two, known by into's id. It moves the ids of the
// one that has fewer, so that a long chain of merges stays cheap.
func (g *identities) merge(into, from *person, u *Update) *person {
	if into == from {
		return into
	}
	u.Former = append(u.Former, from.canonical.name)
	older, newer := from, into
	if from.updatedAt.After(into.updatedAt) {
		older, newer = into, from
	}
	traits := older.traits
	maps.Copy(traits, newer.traits)
	keep, drop := into, from
	if len(from.ids) > len(into.ids) {
		keep, drop = from, into
	}
	for _, i := range drop.ids {
		i.person = keep
	}
	keep.ids = append(keep.ids, drop.ids...)
	for device, seq := range drop.devices {
		if known, ok := keep.devices[device]; !ok || seq < known {
			keep.devices[device] = seq
		}
	}
	keep.seq = min(keep.seq, drop.seq)
	keep.canonical, keep.traits, keep.updatedAt = into.canonical, traits, newer.updatedAt
	if drop.createdAt.Before(keep.createdAt) {
		keep.createdAt = drop.createdAt
	}
	delete(g.persons, drop)
	return keep
}

func (p *person) snapshot(environment string) Identity {
	identity := Identity{
		Environment: environment,
		DistinctID:  p.canonical.name,
		Traits:      cloneMap(p.traits),
		CreatedAt:   p.createdAt,
		UpdatedAt:   p.updatedAt,
	}
	ids := slices.SortedFunc(slices.Values(p.ids), func(a, b *id) int { return cmp.Compare(a.seq, b.seq) })
	for _, i := range ids {
		switch {
		case i == p.canonical:
		case i.anonymous:
			identity.AnonymousIDs = append(identity.AnonymousIDs, i.name)
		default:
			identity.Aliases = append(identity.Aliases, i.name)
		}
	}
	identity.DeviceIDs = slices.SortedFunc(maps.Keys(p.devices), func(a, b string) int {
		return cmp.Compare(p.devices[a], p.devices[b])
	})
	return identity
}
