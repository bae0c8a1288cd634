package altertabletest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestCredentials(t *testing.T) {
	tests := []struct {
		name, header, value, path, auth string
		status                          int
	}{
		{"key", "X-Api-Key", "good", "/track", "X-API-Key", 200},
		{"bearer", "Authorization", "Bearer good", "/track", "Authorization", 200},
		{"bearer in lower case", "Authorization", "bearer good", "/track", "", 401},
		{"other key", "X-Api-Key", "bad", "/track", "X-API-Key", 401},
		{"basic", "Authorization", "Basic good", "/track", "", 401},
		{"query", "X-None", "", "/track?apiKey=good", "apiKey", 200},
		{"other key in the query", "X-None", "", "/track?apiKey=bad", "apiKey", 401},
		{"header before query", "X-Api-Key", "bad", "/track?apiKey=good", "X-API-Key", 401},
		{"empty key before query", "X-Api-Key", "", "/track?apiKey=good", "", 401},
		{"escaped name", "X-None", "", "/track?api%4Bey=g%6Fod", "apiKey", 200},
		{"first of several", "X-None", "", "/track?apiKey=good&apiKey=other", "apiKey", 200},
		{"bearer before query", "Authorization", "Bearer bad", "/track?apiKey=good", "Authorization", 401},
		{"basic beside query", "Authorization", "Basic good", "/track?apiKey=good", "apiKey", 200},
		{"empty in the query", "X-None", "", "/track?apiKey=&apiKey=good", "", 401},
		{"other spelling", "X-None", "", "/track?api_key=good", "", 401},
		{"other case", "X-None", "", "/track?apikey=good", "", 401},
		{"none", "X-None", "", "/track", "", 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, srv *altertabletest.Server, c caller) {
				r := c.request(t.Context(), tt.path, validTrack+strings.Repeat(" ", 256<<10))
				r.Header.Del("X-Api-Key")
				r.Header.Set(tt.header, tt.value)
				r.AddCookie(&http.Cookie{Name: "atbl.good.production", Value: "v"})
				resp, answer, err := c.do(r)
				require.NoError(t, err)
				assert.Equal(t, tt.status, resp.StatusCode)
				got := srv.Requests()[0]
				assert.Equal(t, tt.auth, got.Auth)
				if tt.status == 401 {
					assert.Empty(t, answer)
					assert.Nil(t, got.Body, "read before the key was checked")
					assert.Empty(t, srv.Events())
				}
				record, err := json.Marshal([]any{got.Header, got.Query, got.Path})
				require.NoError(t, err)
				assert.NotContains(t, string(record), "good")
			}, altertabletest.WithAPIKeys("good"))
		})
	}
}

// Whatever a parameter or a header with a key is called, the key is not kept.
func TestKeysAreRedacted(t *testing.T) {
	for _, query := range []string{
		"apiKey=s3cret", "apikey=s3cret", "APIKEY=s3cret", "api_key=s3cret", "api-key=s3cret", "X-API-Key=s3cret", "x_api_key=s3cret",
		"api%4Bey=s3cret", "apiKey=%733cret", "apiKey=a&apiKey=s3cret", "apiKey[]=s3cret", "apiKey.=s3cret", "%20apiKey=s3cret", "apiKey%20=s3cret", "?apiKey=s3cret",
		"apiKey%3Ds3cret", "apiKey%3D3", "apiKey:s3cret", "sync=true;apiKey=s3cret", "apiKey=s3cret%zz", "apiKey%00=s3cret", "amp%3BapiKey=s3cret", "amp;apiKey=s3cret",
	} {
		t.Run(query, func(t *testing.T) {
			o := observe(t)
			_, answer := o.post("/track?n=1&"+query, validTrack)
			r := o.srv.Requests()[0]
			told := o.changes[len(o.changes)-1].Request
			for _, kept := range []any{r.Query, r.Path, r.Reason, r.Header, answer, told.Query, told.Header} {
				text, err := json.Marshal(kept)
				require.NoError(t, err)
				assert.NotContains(t, string(text), "s3cret")
				assert.NotContains(t, string(text), "=3")
			}
			assert.Equal(t, "1", r.Query.Get("n"))
		})
	}
	o := observe(t)
	for name, value := range map[string]string{
		"X-Api-Key": "s3cret", "Authorization": "s3cret and more", "Proxy-Authorization": "Basic s3cret", "X-Forwarded-Authorization": "Bearer s3cret",
		"Api-Key": "s3cret", "Apikey": "s3cret", "X-Altertable-Api-Key": "s3cret", "Cookie": "atbl.s3cret.production=1",
	} {
		r := o.request(t.Context(), "/track", validTrack)
		r.Header.Set(name, value)
		_, _, err := o.do(r)
		require.NoError(t, err)
		requests := o.srv.Requests()
		assert.NotContains(t, requests[len(requests)-1].Header.Get(name), "s3cret", name)
		assert.Equal(t, value, r.Header.Get(name), "the caller's own")
	}
}

// A wait that fails lists requests, and not with their keys.
func TestKeysAreNotInErrors(t *testing.T) {
	o := observe(t)
	o.post("/track?apiKey=s3cret", validTrack)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NotContains(t, o.srv.WaitRequests(ctx, 2).Error(), "s3cret")
	o.srv.Down()
	r := o.request(t.Context(), "/track?apiKey=s3cret", validTrack)
	_, _, err := o.do(r)
	var failed *url.Error // which has the URL, as net/http has it
	require.ErrorAs(t, err, &failed)
	assert.NotContains(t, failed.Err.Error(), "s3cret")
}
