package altertabletest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A caller sends requests to a server in one of the ways there are.
type caller struct {
	t      *testing.T
	client *http.Client
	url    string
}

// bothWays runs test over a socket and in memory, with a server each.
func bothWays(t *testing.T, test func(t *testing.T, srv *altertabletest.Server, c caller), opts ...altertabletest.Option) {
	t.Helper()
	t.Run("socket", func(t *testing.T) {
		srv := altertabletest.NewServer(opts...)
		t.Cleanup(srv.Close)
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		test(t, srv, caller{t, &http.Client{Transport: transport, CheckRedirect: noRedirect}, srv.URL})
	})
	t.Run("memory", func(t *testing.T) {
		srv := altertabletest.NewServer(opts...)
		t.Cleanup(srv.Close)
		client := srv.HTTPClient()
		client.CheckRedirect = noRedirect
		test(t, srv, caller{t, client, srv.URL})
	})
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (c caller) request(ctx context.Context, path, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, strings.NewReader(body))
	require.NoError(c.t, err)
	r.Header.Set("X-Api-Key", "secret")
	r.Header.Set("Content-Type", "application/json")
	return r
}

// do returns the answer with its body read, or an error of either.
func (c caller) do(r *http.Request) (*http.Response, string, error) {
	resp, err := c.client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// post sends a body that is answered.
func (c caller) post(path, body string) (status int, answer string) {
	c.t.Helper()
	resp, answer, err := c.do(c.request(context.Background(), path, body))
	require.NoError(c.t, err)
	return resp.StatusCode, answer
}

const (
	validTrack    = `{"environment":"production","event":"signed_up","distinct_id":"u1","properties":{}}`
	validIdentify = `{"environment":"production","distinct_id":"u1","traits":{"plan":"pro"}}`
	validAlias    = `{"environment":"production","distinct_id":"u1","new_user_id":"u2"}`
)

func TestAnswers(t *testing.T) {
	tests := []struct {
		name, path, body string
		status           int
		answer           string
	}{
		{"track", "/track", validTrack, 200, `{"ok":true,"task_id":"task-1","error_code":null}`},
		{"identify", "/identify", validIdentify, 200, `"ok":true`},
		{"alias", "/alias", validAlias, 200, `"ok":true`},
		{"array", "/track?sync=true", "[" + validTrack + "," + validTrack + "]", 200, `"ok":true`},
		{"empty array", "/track", "[]", 200, `"ok":true`},
		{"optional fields null", "/identify", `{"environment":"production","distinct_id":"u1","traits":null,"anonymous_id":null,"timestamp":null}`, 200, `"ok":true`},
		{"integer timestamp", "/track", strings.Replace(validTrack, "{", `{"timestamp":1672574400000,`, 1), 200, `"ok":true`},
		{"other path", "/batch", validTrack, 404, "not found"},
		{"prefixed path", "/v1/track", validTrack, 404, "not found"},
		{"no JSON", "/track", "nope", 400, "not valid JSON"},
		{"empty", "/track", "", 400, "not valid JSON"},
		{"two values", "/track", validTrack + validTrack, 400, "not valid JSON"},
		{"invalid UTF-8", "/track", strings.Replace(validTrack, "u1", "\xff", 1), 400, "not valid JSON"},
		{"scalar", "/track", "1", 422, "not an object"},
		{"no environment", "/track", `{"event":"e","distinct_id":"u1","properties":{}}`, 422, `missing field "environment"`},
		{"no event", "/track", `{"environment":"production","distinct_id":"u1","properties":{}}`, 422, `missing field "event"`},
		{"other case", "/track", strings.Replace(validTrack, "event", "Event", 1), 422, `missing field "event"`},
		{"no properties", "/track", `{"environment":"production","event":"e","distinct_id":"u1"}`, 422, `missing field "properties"`},
		{"null properties", "/track", `{"environment":"production","event":"e","distinct_id":"u1","properties":null}`, 422, "not an object"},
		{"event not a string", "/track", `{"environment":"production","event":7,"distinct_id":"u1","properties":{}}`, 422, "not a string"},
		{"timestamp of no type", "/track", strings.Replace(validTrack, "{", `{"timestamp":true,`, 1), 422, "timestamp"},
		{"no distinct_id", "/identify", `{"environment":"production"}`, 422, `missing field "distinct_id"`},
		{"no new_user_id", "/alias", `{"environment":"production","distinct_id":"u1"}`, 422, `missing field "new_user_id"`},
		{"unknown environment", "/track", strings.Replace(validTrack, "production", "nowhere", 1), 400, `{"ok":false,"error_code":"environment-not-found"}`},
		{"track's timestamp", "/track", strings.Replace(validTrack, "{", `{"timestamp":"soon",`, 1), 400, "insert-failed"},
		{"identify's timestamp", "/identify", strings.Replace(validIdentify, "{", `{"timestamp":"soon",`, 1), 400, "identify-failed"},
		{"alias's timestamp", "/alias", strings.Replace(validAlias, "{", `{"timestamp":"soon",`, 1), 400, "alias-failed"},
		{"largest body", "/track", validTrack + strings.Repeat(" ", 2_097_152-len(validTrack)), 200, `"ok":true`},
		{"larger body", "/track", validTrack + strings.Repeat(" ", 2_097_153-len(validTrack)), 413, ""},
		{"far larger body", "/track", strings.Repeat(" ", 5<<20), 413, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, srv *altertabletest.Server, c caller) {
				status, answer := c.post(tt.path, tt.body)
				assert.Equal(t, tt.status, status)
				assert.Contains(t, answer, tt.answer)
				requests := srv.Requests()
				require.Len(t, requests, 1)
				assert.Equal(t, tt.status, requests[0].Status)
				assert.Equal(t, tt.status != 200, requests[0].Reason != "", requests[0].Reason)
			}, altertabletest.WithEnvironments("production"))
		})
	}
}

func TestErrorCodeIsJSON(t *testing.T) {
	bothWays(t, func(t *testing.T, srv *altertabletest.Server, c caller) {
		const code = "\x00 \"\u2028\a"
		srv.Next(1, altertabletest.Status(200).ErrorCode(code))
		_, answer := c.post("/track", validTrack)
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(answer), &fields), answer)
		assert.Equal(t, map[string]any{"ok": false, "error_code": code}, fields)
	})
}

func TestMethodAndContentType(t *testing.T) {
	bothWays(t, func(t *testing.T, srv *altertabletest.Server, c caller) {
		r := c.request(t.Context(), "/track", validTrack)
		r.Method = http.MethodPut
		resp, _, err := c.do(r)
		require.NoError(t, err)
		assert.Equal(t, 405, resp.StatusCode)
		assert.Equal(t, "POST", resp.Header.Get("Allow"))

		for contentType, status := range map[string]int{
			"text/plain": 415, "": 415, "application/jsonp": 415, "text/json": 415, "text/vnd.x+json": 415, "+json": 415,
			"application/json; charset=utf-8": 200, "application/vnd.x+json": 200, "Application/JSON": 200,
		} {
			r := c.request(t.Context(), "/track", validTrack)
			r.Header.Set("Content-Type", contentType)
			resp, _, err := c.do(r)
			require.NoError(t, err)
			assert.Equal(t, status, resp.StatusCode, contentType)
		}
	})
}

func TestCompressedBodyIsNotJSON(t *testing.T) {
	bothWays(t, func(t *testing.T, srv *altertabletest.Server, c caller) {
		var compressed bytes.Buffer
		w := gzip.NewWriter(&compressed)
		_, err := io.WriteString(w, validTrack)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		r := c.request(t.Context(), "/track", compressed.String())
		r.Header.Set("Content-Encoding", "gzip")
		resp, _, err := c.do(r)
		require.NoError(t, err)
		assert.Equal(t, 400, resp.StatusCode)
	})
}

func TestArrayIsStoredUpToTheFirstFailure(t *testing.T) {
	good := func(id string) string { return strings.Replace(validTrack, "u1", id, 1) }
	tests := []struct {
		name, bad string
		status    int
		stored    int
	}{
		{"missing field", `{"environment":"production","distinct_id":"u","properties":{}}`, 422, 0},
		{"unknown environment", strings.Replace(validTrack, "production", "nowhere", 1), 400, 2},
		{"timestamp", strings.Replace(validTrack, "{", `{"timestamp":"soon",`, 1), 400, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, srv *altertabletest.Server, c caller) {
				status, _ := c.post("/track", "["+good("a")+","+good("b")+","+tt.bad+","+good("c")+"]")
				assert.Equal(t, tt.status, status)
				assert.Len(t, srv.Events(), tt.stored)
			}, altertabletest.WithEnvironments("production"))
		})
	}
}

func TestEventAndRequestRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := altertabletest.NewServer()
		defer srv.Close()
		c := caller{t, srv.HTTPClient(), srv.URL}
		body := `{"environment":"staging","event":"order_paid","distinct_id":"u1","anonymous_id":"anonymous-1","device_id":"device-1","session_id":"session-1",
			"timestamp":"2023-01-01T14:00:00.000+02:00","properties":{"n":1,"f":1.5,"big":12345678901234567890,"odd":9007199254740993,"list":[{"x":1}]}}`
		srv.Next(1, altertabletest.Delay(time.Second))
		status, _ := c.post("/track?sync=true", body)
		require.Equal(t, 200, status)

		event := srv.Events()[0]
		assert.Equal(t, altertabletest.Event{
			Environment: "staging", Event: "order_paid", DistinctID: "u1", AnonymousID: "anonymous-1", DeviceID: "device-1", SessionID: "session-1",
			Properties: map[string]any{
				"n": 1.0, "f": 1.5, "big": json.Number("12345678901234567890"), "odd": json.Number("9007199254740993"),
				"list": []any{map[string]any{"x": 1.0}},
			},
			Timestamp:  time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC),
			ReceivedAt: time.Now().UTC().Round(0),
			IdentityID: "u1",
		}, event)

		request := srv.Requests()[0]
		assert.Equal(t, "POST", request.Method)
		assert.Equal(t, "/track", request.Path)
		assert.Equal(t, "localhost", request.Host)
		assert.True(t, request.Sync)
		assert.Equal(t, body, string(request.Body))
		assert.Equal(t, len(body), request.Size)
		assert.Equal(t, 1, request.Count)
		assert.Equal(t, time.Second, request.Duration)
		assert.Equal(t, []string{"REDACTED"}, request.Header["X-Api-Key"])

		event.Properties["list"].([]any)[0].(map[string]any)["x"] = "changed"
		request.Header.Set("X-Api-Key", "changed")
		request.Body[0] = 'x'
		assert.Equal(t, 1.0, srv.Events()[0].Properties["list"].([]any)[0].(map[string]any)["x"])
		assert.Equal(t, "REDACTED", srv.Requests()[0].Header.Get("X-Api-Key"))
		assert.Equal(t, body, string(srv.Requests()[0].Body))
	})
}

func TestBodyHistory(t *testing.T) {
	bothWays(t, func(t *testing.T, srv *altertabletest.Server, c caller) {
		for range 3 {
			c.post("/track", validTrack)
		}
		c.post("/track", validTrack+strings.Repeat(" ", 1000))
		requests := srv.Requests()
		require.Len(t, requests, 4)
		assert.Nil(t, requests[0].Body)
		assert.Equal(t, len(validTrack), requests[0].Size)
		assert.Equal(t, validTrack, string(requests[1].Body))
		assert.Equal(t, validTrack, string(requests[2].Body))
		assert.Nil(t, requests[3].Body)
	}, altertabletest.WithBodyHistory(2*len(validTrack)))
}

func TestHistoryAndReset(t *testing.T) {
	bothWays(t, func(t *testing.T, srv *altertabletest.Server, c caller) {
		for i := range 10 {
			c.post("/track", strings.Replace(validTrack, "u1", fmt.Sprint(i), 1))
		}
		events := srv.Events()
		require.Len(t, events, 3)
		assert.Equal(t, "7", events[0].DistinctID)
		assert.Len(t, srv.Requests(), 3)
		require.NoError(t, srv.WaitEvents(t.Context(), 10))

		srv.Reset()
		assert.Empty(t, srv.Events())
		assert.Empty(t, srv.Requests())
		_, answer := c.post("/track", validTrack)
		assert.Contains(t, answer, `"task-11"`)
	}, altertabletest.WithHistory(3))
}

func TestObserver(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	var srv *altertabletest.Server
	observe := func(change altertabletest.Change) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case change.Event != nil:
			seen = append(seen, "event "+change.Event.DistinctID)
		case change.Update != nil:
			seen = append(seen, "identity "+change.Update.IdentityID)
		default:
			seen = append(seen, fmt.Sprintf("request %d of %d", change.Request.Status, len(srv.Requests())))
		}
	}
	srv = altertabletest.NewServer(altertabletest.WithObserver(observe))
	defer srv.Close()
	c := caller{t, srv.HTTPClient(), srv.URL}
	c.post("/track", "["+validTrack+","+validTrack+"]")
	c.post("/identify", validIdentify)
	c.post("/track", "nope")
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"event u1", "event u1", "request 200 of 1", "identity u1", "request 200 of 2", "request 400 of 3"}, seen)
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := altertabletest.NewServer()
		defer srv.Close()
		c := caller{t, srv.HTTPClient(), srv.URL}
		srv.Next(1, altertabletest.Delay(time.Minute))
		go c.post("/track", validTrack)

		require.NoError(t, srv.WaitRequests(t.Context(), 1))
		assert.Equal(t, 0, srv.Requests()[0].Status)
		require.NoError(t, srv.WaitEvents(t.Context(), 1))
		assert.Len(t, srv.Events(), 1)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, srv.WaitEvents(ctx, 2), context.DeadlineExceeded)
		time.AfterFunc(time.Second, srv.Close)
		assert.ErrorIs(t, srv.WaitRequests(t.Context(), 2), http.ErrServerClosed)
	})
}

func TestHandlerUnderPrefix(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	outer := httptest.NewServer(http.StripPrefix("/v1", srv.Handler()))
	defer outer.Close()
	c := caller{t, outer.Client(), outer.URL + "/v1"}
	status, _ := c.post("/track", validTrack)
	assert.Equal(t, 200, status)
	srv.Next(1, altertabletest.Reset())
	_, _, err := c.do(c.request(t.Context(), "/track", validTrack))
	assert.Error(t, err)
	assert.Len(t, srv.Events(), 1)
}

func TestLargeIngest(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	c := caller{t, srv.HTTPClient(), srv.URL}
	const batches, size = 200, 1000
	var batch strings.Builder
	for i := range size {
		fmt.Fprintf(&batch, `,{"environment":"production","event":"e","distinct_id":"anonymous-%d","properties":{"i":%d}}`, i, i)
	}
	body := "[" + batch.String()[1:] + "]"
	var links strings.Builder
	for i := range size {
		fmt.Fprintf(&links, `,{"environment":"production","distinct_id":"u1","anonymous_id":"anonymous-%d","traits":{"i":%d}}`, i, i)
	}
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range batches / 8 {
				c.post("/track", body)
			}
		})
	}
	workers.Wait()
	c.post("/identify", "["+links.String()[1:]+"]")
	events := srv.Events()
	require.Len(t, events, batches*size)
	assert.Equal(t, "u1", events[len(events)-1].IdentityID)
	assert.Len(t, srv.Identities()[0].AnonymousIDs, size)
}
