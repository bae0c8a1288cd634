package intake_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

func TestBrowsersEventsGetTheClientsAddress(t *testing.T) {
	s := start(t, intake.Options{TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("fd00::/8"),
	}})
	const bare = `{"environment":"production","event":"signed_up","properties":{"a":1}}`
	var none any = 0.0
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         any
	}{
		{"no proxy", "203.0.113.7:4711", nil, "203.0.113.7"},
		{"an untrusted one names another", "203.0.113.7:4711", []string{"198.51.100.1"}, "203.0.113.7"},
		{"IPv6", "[2001:db8::1]:4711", nil, "2001:db8::1"},
		{"IPv4 in IPv6", "[::ffff:203.0.113.7]:4711", nil, "203.0.113.7"},
		{"a zone", "[fe80::1%eth0]:4711", nil, "fe80::1"},
		{"one proxy", "10.1.2.3:80", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a trusted proxy in IPv6 form", "[::ffff:10.1.2.3]:80", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a client that makes one up", "10.1.2.3:80", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"a client that sends garbage", "10.1.2.3:80", []string{"<script>, 198.51.100.1"}, "198.51.100.1"},
		{"three proxies", "10.1.2.3:80", []string{"1.1.1.1,198.51.100.1,192.0.2.1 ,10.9.9.9"}, "198.51.100.1"},
		{"on several lines", "10.1.2.3:80", []string{"1.1.1.1", "198.51.100.1", "192.0.2.1, 10.9.9.9"}, "198.51.100.1"},
		{"a port", "10.1.2.3:80", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"IPv6 with a port", "10.1.2.3:80", []string{"[2001:db8::2]:4711"}, "2001:db8::2"},
		{"IPv6 in brackets", "10.1.2.3:80", []string{"[2001:db8::2]"}, "2001:db8::2"},
		{"IPv6 in quotes", "10.1.2.3:80", []string{`"[2001:db8::2]:80"`}, "2001:db8::2"},
		{"IPv6 behind IPv6", "[fd00::1]:80", []string{"2001:db8::2, fd00::2"}, "2001:db8::2"},
		{"proxies alone", "10.1.2.3:80", []string{"10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		{"nothing said", "10.1.2.3:80", nil, "10.1.2.3"},
		{"empty elements", "10.1.2.3:80", []string{"", " , 198.51.100.1 , ,"}, "198.51.100.1"},
		{"the proxy does not know", "10.1.2.3:80", []string{"1.1.1.1, unknown"}, none},
		{"the proxy says garbage", "10.1.2.3:80", []string{"1.1.1.1, 300.1.1.1"}, none},
		{"a flood", "10.1.2.3:80", []string{strings.Repeat("10.0.0.1,", 20_000) + "198.51.100.1" + strings.Repeat(",10.0.0.1", 20_000)}, "198.51.100.1"},
		{"no address of the connection", "@", nil, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/track", strings.NewReader(bare))
			r.RemoteAddr = c.remote
			r.Header = http.Header{"X-Api-Key": {browserToken}, "Content-Type": {"application/json"}, "X-Forwarded-For": c.forwarded}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			require.Equal(t, 200, w.Code)
			all := s.events(t, "acme")
			assert.Equal(t, map[string]any{"$ip": c.want, "a": 1.0}, all[len(all)-1]["properties"])
		})
	}
}

func TestAServersEventsGetNoAddress(t *testing.T) {
	s := start(t, intake.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	require.Equal(t, 200, s.post(t, "/track", `{"environment":"e","event":"e","properties":{}}`, "X-Forwarded-For", "198.51.100.1").status)
	require.Equal(t, 200, s.post(t, "/track", `{"environment":"e","event":"e","properties":{"$ip":"198.51.100.9"}}`, "X-API-Key", browserToken).status)
	require.Equal(t, 200, s.post(t, "/identify", `{"environment":"e","distinct_id":"u"}`, "X-API-Key", browserToken).status)
	all := s.events(t, "acme")
	assert.Equal(t, map[string]any{"$ip": 0.0}, all[0]["properties"])
	assert.Equal(t, map[string]any{"$ip": "198.51.100.9"}, all[1]["properties"], "the caller's wins")
	assert.NotContains(t, all[2], "properties")
}
