package altertable

import (
	"cmp"
	"hash/maphash"
	"iter"
	"slices"
)

// The platform ignores an identify that is older than the one it has of that
// person. So identifies of one person are sent in the order of acceptance, one
// after the other, and nothing that fails lets a later one go first. Those of
// different people do not wait for each other.
//
// A batch of identifies, or a synchronous call, has a claim on the people it
// names. It waits for the claims ahead of it: the earlier ones on one of these
// people that are not settled. The lane's index knows the last claim on each
// person. An identify of a person on whom there is a claim joins the batch that
// has it, if that is open. Otherwise it joins the open batch of the claim's
// followers, which wait for this one claim. So somebody who is identified all the
// time holds up only the people who share a batch with him.
//
// If A and B are identified in batch 1, and then B and C: batch 1 is in flight,
// B waits among the followers of batch 1, and C is in another batch and leaves.

// A person is hashes of the ids that an identify names: the distinct id, and
// the anonymous id, 0 if there is none. Two people whose hashes are equal by
// chance wait for each other, which does no harm.
type person [2]uint32

// hashSeed is random: nobody can make up ids that collide.
var hashSeed = maphash.MakeSeed()

func newPerson(distinctID, anonymousID string) person {
	who := person{hashID(distinctID)}
	if anonymousID != "" {
		who[1] = hashID(anonymousID)
	}
	return who
}

func hashID(id string) uint32 { return max(1, uint32(maphash.String(hashSeed, id))) }

// personIn returns the person whom an identify's JSON names.
func personIn(message []byte) person {
	var s rawScan
	_ = s.scan(message) // it was accepted once
	return s.person()
}

// A claim is the right of a batch, or of a synchronous call's turn, to send
// identifies of its people before all later ones. Guarded by queue.mu.
type claim struct {
	number    uint32 // in its lane's index
	rank      uint64 // higher than those of the claims ahead
	batch     *batch // nil if it is a turn's
	turn      *turn
	ahead     []*claim // what it waits for; it may be sent when there is none
	behind    []*claim // what waits for it
	followers *batch   // open, and waits for this claim alone; nil if there is none
	leader    *claim   // the one whose followers the batch is; nil if it is nobody's
}

// addClaim gives c a number in the lane's index.
func (l *lane) addClaim(c *claim) *claim {
	l.people.enter(c)
	l.rank(c)
	return c
}

// rank ranks c behind all claims that there are.
func (l *lane) rank(c *claim) {
	l.ranks++
	c.rank = l.ranks
}

// people returns those of the claim's messages without an outcome.
func (c *claim) people() []person {
	if c.batch == nil {
		return c.turn.people
	}
	return c.batch.people[c.batch.gone:]
}

func (c *claim) isOpen() bool { return c.batch != nil && c.batch.state == open }

// last returns the moment of the last message that names an id of this hash,
// zero if there is none.
func (c *claim) last(hash uint32) moment {
	people := c.people()
	for i := len(people) - 1; i >= 0; i-- {
		if who := people[i]; who[0] != hash && who[1] != hash {
			continue
		}
		if c.batch == nil {
			return c.turn.at
		}
		return moment{number: c.batch.series.number(c.batch.gone + i)}
	}
	return moment{}
}

// A moment is when a message was accepted or a synchronous call made.
type moment struct {
	number uint64 // of the message, or of the last one before the call
	call   uint64 // counts the calls; 0 for a message
}

func (m moment) compare(other moment) int {
	return cmp.Or(cmp.Compare(m.number, other.number), cmp.Compare(m.call, other.call))
}

// allAhead yields each claim that c waits for, directly or not, once.
func (c *claim) allAhead() iter.Seq[*claim] {
	return func(yield func(*claim) bool) { walk(c, func(c *claim) []*claim { return c.ahead }, yield) }
}

// allBehind returns the claims that wait for c, directly or not.
func (c *claim) allBehind() (all []*claim) {
	walk(c, func(c *claim) []*claim { return c.behind }, func(b *claim) bool {
		all = append(all, b)
		return true
	})
	return all
}

// walk yields what comes after from, step by step, and each claim once.
func walk(from *claim, next func(*claim) []*claim, yield func(*claim) bool) {
	coming := slices.Clone(next(from))
	seen := map[*claim]bool{}
	for len(coming) > 0 {
		c := coming[0]
		coming = coming[1:]
		if seen[c] {
			continue
		}
		if seen[c] = true; !yield(c) {
			return
		}
		coming = append(coming, next(c)...)
	}
}

// maxLooks bounds the search for a claim that waits for another.
const maxLooks = 100

// mayGoAfter reports whether c waits for other, or for so many claims that it
// does not matter if it does from now on.
func (c *claim) mayGoAfter(other *claim) bool {
	if other.rank > c.rank {
		return false // it may wait for c
	}
	looks := 0
	between := append(make([]*claim, 0, maxLooks), c)
	for i := 0; i < len(between); i++ {
		for _, a := range between[i].ahead {
			if looks++; a == other || looks == maxLooks {
				return true
			}
			if a.rank > other.rank && !slices.Contains(between, a) {
				between = append(between, a)
			}
		}
	}
	return false
}

// goAfter puts c behind others.
func (c *claim) goAfter(others ...*claim) {
	for _, other := range others {
		if other != c && !slices.Contains(c.ahead, other) {
			c.ahead = append(c.ahead, other)
			other.behind = append(other.behind, c)
		}
	}
}

// detach takes c out of the order. It returns the claims that waited for it.
func (c *claim) detach() (behind []*claim) {
	for _, a := range c.ahead {
		a.behind = without(a.behind, c)
	}
	for _, b := range c.behind {
		b.ahead = without(b.ahead, c)
	}
	if c.followers != nil {
		c.followers.claim.leader = nil
	}
	c.leaveLeader()
	behind, c.ahead, c.behind, c.followers = c.behind, nil, nil, nil
	return behind
}

// leaveLeader lets no more followers of c's leader into c's batch.
func (c *claim) leaveLeader() {
	if c.leader != nil {
		c.leader.followers = nil
		c.leader = nil
	}
}

func without(all []*claim, one *claim) []*claim {
	i := slices.Index(all, one)
	return slices.Delete(all, i, i+1)
}

// holders returns the last claims on the ids of who, at most two.
func (l *lane) holders(who person, into []*claim) []*claim {
	if c := l.people.find(who[0]); c != nil {
		into = append(into, c)
	}
	if who[1] == 0 {
		return into
	}
	if c := l.people.find(who[1]); c != nil && (len(into) == 0 || c != into[0]) {
		into = append(into, c)
	}
	return into
}

// host returns the one of the holders that a new message can join, and which then
// goes after the others; nil if there is none. It would hardly wait for any
// claim longer than it has to.
func host(holders []*claim) *claim {
	for _, c := range holders {
		if c.isOpen() && !slices.ContainsFunc(holders, func(other *claim) bool { return other != c && !c.mayGoAfter(other) }) {
			return c
		}
	}
	return nil
}

// hold notes that c is the last claim on the ids of who.
func (l *lane) hold(c *claim, who person) {
	l.people.set(who[0], c)
	if who[1] != 0 {
		l.people.set(who[1], c)
	}
}

// holdAgain is hold, except for ids on which the index has a later claim.
func (l *lane) holdAgain(c *claim, who person) {
	for _, hash := range who {
		if hash == 0 {
			break
		}
		if other := l.people.find(hash); other == nil || other != c && other.last(hash).compare(c.last(hash)) < 0 {
			l.people.set(hash, c)
		}
	}
}

// forget notes that c has no claim on these people any more, whoever else has.
func (l *lane) forget(c *claim, people []person) {
	for i := range people {
		l.people.remove(people[i][0], c)
		if people[i][1] != 0 {
			l.people.remove(people[i][1], c)
		}
	}
}

// forgetGone is forget for people of messages that have left c. People whom the
// rest of c's messages name stay c's. If c still waits for other claims, because
// its messages were evicted, the last one of these on a person is the last claim
// on that person again.
func (l *lane) forgetGone(c *claim, people, rest []person) {
	if len(rest) == 0 && len(c.ahead) == 0 {
		l.forget(c, people)
		return
	}
	named := namedIn(rest, len(people))
	for _, who := range people {
		for _, hash := range who {
			if hash == 0 || named(hash) {
				continue
			}
			if !l.people.remove(hash, c) {
				continue
			}
			if other := c.lastAhead(hash); other != nil {
				l.people.set(hash, other)
			}
		}
	}
}

// namedIn returns a function that reports whether an id is of these people,
// made to be called about that often.
func namedIn(people []person, times int) func(hash uint32) bool {
	if times < 8 {
		return func(hash uint32) bool {
			return slices.ContainsFunc(people, func(p person) bool { return p[0] == hash || p[1] == hash })
		}
	}
	ids := make(map[uint32]bool, 2*len(people))
	for _, who := range people {
		ids[who[0]], ids[who[1]] = true, true
	}
	return func(hash uint32) bool { return ids[hash] }
}

// lastAhead returns the last one of the claims ahead of c that names the id.
func (c *claim) lastAhead(hash uint32) (last *claim) {
	if len(c.ahead) == 0 {
		return nil
	}
	var latest moment
	for a := range c.allAhead() {
		if at := a.last(hash); at.compare(latest) > 0 {
			last, latest = a, at
		}
	}
	return last
}
