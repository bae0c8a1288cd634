package server

import (
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// pending holds the changes that are not in the database yet. Events are
// encoded as they come. Of identities it has the names alone, and asks for each
// once when it is applied: so a message costs the same, however many ids its
// identity has. The database's mutex guards it.
type pending struct {
	reset   bool
	count   int // of events
	events  packer
	touched map[identityKey]int    // to the number of ids
	ids     []idRow                // in the order first seen
	seen    map[identityKey]bool   // those in ids
	formers map[identityKey]string // to the identity that each became
	sizes   int                    // the sum of touched
}

const (
	// chunk is how many pending rows are applied at once.
	chunk = 16384
	// chunkBytes bounds the events of large properties.
	chunkBytes = 16 << 20
	// idBytes is about what an id takes.
	idBytes = 64
)

// due reports whether there is enough to apply. Writing an identity costs as much
// as it has ids: the larger those are that changed, the more changes have to
// come together.
func (p *pending) due(times int) bool {
	// A fourth of it, or one that grows with each change is never due.
	size := p.sizes / 4
	return p.rows() >= times*(chunk+size) || len(p.events.data) >= times*(chunkBytes+idBytes*size)
}

func (p *pending) rows() int { return p.count + len(p.ids) + len(p.formers) }

func (p *pending) empty() bool { return !p.reset && p.rows() == 0 && len(p.touched) == 0 }

func (p *pending) add(change altertabletest.Change) {
	switch {
	case change.Event != nil:
		p.count++
		p.events.event(change.Event)
	case change.Update != nil:
		p.update(change.Update)
	case change.Reset:
		*p = pending{reset: true}
	}
}

func (p *pending) update(u *altertabletest.Update) {
	if p.touched == nil {
		p.touched = map[identityKey]int{}
		p.seen = map[identityKey]bool{}
		p.formers = map[identityKey]string{}
	}
	key := func(id string) identityKey { return identityKey{u.Environment, id} }
	p.own(key(u.IdentityID), u.IdentityID)
	if u.NewUserID != "" {
		p.own(key(u.NewUserID), u.IdentityID)
	}
	p.own(key(u.DistinctID), u.IdentityID)
	if u.AnonymousID != "" {
		p.own(key(u.AnonymousID), u.IdentityID)
	}
	p.touch(key(u.IdentityID), u.IDs)
	for _, former := range u.Former {
		p.formers[key(former)] = u.IdentityID
		p.sizes -= p.touched[key(former)]
		delete(p.touched, key(former))
	}
}

func (p *pending) touch(key identityKey, size int) {
	p.sizes += size - p.touched[key]
	p.touched[key] = size
}

// own takes an id that may be new. If it is not, this changes nothing: whose it
// is was said when it came, or when its owner became another.
func (p *pending) own(id identityKey, owner string) {
	if !p.seen[id] {
		p.seen[id] = true
		p.ids = append(p.ids, idRow{id, owner})
	}
}

// batch is p with the identities as they are now. It is called without the
// database's mutex, for a p that does not change any more.
func (p *pending) batch(identity func(environment, id string) (altertabletest.Identity, bool)) batch {
	var c changes
	for key := range p.touched {
		// One that is not there, or part of another, was changed again in the
		// meantime, and that change is still to be observed.
		if i, ok := identity(key.environment, key.id); ok && i.DistinctID == key.id {
			c.identities = append(c.identities, rowOf(i))
		}
	}
	for former := range p.formers {
		c.formers = append(c.formers, idRow{former, p.current(former)})
	}
	for _, id := range p.ids {
		id.owner = p.current(identityKey{id.environment, id.owner})
		c.ids = append(c.ids, id)
	}
	return batch{reset: p.reset, count: p.count, events: p.events.data, changes: c.pack()}
}

// current returns by which id an identity is known now. A former one never
// comes back.
func (p *pending) current(key identityKey) string {
	var passed []identityKey
	for {
		next, former := p.formers[key]
		if !former {
			break
		}
		passed = append(passed, key)
		key.id = next
	}
	for _, k := range passed { // so that the next one finds it at once
		p.formers[k] = key.id
	}
	return key.id
}

func rowOf(i altertabletest.Identity) identityRow {
	row := identityRow{Identity: i, traits: jsonText(i.Traits)}
	row.Traits = nil
	return row
}
