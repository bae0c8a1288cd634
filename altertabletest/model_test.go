package altertabletest_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A sent is one random message, before it is JSON.
type sent struct {
	alias                      bool
	id, anonymous, device, new string
	at                         time.Time // zero: none
	trait                      string    // empty: no traits
	value                      float64
}

func randomMessage(random *rand.Rand, n int) sent {
	id := func() string {
		if random.IntN(40) == 0 {
			return ""
		}
		return fmt.Sprint("id-", random.IntN(14))
	}
	if random.IntN(4) == 0 {
		return sent{alias: true, id: id(), new: id()}
	}
	m := sent{id: id(), value: float64(n)}
	if random.IntN(2) == 0 {
		m.anonymous = id()
	}
	if random.IntN(2) == 0 {
		m.device = fmt.Sprint("device-", random.IntN(6))
	}
	if random.IntN(4) > 0 {
		m.at = time.Date(2023, 1, 1, 12, 0, random.IntN(30), 0, time.UTC)
	}
	if random.IntN(5) > 0 {
		m.trait = fmt.Sprint("t", random.IntN(5))
	}
	return m
}

func (m sent) step() step {
	if m.alias {
		return aliasStep(m.id, m.new)
	}
	body := fmt.Sprintf(`{"environment":"production","distinct_id":%q,"anonymous_id":%q,"device_id":%q`, m.id, m.anonymous, m.device)
	if !m.at.IsZero() {
		body += fmt.Sprintf(`,"timestamp":%q`, m.at.Format(time.RFC3339))
	}
	if m.trait != "" {
		body += fmt.Sprintf(`,"traits":{%q:%v,"n%v":true}`, m.trait, m.value, m.value)
	}
	return step{"/identify", body + "}"}
}

// A modelPerson is a person as the documentation tells it, with no thought of speed.
type modelPerson struct {
	altertabletest.Identity
	born int
	ids  map[string]int // to when they were first seen
	anon map[string]bool
	seen map[string]int // devices
}

type model struct {
	persons []*modelPerson
	clock   int
}

func (m *model) tick() int {
	m.clock++
	return m.clock
}

func (m *model) of(id string) *modelPerson {
	for _, p := range m.persons {
		if p.ids[id] != 0 {
			return p
		}
	}
	return nil
}

func (m *model) ofOrNew(id string, now time.Time) *modelPerson {
	p := m.of(id)
	if p == nil {
		p = &modelPerson{born: m.tick(), ids: map[string]int{id: m.tick()}, anon: map[string]bool{}, seen: map[string]int{}}
		p.DistinctID, p.Traits, p.CreatedAt = id, map[string]any{}, now
		m.persons = append(m.persons, p)
	}
	return p
}

func (m *model) take(s sent, now time.Time) {
	if s.alias {
		into := m.ofOrNew(s.new, now)
		if from := m.of(s.id); from == nil {
			into.ids[s.id] = m.tick()
		} else if from != into {
			m.merge(into, from)
		}
		return
	}
	p, at := m.ofOrNew(s.id, now), s.at
	if at.IsZero() {
		at = now
	}
	newer := p.UpdatedAt.IsZero() || at.After(p.UpdatedAt)
	if s.trait != "" && (newer || s.at.IsZero()) {
		p.Traits[s.trait], p.Traits[fmt.Sprint("n", s.value)] = s.value, true
	}
	if newer {
		p.UpdatedAt = at
	}
	if s.device != "" && p.seen[s.device] == 0 {
		p.seen[s.device] = m.tick()
	}
	if s.anonymous == "" {
		return
	}
	other := m.of(s.anonymous)
	switch {
	case other == nil:
		p.ids[s.anonymous] = m.tick()
	case other == p:
	case other.DistinctID != s.anonymous:
		return
	default:
		m.merge(p, other)
	}
	if s.anonymous != p.DistinctID {
		p.anon[s.anonymous] = true
	}
}

func (m *model) merge(into, from *modelPerson) {
	traits := maps.Clone(from.Traits)
	maps.Copy(traits, into.Traits)
	if from.UpdatedAt.After(into.UpdatedAt) {
		maps.Copy(traits, from.Traits)
		into.UpdatedAt = from.UpdatedAt
	}
	into.Traits = traits
	maps.Copy(into.ids, from.ids)
	maps.Copy(into.anon, from.anon)
	for device, when := range from.seen {
		if known := into.seen[device]; known == 0 || when < known {
			into.seen[device] = when
		}
	}
	into.born = min(into.born, from.born)
	if from.CreatedAt.Before(into.CreatedAt) {
		into.CreatedAt = from.CreatedAt
	}
	m.persons = slices.DeleteFunc(m.persons, func(p *modelPerson) bool { return p == from })
}

func (m *model) identities() []altertabletest.Identity {
	byTime := func(of map[string]int) []string {
		return slices.SortedFunc(maps.Keys(of), func(a, b string) int { return of[a] - of[b] })
	}
	slices.SortFunc(m.persons, func(a, b *modelPerson) int { return cmp.Compare(a.born, b.born) })
	var all []altertabletest.Identity
	for _, p := range m.persons {
		i := p.Identity
		i.Environment = "production"
		for _, id := range byTime(p.ids) {
			switch {
			case id == i.DistinctID:
			case p.anon[id]:
				i.AnonymousIDs = append(i.AnonymousIDs, id)
			default:
				i.Aliases = append(i.Aliases, id)
			}
		}
		if len(p.seen) > 0 {
			i.DeviceIDs = byTime(p.seen)
		}
		all = append(all, i)
	}
	return all
}

// Whatever comes, the server knows what a model without any care for speed does.
// It is asked now and then, since to be asked changes how it keeps its lists.
func TestIdentitiesAgreeWithAModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			o := observe(t)
			var m model
			for n := range 120 {
				message := randomMessage(random, n)
				u := o.send(message.step())
				m.take(message, u.ReceivedAt)
				if random.IntN(6) == 0 {
					require.Equal(t, m.identities(), o.srv.Identities(), "after %d messages", n+1)
				}
			}
			require.Equal(t, m.identities(), o.srv.Identities())
		})
	}
}

// An observer that follows the rule in Update's documentation knows the owner of
// each id, and what became of the traits.
func TestUpdatesTellWhoOwnsEachID(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			o := observe(t)
			owner := map[string]string{}
			for n := range 120 {
				message := randomMessage(random, n)
				asked := message.id
				if message.alias {
					asked = message.new
				}
				before, _ := o.srv.Identity("production", asked)
				u := o.send(message.step())
				follow(owner, u)

				counts := map[string]int{}
				for _, of := range owner {
					counts[of]++
				}
				assert.Equal(t, counts[u.IdentityID], u.IDs)
				assert.Equal(t, before.UpdatedAt, u.Before)
				for i := range 15 {
					id := fmt.Sprint("id-", i)
					if i == 14 {
						id = ""
					}
					identity, known := o.srv.Identity("production", id)
					of, told := owner[id]
					require.Equal(t, known, told, "%q after %d messages", id, n+1)
					require.Equal(t, identity.DistinctID, of, "%q after %d messages", id, n+1)
				}
				if message.trait != "" {
					after, _ := o.srv.Identity("production", message.id)
					assert.Equal(t, !u.Ignored, after.Traits[fmt.Sprint("n", message.value)] != nil)
				}
			}
		})
	}
}

// follow keeps owner by the rule in Update's documentation.
func follow(owner map[string]string, u altertabletest.Update) {
	for id, of := range owner {
		if slices.Contains(u.Former, of) {
			owner[id] = u.IdentityID
		}
	}
	owner[u.IdentityID], owner[u.DistinctID] = u.IdentityID, u.IdentityID
	if u.Alias {
		owner[u.NewUserID] = u.IdentityID
	}
	if u.Linked {
		owner[u.AnonymousID] = u.IdentityID
	}
}
