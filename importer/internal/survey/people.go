package survey

import (
	"hash/maphash"
	"strings"
)

const (
	mostHashes = 1 << 16 // of a distinct's; up to it the count is exact
	mostIDs    = 64      // ids that are watched for being constants
	mostID     = 256     // bytes of an id that are kept
)

// A distinct counts different values. Beyond mostHashes it keeps the share of
// them whose hashes end in zeros, and estimates.
type distinct struct {
	hashes map[uint64]struct{}
	zeros  int
}

func (d *distinct) add(hash uint64) {
	if hash&(1<<d.zeros-1) != 0 {
		return
	}
	if d.hashes == nil {
		d.hashes = map[uint64]struct{}{}
	}
	d.hashes[hash] = struct{}{}
	for len(d.hashes) > mostHashes {
		d.zeros++
		for h := range d.hashes {
			if h&(1<<d.zeros-1) != 0 {
				delete(d.hashes, h)
			}
		}
	}
}

func (d *distinct) count() (n int64, exact bool) {
	return int64(len(d.hashes)) << d.zeros, d.zeros == 0
}

// people are the ids of a survey's rows.
type people struct {
	seed   maphash.Seed
	rows   int64
	ids    distinct
	emails distinct
	mail   place // the first row whose id looks like an e-mail address
	spaces spaces
	often  map[uint64]*frequentID
	missed int64                  // a count is too low by this at most
	words  map[string]*frequentID // ids that stand for nobody
}

// A frequentID is an id that is on many rows.
type frequentID struct {
	id    string
	count int64 // at least
	first place
}

func newPeople() people {
	return people{seed: maphash.MakeSeed(), often: map[uint64]*frequentID{}, words: map[string]*frequentID{}}
}

func (p *people) add(id string, at place) {
	if id == "" {
		return
	}
	p.rows++
	hash := maphash.String(p.seed, id)
	p.ids.add(hash)
	if looksLikeMail(id) {
		if len(p.emails.hashes) == 0 || at.before(p.mail) {
			p.mail = at
		}
		p.emails.add(hash)
	}
	p.spaces.add(id, hash, at)
	p.watch(hash, id, at)
	p.addWord(id, at)
}

// watch counts as Misra and Gries do: an id that is on more than one of mostIDs
// rows is among those that are left, and its count is at most that share too low.
func (p *people) watch(hash uint64, id string, at place) {
	if o := p.often[hash]; o != nil {
		o.count++
		if at.before(o.first) {
			o.first = at
		}
		return
	}
	if len(p.often) < mostIDs {
		p.often[hash] = &frequentID{id: strings.Clone(id[:min(len(id), mostID)]), count: 1, first: at}
		return
	}
	p.missed++
	for h, o := range p.often {
		if o.count--; o.count == 0 {
			delete(p.often, h)
		}
	}
}

// constants are ids that look as if they stood for nobody: each is on a
// twentieth of the rows, and on 20 times as many as others are.
func (p *people) constants() []*frequentID {
	n, _ := p.ids.count()
	var found []*frequentID
	for _, o := range p.often {
		if o.count < 20 || o.count*20 < p.rows {
			continue
		}
		if n > 1 && float64(o.count) < 20*float64(p.rows-o.count)/float64(n-1) {
			continue
		}
		found = append(found, o)
	}
	return found
}

func looksLikeMail(id string) bool {
	name, domain, ok := strings.Cut(id, "@")
	dot := strings.LastIndexByte(domain, '.')
	return ok && name != "" && dot > 0 && dot < len(domain)-1 && !strings.ContainsAny(id, " \t\r\n/") && !strings.Contains(domain, "@")
}
