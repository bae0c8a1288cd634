package server

import (
	linked "container/list"

	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

// owners says to whom ids belong. The ids of one person are a tree whose root
// has what is known of the person, so that to join two persons costs the same
// whatever number of ids and events they have. The hub's mutex guards it.
type owners struct {
	ids    map[identityKey]*owned
	people *linked.List // of *liveIdentity, the one that changed last in front
}

// An owned is an id that is one of a person's, or that kept events were sent
// under.
type owned struct {
	key    identityKey
	parent *owned // nil at the root
	events int    // kept ones that were sent under this id

	// At the root alone:
	size    int
	person  *liveIdentity // nil while no identity is known
	version int64         // at which the person last changed
}

// A liveIdentity is a person. What it is like, the API's server knows.
type liveIdentity struct {
	key     identityKey
	version int64
	element *linked.Element
	ignored *hints.Ignored // what the newest identify was, if it did not count
}

func newOwners() owners { return owners{ids: map[identityKey]*owned{}, people: linked.New()} }

// of returns the place of an id, nil for an empty one.
func (o *owners) of(environment, id string) *owned {
	if id == "" {
		return nil
	}
	return o.place(identityKey{environment, id})
}

func (o *owners) place(key identityKey) *owned {
	id := o.ids[key]
	if id == nil {
		id = &owned{key: key, size: 1}
		o.ids[key] = id
	}
	return id
}

// root returns where the person of an id is described.
func (id *owned) root() *owned {
	for id.parent != nil {
		if id.parent.parent != nil {
			id.parent = id.parent.parent
		}
		id = id.parent
	}
	return id
}

// left is told that one event under the id is not kept any more.
func (o *owners) left(id *owned) {
	if id == nil {
		return
	}
	id.events--
	if id.events == 0 && id.parent == nil && id.person == nil {
		delete(o.ids, id.key)
	}
}

// update joins what an identify or alias joins, and returns the identities that
// it took over.
func (o *owners) update(u *altertabletest.Update, version int64) (gone []identityKey) {
	root := o.place(identityKey{u.Environment, u.IdentityID}).root()
	person := root.person
	join := func(id *owned) { root = joined(root, id.root()) }
	for _, former := range u.Former {
		id := o.place(identityKey{u.Environment, former})
		if p := id.root().person; p != nil && p != person {
			o.people.Remove(p.element)
			gone = append(gone, p.key)
		}
		join(id)
	}
	join(o.place(identityKey{u.Environment, u.DistinctID}))
	if u.Alias {
		join(o.place(identityKey{u.Environment, u.NewUserID}))
	}
	if u.Linked {
		join(o.place(identityKey{u.Environment, u.AnonymousID}))
	}
	if person == nil {
		person = &liveIdentity{key: identityKey{u.Environment, u.IdentityID}}
	}
	o.changed(root, person, version)
	switch {
	case u.Ignored && len(u.Traits) > 0:
		person.ignored = &hints.Ignored{At: u.Timestamp, Before: u.Before}
	case !u.Ignored && !u.Alias:
		person.ignored = nil
	}
	return gone
}

// add adds an identity that the data file has.
func (o *owners) add(i *altertabletest.Identity, version int64) {
	root := o.place(identityKey{i.Environment, i.DistinctID}).root()
	for _, ids := range [][]string{i.AnonymousIDs, i.Aliases} {
		for _, id := range ids {
			root = joined(root, o.place(identityKey{i.Environment, id}).root())
		}
	}
	o.changed(root, &liveIdentity{key: identityKey{i.Environment, i.DistinctID}}, version)
}

func (o *owners) changed(root *owned, person *liveIdentity, version int64) {
	root.person, root.version, person.version = person, version, version
	if person.element == nil {
		person.element = o.people.PushFront(person)
	} else {
		o.people.MoveToFront(person.element)
	}
}

// joined makes one tree of two, and returns its root.
func joined(a, b *owned) *owned {
	if a == b {
		return a
	}
	if a.size < b.size {
		a, b = b, a
	}
	b.parent, b.person = a, nil
	a.size += b.size
	return a
}
