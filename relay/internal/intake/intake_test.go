package intake_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

func TestAnAnswerOf200MeansThatAllIsOnTheStream(t *testing.T) {
	s := start(t, intake.Options{})
	a := s.post(t, "/track", list(3, track))
	require.Equal(t, 200, a.status, a.body)
	assert.JSONEq(t, `{"ok":true,"error_code":null}`, a.body)
	a = s.post(t, "/identify", `{"environment":"staging","distinct_id":"u_1","traits":{"plan":"pro"},"timestamp":"2026-11-27T12:00:00Z"}`)
	require.Equal(t, 200, a.status, a.body)
	a = s.post(t, "/alias", `{"environment":"staging","distinct_id":"a_1","new_user_id":"u_1","timestamp":"2026-11-27T12:00:00Z"}`)
	require.Equal(t, 200, a.status, a.body)

	all := s.stored(t, "acme")
	require.Len(t, all, 3)
	assert.Equal(t, "altertable.v1.acme.track", all[0].subject)
	assert.Equal(t, list(3, track), all[0].data)
	assert.Equal(t, "altertable.v1.acme.identify.0", all[1].subject)
	assert.Equal(t, "altertable.v1.acme.alias", all[2].subject)
	for _, m := range all {
		assert.Regexp(t, `^[0-9a-f]{32}-0$`, m.header.Get("Nats-Msg-Id"))
		assert.Empty(t, m.header.Get("Altertable-Outcome"))
	}
}

// What the strict server of altertabletest answers is the API's answer.
func TestRequestsAreAnsweredAsByTheAPI(t *testing.T) {
	tenant := acme()
	tenant.Environments = []string{"production"}
	s := start(t, intake.Options{Tenants: []intake.Tenant{tenant}})
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(token), altertabletest.WithEnvironments("production"))
	t.Cleanup(api.Close)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(track(1)))
	require.NoError(t, z.Close())
	long := `{"environment":"production","event":"e","distinct_id":"u","properties":{"$ip":0,"a":"` + strings.Repeat("x", 2_097_152-200) + `"},"timestamp":"2026-11-27T12:00:00Z"}`

	for _, c := range []struct {
		name, method, path, body string
		header                   []string
	}{
		{"an object", "", "/track", track(1), nil},
		{"a list", "", "/track", list(2, track), nil},
		{"an empty list", "", "/track", "[]", nil},
		{"sync of an empty list", "", "/track?sync=true", "[]", nil},
		{"another path", "", "/query", track(1), nil},
		{"a longer path", "", "/track/", track(1), nil},
		{"two slashes", "", "//track", track(1), nil},
		{"the root", "", "/", track(1), nil},
		{"GET", "GET", "/track", "", nil},
		{"PUT", "PUT", "/track", track(1), nil},
		{"OPTIONS", "OPTIONS", "/track", "", nil},
		{"GET elsewhere", "GET", "/metrics", "", nil},
		{"no token", "", "/track", track(1), []string{"X-API-Key", ""}},
		{"another token", "", "/track", track(1), []string{"X-API-Key", "other"}},
		{"Bearer", "", "/track", track(1), []string{"X-API-Key", "", "Authorization", "Bearer " + token}},
		{"Bearer with spaces", "", "/track", track(1), []string{"X-API-Key", "", "Authorization", "Bearer   " + token + " "}},
		{"bearer in lower case", "", "/track", track(1), []string{"X-API-Key", "", "Authorization", "bearer " + token}},
		{"Basic", "", "/track", track(1), []string{"X-API-Key", "", "Authorization", "Basic " + token}},
		{"another key beside a good Bearer", "", "/track", track(1), []string{"X-API-Key", "x", "Authorization", "Bearer " + token}},
		{"in the URL", "", "/track?apiKey=" + token, track(1), []string{"X-API-Key", ""}},
		{"wrong in the URL", "", "/track?apiKey=x", track(1), []string{"X-API-Key", ""}},
		{"empty in the URL", "", "/track?apiKey=", track(1), []string{"X-API-Key", ""}},
		{"another name in the URL", "", "/track?apikey=" + token, track(1), []string{"X-API-Key", ""}},
		{"text/plain", "", "/track", track(1), []string{"Content-Type", "text/plain"}},
		{"no content type", "", "/track", track(1), []string{"Content-Type", ""}},
		{"a charset", "", "/track", track(1), []string{"Content-Type", "application/json; charset=utf-8"}},
		{"upper case", "", "/track", track(1), []string{"Content-Type", "Application/JSON"}},
		{"a JSON format", "", "/track", track(1), []string{"Content-Type", "application/cloudevents+json"}},
		{"not quite JSON", "", "/track", track(1), []string{"Content-Type", "application/json+x"}},
		{"broken parameters", "", "/track", track(1), []string{"Content-Type", "application/json;;"}},
		{"a form", "", "/track", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"gzip", "", "/track", zipped.String(), []string{"Content-Encoding", "gzip"}},
		{"nothing", "", "/track", "", nil},
		{"a cut body", "", "/track", track(1)[:40], nil},
		{"a missing field", "", "/track", `{"environment":"production"}`, nil},
		{"one element of two is wrong", "", "/track", `[` + track(1) + `,{"event":1}]`, nil},
		{"another environment", "", "/track", strings.Replace(track(1), "production", "nowhere", 1), nil},
		{"a timestamp that is none", "", "/track", strings.Replace(track(1), "2026-11", "2026-13", 1), nil},
		{"the same of identify", "", "/identify", strings.Replace(track(1), "2026-11", "2026-13", 1), nil},
		{"nearly too long", "", "/track", long, nil},
		{"too long", "", "/track", strings.Repeat(" ", 2_097_153-len(track(1))) + track(1), nil},
		{"much too long", "", "/track", strings.Repeat(" ", 9<<20), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got [2]reply
			for i, url := range []string{api.URL, s.URL} {
				r := s.request(t, c.path, c.body, c.header...)
				r.URL.Host = strings.TrimPrefix(url, "http://")
				if c.name == "no content type" {
					r.Header["Content-Type"] = nil
				}
				if c.method != "" {
					r.Method = c.method
				}
				got[i] = s.do(t, r)
			}
			assert.Equal(t, got[0].status, got[1].status)
			assert.Equal(t, got[0].code, got[1].code)
			for _, name := range []string{"Allow", "Content-Type"} {
				assert.Equal(t, got[0].header.Get(name), got[1].header.Get(name), name)
			}
			if got[0].status == 401 {
				assert.Empty(t, got[1].body)
			}
		})
	}
	assert.NotContains(t, s.log.String(), token)
}

// An empty X-API-Key cannot be sent by request.
func TestAnEmptyKeyIsAWrongOne(t *testing.T) {
	s := start(t, intake.Options{})
	r := s.request(t, "/track", track(1), "Authorization", "Bearer "+token)
	r.Header["X-Api-Key"] = []string{""}
	assert.Equal(t, 401, s.do(t, r).status)
}

func TestMissingTimestampsAndAddressesAreAdded(t *testing.T) {
	s := start(t, intake.Options{})
	before := time.Now().Add(-time.Millisecond)
	bare := func(int) string { return `{"environment":"production","event":"signed_up","properties":{}}` }
	for range 3 {
		require.Equal(t, 200, s.post(t, "/track", list(50, bare)).status)
	}
	var last time.Time
	for _, e := range s.events(t, "acme") {
		at, err := time.Parse(time.RFC3339Nano, e["timestamp"].(string))
		require.NoError(t, err)
		require.Greater(t, at, last)
		require.True(t, at.After(before) && !at.After(time.Now().Add(time.Second)))
		require.GreaterOrEqual(t, at.Sub(last), time.Microsecond)
		last = at
		require.Equal(t, map[string]any{"$ip": 0.0}, e["properties"])
	}
	assert.Len(t, s.events(t, "acme"), 150)
}

func TestAPanicIsA500AndNothingElse(t *testing.T) {
	secret := "secret-value"
	s := startOn(t, nil, intake.Options{JetStream: func() jetstream.JetStream { panic(secret) }})
	for range 2 {
		a := s.post(t, "/identify", `{"environment":"e","distinct_id":"u"}`)
		assert.Equal(t, 500, a.status)
		assert.Equal(t, "internal-error", a.code)
	}
	assert.Contains(t, s.log.String(), "intake panicked")
	assert.NotContains(t, s.log.String(), secret)
}

func TestCloseWaitsForWhatIsInsideAndRefusesTheRest(t *testing.T) {
	b := openBroker(t)
	inside, release := make(chan bool), make(chan bool)
	s := startOn(t, b, intake.Options{JetStream: wrap(b, func(ctx context.Context, _ *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		close(inside)
		<-release
		return publish(ctx)
	})})
	answered, closed := make(chan reply, 1), make(chan bool)
	go func() { answered <- s.post(t, "/track", track(1)) }()
	<-inside
	go func() { s.Close(); close(closed) }()
	require.Eventually(t, func() bool {
		a := s.post(t, "/track", track(2))
		return a.status == 503 && a.code == "unavailable" && a.header.Get("Retry-After") != ""
	}, patience, time.Millisecond)
	select {
	case <-closed:
		require.Fail(t, "Close did not wait")
	default:
	}
	close(release)
	assert.Equal(t, 200, (<-answered).status)
	<-closed
	s.Close()
	assert.Len(t, s.events(t, "acme"), 1)
}

func TestTheHandlerNeedsNoConnection(t *testing.T) {
	s := start(t, intake.Options{})
	r := httptest.NewRequest(http.MethodPost, "/track", strings.NewReader(track(1)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", token)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	assert.Equal(t, 200, w.Code)
	r = httptest.NewRequest(http.MethodPost, "/track", strings.NewReader(track(1)))
	w = httptest.NewRecorder()
	s.ServeHTTP(w, r)
	assert.Equal(t, 401, w.Code)
}
