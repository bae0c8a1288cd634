package intake_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

func sized(n, size int) string {
	e := track(n)
	return strings.Replace(e, `"n":`, `"pad":"`+strings.Repeat("x", size-len(e)-len(`"pad":"",`))+`","n":`, 1)
}

func TestPartsAreBoundedAndInOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		each func(int) string
		want []int
	}{
		{"one", 1, track, []int{1}},
		{"a hundred", 100, track, []int{100}},
		{"more", 250, track, []int{100, 100, 50}},
		{"large ones", 10, func(n int) string { return sized(n, 100<<10) }, []int{2, 2, 2, 2, 2}},
		{"larger than a part", 5, func(n int) string { return sized(n, 300<<10) }, []int{1, 1, 1, 1, 1}},
		{"of every size", 4, func(n int) string { return sized(n, []int{300 << 10, 1 << 10, 250 << 10, 260 << 10}[n]) }, []int{1, 2, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, intake.Options{})
			require.Equal(t, 200, s.post(t, "/track", list(c.n, c.each)).status)
			var got []int
			next := 0
			for i, m := range s.stored(t, "acme") {
				got = append(got, len(m.events))
				assert.True(t, len(m.events) == 1 || len(m.data) <= 256<<10)
				assert.Regexp(t, fmt.Sprintf("-%d$", i), m.header.Get("Nats-Msg-Id"))
				for _, e := range m.events {
					require.Equal(t, float64(next), e["properties"].(map[string]any)["n"])
					next++
				}
			}
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.n, next)
		})
	}
}

func TestAPartIsOfOneEnvironment(t *testing.T) {
	s := start(t, intake.Options{})
	environments := []string{"production", "staging", "dev"}
	each := func(n int) string { return strings.Replace(track(n), "production", environments[n%3], 1) }
	require.Equal(t, 200, s.post(t, "/track", list(360, each)).status)
	all := s.stored(t, "acme")
	assert.Len(t, all, 6)
	seen := map[any][]float64{}
	for _, m := range all {
		for _, e := range m.events {
			require.Equal(t, m.events[0]["environment"], e["environment"])
			seen[e["environment"]] = append(seen[e["environment"]], e["properties"].(map[string]any)["n"].(float64))
		}
	}
	assert.Equal(t, "production", all[0].events[0]["environment"])
	for i, environment := range environments {
		require.Len(t, seen[environment], 120)
		for k, n := range seen[environment] {
			require.EqualValues(t, 3*k+i, n)
		}
	}
}

// Two small parts together are no larger than what one may be.
func TestTwoSmallPartsAreNotTheWholeBody(t *testing.T) {
	s := start(t, intake.Options{})
	require.Equal(t, 200, s.post(t, "/track", "["+track(0)+","+strings.Replace(track(1), "production", "staging", 1)+"]").status)
	all := s.stored(t, "acme")
	require.Len(t, all, 2)
	assert.Len(t, all[0].events, 1)
	assert.Len(t, all[1].events, 1)
}

func TestWhatWasCompleteStaysAsItWas(t *testing.T) {
	s := start(t, intake.Options{})
	text := " [\n  " + strings.Replace(track(1), `{"$ip":0`, `{ "$ip" : 0, "big":123456789012345678901234567890.5e-7, "text":"\u00e9\/é"`, 1) + " ,\n" + track(2) + "\n]\n"
	require.Equal(t, 200, s.post(t, "/track", text).status)
	assert.Equal(t, strings.TrimSpace(text), s.stored(t, "acme")[0].data)
	require.Equal(t, 200, s.post(t, "/track", track(3)+" ").status)
	assert.Equal(t, "["+track(3)+"]", s.stored(t, "acme")[1].data)
	require.Equal(t, 200, s.post(t, "/track", "["+track(4)+strings.Repeat(" ", 300<<10)+"]").status)
	assert.Equal(t, "["+track(4)+"]", s.stored(t, "acme")[2].data)
}

func TestTheSameBodyIsStoredOnceIfItHasItsTimestamps(t *testing.T) {
	s := start(t, intake.Options{})
	for range 3 {
		require.Equal(t, 200, s.post(t, "/track", list(250, track)).status)
	}
	assert.Len(t, s.events(t, "acme"), 250)
	bare := `{"environment":"e","event":"e","properties":{}}`
	for range 3 {
		require.Equal(t, 200, s.post(t, "/track", "["+track(300)+","+bare+"]").status)
	}
	assert.Len(t, s.events(t, "acme"), 256, "without them it is another event")
	both := strings.Replace(track(400), `"event"`, `"new_user_id":"v","event"`, 1)
	for _, path := range []string{"/track", "/identify", "/alias"} {
		require.Equal(t, 200, s.post(t, path, both).status, path)
	}
	assert.Len(t, s.events(t, "acme"), 259, "at another endpoint it is another message")
}

// What is added must not move events from one part to another: the retry's would
// be taken for the first's.
func TestARetryFromAnotherAddressMakesTheSameParts(t *testing.T) {
	proxies := intake.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	first, second := start(t, proxies), start(t, proxies)
	each := func(n int) string { return strings.Replace(sized(n, 5243), `"$ip":0,`, "", 1) }
	var got [2][]int
	var ids [2][]string
	for i, s := range []*service{first, second} {
		from := []string{"1.2.3.4", "2001:db8:1111:2222:3333:4444:5555:6666"}[i]
		require.Equal(t, 200, s.post(t, "/track", list(300, each), "X-API-Key", browserToken, "X-Forwarded-For", from).status)
		for _, m := range s.stored(t, "acme") {
			got[i] = append(got[i], len(m.events))
			ids[i] = append(ids[i], m.header.Get("Nats-Msg-Id"))
		}
	}
	assert.Equal(t, []int{50, 50, 50, 50, 50, 50}, got[0], "with what is added they would be 49")
	assert.Equal(t, got[0], got[1])
	assert.Equal(t, ids[0], ids[1])
}

// A browser's token is known to everybody: what is sent with it takes no server's place.
func TestABrowserSuppressesNoEventOfAServer(t *testing.T) {
	s := start(t, intake.Options{})
	text := strings.Replace(track(1), `"$ip":0,`, "", 1)
	for range 2 {
		require.Equal(t, 200, s.post(t, "/track", text, "X-API-Key", browserToken).status)
		require.Equal(t, 200, s.post(t, "/track", text).status)
	}
	all := s.events(t, "acme")
	require.Len(t, all, 2)
	assert.Equal(t, "127.0.0.1", all[0]["properties"].(map[string]any)["$ip"])
	assert.EqualValues(t, 0, all[1]["properties"].(map[string]any)["$ip"])
}
