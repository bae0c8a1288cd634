package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go"
)

// shopPage does what the browser SDK does: it keeps the visitor in a cookie,
// sends with fetch, and with a beacon when it is left.
const shopPage = `<!doctype html><title>shop</title><output id="status"></output><button id="login">log in</button>
<script>
const api = %q, key = 'key', query = new URLSearchParams(location.search);
const environment = query.get('environment') ?? 'production';
const state = {deviceId: 'device-1', distinctId: 'anonymous-1', anonymousId: null, sessionId: 'session-1', lastEventAt: null, trackingConsent: 'granted'};
document.cookie = 'atbl.' + key + '.production=' + encodeURIComponent(JSON.stringify(state)) + ';path=/';
const show = text => { document.querySelector('#status').textContent = text; };
const url = path => api + path + '?apiKey=' + encodeURIComponent(key);
const message = event => JSON.stringify([{event, environment, device_id: state.deviceId, distinct_id: state.distinctId,
  anonymous_id: state.anonymousId, session_id: state.sessionId, timestamp: new Date().toISOString(), properties: {$url: location.href}}]);
const reached = ['/query', '/console/session', '/'].map(path => fetch(api + path, {credentials: 'include'}).then(() => { document.title = 'reached ' + path; }, () => {}));
const sent = fetch(url('/track'), {method: 'POST', headers: {'Content-Type': 'application/json'}, body: message('page_viewed'), keepalive: true});
Promise.allSettled(reached).then(() => sent).then(answer => show('status ' + answer.status), () => show('blocked'));
addEventListener('pagehide', () => navigator.sendBeacon(url('/track'), new Blob([message('page_left')], {type: 'application/json'})));
document.querySelector('#login').onclick = () => fetch('/login', {method: 'POST'}).then(answer => show('login ' + answer.status));
</script>`

// A shop serves pages and their back end, at an origin of its own.
type shop struct {
	*httptest.Server
	origin string
}

// newShop has its origin, but serves nothing before open.
func newShop(t *testing.T) shop {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	t.Cleanup(s.Close)
	return shop{s, strings.Replace("http://"+s.Listener.Addr().String(), "127.0.0.1", "localhost", 1)}
}

func (s shop) open(t *testing.T, r *running) {
	t.Helper()
	client, mux := r.client(), http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, shopPage, r.url)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		ctx := altertable.ContextWithUser(r.Context(), "u_42")
		assert.NoError(t, client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"plan": "pro"}}))
		assert.NoError(t, client.Track(ctx, altertable.Track{Event: "logged_in"}))
		assert.NoError(t, client.Flush(ctx))
		w.WriteHeader(http.StatusNoContent)
	})
	s.Config.Handler = client.Middleware(mux)
	s.Start()
}

func pageTitle(t *testing.T, browser context.Context) string {
	t.Helper()
	var title string
	see(t, browser, chromedp.Title(&title))
	return title
}

func TestPageOfNamedOrigin(t *testing.T) {
	known, unknown := newShop(t), newShop(t)
	r := startLocal(t, Config{Origins: []string{known.origin}})
	known.open(t, r)
	unknown.open(t, r)
	site, stranger, browser := known.origin, unknown.origin, newBrowser(t)
	see(t, browser, chromedp.Navigate(site), shows("#status", "status 200"))
	assert.Equal(t, "shop", pageTitle(t, browser), "nothing else can be reached")
	see(t, browser, chromedp.Navigate(r.url), shows("#events", "page_left")) // a beacon, since the page was left
	assert.JSONEq(t, `[["page_left","anonymous-1",null],["page_viewed","anonymous-1",null]]`,
		r.rows("SELECT event, identity_id, identity_traits->>'plan' FROM events ORDER BY event"))

	see(t, browser, chromedp.Navigate(site), shows("#status", "status 200"), chromedp.Click("#login", chromedp.ByQuery), shows("#status", "login 204"))
	assert.JSONEq(t, `[["logged_in","u_42","u_42","pro"],["page_left","anonymous-1","u_42","pro"],
		["page_viewed","anonymous-1","u_42","pro"],["page_viewed","anonymous-1","u_42","pro"]]`,
		r.rows("SELECT event, distinct_id, identity_id, identity_traits->>'plan' FROM events ORDER BY event, timestamp"))

	// The page may read why it is refused.
	see(t, browser, chromedp.Navigate(site+"/?environment=nowhere"), shows("#status", "status 400"))

	see(t, browser, chromedp.Navigate(stranger), shows("#status", "blocked"))
	assert.Equal(t, "shop", pageTitle(t, browser))
	see(t, browser, chromedp.Navigate(r.url), shows("#requests", "-origin "+stranger+" lets its pages send events"))
	assert.JSONEq(t, `[[0]]`, r.rows(`SELECT count(*) FROM events WHERE json_extract_string(properties, '$."$url"') LIKE '`+stranger+`%'`))
}
