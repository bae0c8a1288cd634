package altertable

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// An index is a map, whatever comes and goes: also where hashes crowd in one
// place, and around the end of the table.
func TestIndexIsAMap(t *testing.T) {
	for name, hash := range map[string]func(r *rand.Rand) uint32{
		"spread":  func(r *rand.Rand) uint32 { return 1 + r.Uint32N(1<<31) },
		"few":     func(r *rand.Rand) uint32 { return 1 + r.Uint32N(200) },
		"crowded": func(r *rand.Rand) uint32 { return 1<<16*r.Uint32N(300) + 65_530 + r.Uint32N(10) },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var x index
			want := map[uint32]*claim{}
			var used []uint32
			claims := make([]*claim, 20)
			for i := range claims {
				claims[i] = new(claim)
				x.enter(claims[i])
			}
			check := func(h uint32) { require.Same(t, want[h], x.find(h), "%d", h) }
			for step := range 24_000 {
				h, c := hash(r), claims[r.IntN(len(claims))]
				grows := step%8_000 < 4_000
				if len(used) > 0 && r.IntN(3) > 0 != grows {
					h = used[r.IntN(len(used))]
				}
				check(h)
				if r.IntN(3) > 0 == grows {
					x.set(h, c)
					want[h] = c
					used = append(used, h)
				} else if removed := x.remove(h, c); removed {
					require.Same(t, want[h], c)
					delete(want, h)
				} else {
					require.NotSame(t, want[h], c)
				}
				require.Equal(t, len(want), x.used)
			}
			for _, h := range used {
				check(h)
			}
			for h, c := range want {
				require.True(t, x.remove(h, c))
			}
			require.Zero(t, x.used)
			require.LessOrEqual(t, len(x.entries), keptIndex, "what is not needed is given back")
		})
	}
}

func TestClaimsShareTheirNumbers(t *testing.T) {
	var x index
	a, b := new(claim), new(claim)
	x.enter(a)
	x.leave(a)
	x.enter(b)
	x.set(7, b)
	require.Same(t, b, x.find(7))
	require.Len(t, x.claims, 2)
}
