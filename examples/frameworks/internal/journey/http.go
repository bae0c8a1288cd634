package journey

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/stretchr/testify/require"
)

// CookieValue returns the value of the browser SDK's cookie, of a browser whose
// ids end in n.
func CookieValue(n string) string {
	return url.QueryEscape(`{"anonymousId":null,"deviceId":"device-` + n + `","distinctId":"anonymous-` + n +
		`","lastEventAt":null,"sessionId":"session-` + n + `","trackingConsent":"granted"}`)
}

// Request returns a call as a browser's form makes it.
func Request(call Call) *http.Request {
	form := url.Values{"email": {call.Argument}}
	if call.Action == "grant" {
		form = url.Values{"user": {call.Argument}}
	}
	r := httptest.NewRequest(http.MethodPost, "/"+call.Action, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if call.Cookie != "" {
		r.Header.Set("Cookie", call.Cookie)
	}
	if call.Session != "" {
		r.AddCookie(accounts.Cookie(call.Session))
	}
	return r
}

// Answer reads what a service with forms answered.
func Answer(response *http.Response) (session string, ok bool) {
	for _, cookie := range response.Cookies() {
		if cookie.Name == "session" {
			session = cookie.Value
		}
	}
	return session, response.StatusCode == http.StatusOK
}

// Handler makes calls to a handler of net/http.
func Handler(handler http.Handler) Service {
	return Through(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result(), nil
	})
}

// Through makes calls with do.
func Through(do func(*http.Request) (*http.Response, error)) Service {
	return func(t *testing.T, call Call) (session string, ok bool) {
		response, err := do(Request(call))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return Answer(response)
	}
}
