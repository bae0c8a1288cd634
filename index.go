package altertable

// An index knows the last claim on each person, by the hash of an id. It is an
// open hash table with linear probing: the hashes are random already, and an
// entry takes 8 bytes, where a map of pointers takes three times as much.
type index struct {
	entries []indexEntry // their number is a power of two
	used    int
	claims  []*claim // by number, from 1 on
	unused  []uint32 // numbers
}

type indexEntry struct {
	hash  uint32
	claim uint32 // its number; 0 if the entry is empty
}

const (
	minIndex  = 16
	keptIndex = 4096 // entries of an index that is empty
)

// enter gives c a number.
func (x *index) enter(c *claim) {
	if last := len(x.unused) - 1; last >= 0 {
		c.number = x.unused[last]
		x.unused = x.unused[:last]
		x.claims[c.number] = c
		return
	}
	if x.claims == nil {
		x.claims = append(x.claims, nil)
	}
	c.number = uint32(len(x.claims))
	x.claims = append(x.claims, c)
}

// leave takes back c's number: no entry names c any more.
func (x *index) leave(c *claim) {
	x.claims[c.number] = nil
	x.unused = append(x.unused, c.number)
	c.number = 0
}

// find returns the claim on a hash, nil if there is none.
func (x *index) find(hash uint32) *claim {
	if x.used == 0 {
		return nil
	}
	return x.claims[x.entries[x.place(hash)].claim]
}

// place returns where the entry of a hash is, or an empty one for it.
func (x *index) place(hash uint32) int {
	mask := len(x.entries) - 1
	i := int(hash) & mask
	for x.entries[i].claim != 0 && x.entries[i].hash != hash {
		i = (i + 1) & mask
	}
	return i
}

// set makes c the claim on a hash.
func (x *index) set(hash uint32, c *claim) {
	if x.used >= len(x.entries)/8*7 {
		x.resize(max(minIndex, 2*len(x.entries)))
	}
	e := &x.entries[x.place(hash)]
	if e.claim == 0 {
		x.used++
	}
	*e = indexEntry{hash, c.number}
}

// remove removes the entry of a hash, if it names c, and reports whether it did.
func (x *index) remove(hash uint32, c *claim) bool {
	if x.used == 0 {
		return false
	}
	i := x.place(hash)
	if x.entries[i].claim != c.number {
		return false
	}
	mask := len(x.entries) - 1
	for j := (i + 1) & mask; x.entries[j].claim != 0; j = (j + 1) & mask {
		home := int(x.entries[j].hash) & mask
		if (j-home)&mask >= (j-i)&mask { // it may move up to the gap
			x.entries[i] = x.entries[j]
			i = j
		}
	}
	x.entries[i] = indexEntry{}
	x.used--
	if x.used == 0 && len(x.entries) > keptIndex {
		x.entries = nil
	}
	return true
}

func (x *index) resize(n int) {
	old := x.entries
	x.entries = make([]indexEntry, n)
	for _, e := range old {
		if e.claim != 0 {
			x.entries[x.place(e.hash)] = e
		}
	}
}
