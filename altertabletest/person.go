package altertabletest

import (
	"maps"
	"slices"
	"time"
)

// A person is whoever has one id or several. The server's mutex guards it.
type person struct {
	seq       int
	canonical *id
	ids       inOrder[*id]   // canonical among them
	devices   map[string]int // to the order in which they were seen
	seen      inOrder[device]
	traits    map[string]any
	createdAt time.Time
	updatedAt time.Time // zero until the first identify
}

// A device counts only while its person's devices have the same seq for it.
type device struct {
	name string
	seq  int
}

func (i *id) order() int    { return i.seq }
func (d device) order() int { return d.seq }

func (p *person) addDevice(name string, seq int) {
	if p.devices == nil {
		p.devices = map[string]int{}
	}
	p.devices[name] = seq
	p.seen.add(device{name, seq})
}

// absorb makes drop's ids and all that is known of it p's. Of ids, devices and
// traits it moves the fewer to the more, so that many merges into a large person
// stay cheap, whichever of the two is the large one.
func (p *person) absorb(drop *person, canonical *id) {
	for _, i := range drop.ids.items {
		i.person = p
	}
	p.ids.addAll(drop.ids.items)
	p.absorbDevices(drop)
	older, newer := drop, p
	if p.outdatedBy(drop, canonical) {
		older, newer = p, drop
	}
	p.traits, p.updatedAt = mergedTraits(older.traits, newer.traits), newer.updatedAt
	p.seq = min(p.seq, drop.seq)
	p.canonical = canonical
	if drop.createdAt.Before(p.createdAt) {
		p.createdAt = drop.createdAt
	}
}

// outdatedBy reports whether other's traits come before p's. Of two persons who
// were identified at the same instant it is the one who is known by canonical.
func (p *person) outdatedBy(other *person, canonical *id) bool {
	if p.updatedAt.Equal(other.updatedAt) {
		return other.canonical == canonical
	}
	return other.updatedAt.After(p.updatedAt)
}

// absorbDevices may exchange the two persons' devices before it moves them.
func (p *person) absorbDevices(drop *person) {
	if len(drop.devices) > len(p.devices) {
		p.devices, drop.devices = drop.devices, p.devices
		p.seen, drop.seen = drop.seen, p.seen
	}
	for name, seq := range drop.devices {
		if known := p.devices[name]; known == 0 || seq < known {
			p.devices[name] = seq
			p.seen.addAll([]device{{name, seq}})
		}
	}
}

// mergedTraits returns both, of one name newer's. They must not be used afterwards.
func mergedTraits(older, newer map[string]any) map[string]any {
	if len(older) >= len(newer) {
		maps.Copy(older, newer)
		return older
	}
	for name, value := range older {
		if _, ok := newer[name]; !ok {
			newer[name] = value
		}
	}
	return newer
}

func (p *person) snapshot(environment string) Identity {
	identity := Identity{
		Environment: environment,
		DistinctID:  p.canonical.name,
		Traits:      cloneMap(p.traits),
		CreatedAt:   p.createdAt,
		UpdatedAt:   p.updatedAt,
	}
	for _, i := range p.ids.sort() {
		switch {
		case i == p.canonical:
		case i.anonymous:
			identity.AnonymousIDs = append(identity.AnonymousIDs, i.name)
		default:
			identity.Aliases = append(identity.Aliases, i.name)
		}
	}
	for _, d := range p.seen.sort() {
		if p.devices[d.name] == d.seq {
			identity.DeviceIDs = append(identity.DeviceIDs, d.name)
		}
	}
	return identity
}

// An inOrder lists items by their order, which differs from item to item. It
// sorts when it is read, and only what came since.
type inOrder[T interface{ order() int }] struct {
	items  []T
	sorted int // items at the front that are sorted
}

func (l *inOrder[T]) len() int { return len(l.items) }

// add adds an item that comes after all that there are.
func (l *inOrder[T]) add(item T) {
	if l.sorted == len(l.items) {
		l.sorted++
	}
	l.items = append(l.items, item)
}

func (l *inOrder[T]) addAll(items []T) { l.items = append(l.items, items...) }

// sort returns the items, which stay l's.
func (l *inOrder[T]) sort() []T {
	front, rest := l.sorted, l.items[l.sorted:]
	l.sorted = len(l.items)
	slices.SortFunc(rest, func(a, b T) int { return a.order() - b.order() })
	if front == 0 || len(rest) == 0 {
		return l.items
	}
	rest = slices.Clone(rest)
	for at := len(l.items) - 1; len(rest) > 0; at-- {
		last := rest[len(rest)-1]
		if front > 0 && l.items[front-1].order() > last.order() {
			front--
			l.items[at] = l.items[front]
		} else {
			rest = rest[:len(rest)-1]
			l.items[at] = last
		}
	}
	return l.items
}
