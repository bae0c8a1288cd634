package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	browserapi "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A message of the busy day, as it goes over the wire.
type said map[string]any

// personOf returns the ids of one of the day's people, as a browser's SDK and a
// service make them.
func personOf(n int) (user, anonymous string) {
	return fmt.Sprintf("u_01jza857w4f23s1hf2s61b%04x", n), fmt.Sprintf("anonymous-7c9e6679-7425-40de-944b-e07fc1f9%04x", n)
}

// tellBusyDay sends n events of many people in a few large requests, with some
// of what goes wrong on such a day.
func tellBusyDay(t *testing.T, r *running, n int) {
	t.Helper()
	names := []string{"page_viewed", "checkout_completed", "report_shared", "plan_upgraded", "invoice_paid"}
	var events, identifies []said
	for i := range n {
		user, anonymous := personOf(i % 97)
		event := said{"environment": "production", "event": names[i%len(names)], "properties": said{"page": fmt.Sprint("/orders/", i), "amount": i % 90, "$lib": "altertable-js"}}
		switch i % 4 {
		case 0:
			event["distinct_id"], event["anonymous_id"] = anonymous, anonymous
		case 1:
			event["distinct_id"], event["environment"] = user, "staging"
		default:
			event["distinct_id"] = user
		}
		events = append(events, event)
	}
	for i := range 40 {
		user, anonymous := personOf(i)
		identifies = append(identifies, said{"environment": "production", "distinct_id": user, "anonymous_id": anonymous,
			"traits": said{"email": fmt.Sprintf("user%d@example.com", i), "plan": []string{"free", "pro", "premium"}[i%3], "about": strings.Repeat("a long text ", 30*(i%2))}})
	}
	identifies = append(identifies,
		said{"environment": "production", "distinct_id": "u_password", "traits": said{"name": "Eve", "password": "hunter2-hunter2"}},
		said{"environment": "production", "distinct_id": "grace@example.com", "traits": said{"plan": "pro"}})
	events = append(events,
		said{"environment": "production", "event": "Page Viewed", "distinct_id": "user", "properties": said{"page": "/"}},
		said{"environment": "production", "event": "logged_in", "distinct_id": "grace@example.com", "properties": said{"method": "sso"}})
	sendAll(t, r, "/track", events)
	sendAll(t, r, "/identify", identifies)
	r.post("/track", string(jsonOf(t, said{"environment": "prod", "event": "page_viewed", "distinct_id": "u_1", "properties": said{}})))
	r.post("/track", `{"event": 1}`)
}

// sendAll sends each request again that a fault refuses.
func sendAll(t *testing.T, r *running, path string, messages []said) {
	t.Helper()
	for len(messages) > 0 {
		some := messages[:min(len(messages), 1000)]
		messages = messages[len(some):]
		status, answer := r.post(path, string(jsonOf(t, some)))
		for status == http.StatusServiceUnavailable {
			status, answer = r.post(path, string(jsonOf(t, some)))
		}
		require.Equal(t, http.StatusOK, status, answer)
	}
}

func jsonOf(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}

// count waits until an expression of the page is a number.
func count(expression string, n int) chromedp.Action {
	return poll(fmt.Sprintf(`(%s) === %d`, expression, n))
}

const (
	shownEvents = `document.querySelectorAll('#events > li').length`
	newEvents   = `parseInt((document.querySelector('.events .fresh:not([hidden])')?.textContent ?? '0').replace(',', ''))`
	topOfOpen   = `document.querySelector('#events [aria-expanded=true]').getBoundingClientRect().top`
)

func track(t *testing.T, r *running, event string, n int) {
	t.Helper()
	var events []said
	for i := range n {
		_, anonymous := personOf(i % 97)
		events = append(events, said{"environment": "production", "event": event, "distinct_id": anonymous, "properties": said{"i": i}})
	}
	sendAll(t, r, "/track", events)
}

func TestOpenEventStaysWhileOthersArrive(t *testing.T) {
	r := startLocal(t, Config{})
	track(t, r, "before", 20)
	browser := newBrowser(t)
	var before, after float64
	see(t, browser, chromedp.Navigate(r.url), count(shownEvents, 20), chromedp.Click("#events > li:nth-child(3) .name"),
		shows("#events .detail", "received_at"), chromedp.Evaluate(topOfOpen, &before))
	for range 5 {
		track(t, r, "during", 200)
	}
	see(t, browser, shows("#stored", "1,020"), count(newEvents, 1000), chromedp.Evaluate(topOfOpen, &after), shows("#events .detail", "received_at"))
	assert.InDelta(t, before, after, 0.5, "it did not move")
	see(t, browser, count(shownEvents, 20))

	// The button brings the newest, and what comes then comes by itself.
	see(t, browser, chromedp.Click(".events .fresh"), shows("#events > li:first-child .brief", "i: 199"), count(shownEvents, 300),
		chromedp.WaitNotPresent("#events .detail"), chromedp.WaitNotVisible(".events .fresh"))
	track(t, r, "later", 1)
	see(t, browser, shows("#events > li:first-child", "later"), count(shownEvents, 300))
}

// An open event shows its new owner, where it is.
func TestOpenEventChanges(t *testing.T) {
	r := startLocal(t, Config{})
	_, anonymous := personOf(1)
	sendAll(t, r, "/track", []said{{"environment": "production", "event": "page_viewed", "distinct_id": anonymous, "properties": said{}}})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), chromedp.Click("#events .name"), shows("#events .detail", "not identified"))
	sendAll(t, r, "/identify", []said{{"environment": "production", "distinct_id": "u_42", "anonymous_id": anonymous, "traits": said{"plan": "pro"}}})
	see(t, browser, shows("#events .row .who", "u_42"), shows("#events .row .sent", anonymous), shows("#events .detail", `"plan": "pro"`))
	sendAll(t, r, "/identify", []said{{"environment": "production", "distinct_id": "u_42", "traits": said{"plan": "enterprise"}}})
	see(t, browser, shows("#events .detail", `"plan": "enterprise"`))
}

func TestListStandsStillWhileItIsRead(t *testing.T) {
	r := startLocal(t, Config{})
	track(t, r, "before", 100)
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), count(shownEvents, 100))
	for name, c := range map[string]struct{ begin, end string }{
		"scrolled": {`document.querySelector('.events .scroll').scrollTop = 300`, `document.querySelector('.events .scroll').scrollTop = 0`},
		"selected": {`getSelection().selectAllChildren(document.querySelector('#events .brief'))`, `getSelection().removeAllRanges()`},
	} {
		var shown, later int
		see(t, browser, chromedp.Evaluate(c.begin+`; 0`, nil), chromedp.Evaluate(shownEvents, &shown))
		track(t, r, name, 7)
		see(t, browser, count(newEvents, 7), chromedp.Evaluate(shownEvents, &later))
		assert.Equal(t, shown, later, name)
		see(t, browser, chromedp.Evaluate(c.end+`; 0`, nil), shows("#events > li:first-child .name", name), count(newEvents, 0))
	}
}

func TestConsoleShowsOlderEvents(t *testing.T) {
	r := startLocal(t, Config{})
	track(t, r, "e", 700)
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), count(shownEvents, 300), shows("#events-count", "300 of 700"),
		press("#older"), count(shownEvents, 600), shows("#events-count", "600 of 700"),
		press("#older"), count(shownEvents, 700), chromedp.WaitNotVisible("#older"))
	var numbers string
	see(t, browser, chromedp.Evaluate(`[...document.querySelectorAll('#events .brief')].every((e, i) => e.textContent === 'i: ' + (699 - i)) ? 'in order' : 'not in order'`, &numbers))
	assert.Equal(t, "in order", numbers)

	// Those that pass the filter alone.
	track(t, r, "other", 10)
	see(t, browser, choose("#filter-event", "e"), count(shownEvents, 300), shows("#events-count", "300 of 700 that match"),
		press("#older"), count(shownEvents, 600), press("#older"), count(shownEvents, 700), chromedp.WaitNotVisible("#older"))
}

func TestConsoleClear(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.duckdb")
	c := Config{Data: file, Port: freePort(t)}
	r := startLocal(t, c)
	tellStory(t, r.client())
	browser := newBrowser(t)
	open := poll(`document.querySelector('#clear-dialog').open`)
	closed := poll(`!document.querySelector('#clear-dialog').open`)
	see(t, browser, chromedp.Navigate(r.url), shows("#events .name", "plan_upgraded"), chromedp.Focus("#clear"), chromedp.KeyEvent("\r"), open,
		shows("#clear-text", "-data file"), chromedp.KeyEvent(kb.Escape), closed, shows("#events .name", "plan_upgraded"),
		poll(`document.activeElement.id === 'clear'`),
		chromedp.KeyEvent("\r"), open, poll(`document.activeElement.textContent === 'Cancel'`),
		chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("\r"), closed,
		count(shownEvents, 0), count(`document.querySelectorAll('#identities > li, #requests > li').length`, 0), shows("#stored", "0"), shows("#start", "export"))
	assert.JSONEq(t, `[[0, 0]]`, r.rows("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM identities)"))
	track(t, r, "after", 1)
	see(t, browser, showsEvents("after"), shows("#stored", "1"))
	r.stop()
	r = startLocal(t, c)
	see(t, browser, shows("#state", "live"), showsEvents("after"))
	assert.JSONEq(t, `[["after"]]`, r.rows("SELECT event FROM events"))
}

func TestHintsLeadToTheirRows(t *testing.T) {
	r := startLocal(t, Config{})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), chromedp.WaitNotVisible("#hints"))
	sendAll(t, r, "/identify", []said{{"environment": "production", "distinct_id": "u_1", "traits": said{"password": "hunter2-hunter2"}}})
	sendAll(t, r, "/track", []said{
		{"environment": "production", "event": "logged_in", "distinct_id": "ada@example.com", "properties": said{}},
		{"environment": "production", "event": "logged_in", "distinct_id": "u_1", "properties": said{}},
	})
	see(t, browser, shows("#hints-title", "2 things look wrong"), shows("#hint-codes", "e-mail as id"), shows("#hint-codes", "secret?"),
		shows("#events .badge", "e-mail as id"), shows("#identities .badge", "secret?"))
	see(t, browser, chromedp.Click("#hint-codes [data-hint=email-id]"), shows("#events .pointed .id", "ada@example.com"),
		poll(`document.activeElement.closest('.pointed') !== null && document.querySelector('#hint-text').textContent.length > 20`),
		chromedp.Click("#hint-codes [data-hint=secret-trait]"), shows("#identities .pointed .id", "u_1"),
		chromedp.Click("#events > li:nth-child(2) .name"), shows("#events .detail .sentences", "e-mail"))
	var spoken string
	see(t, browser, chromedp.Evaluate(`document.querySelector('#events .badge').textContent`, &spoken))
	assert.Greater(t, len(spoken), 30, "the sentence is text, not only a title")
}

// Each list is one stop of the Tab key.
func TestTabOrder(t *testing.T) {
	r := startLocal(t, Config{})
	track(t, r, "e", 400)
	tellStory(t, r.client())
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), count(shownEvents, 300), shows("#outcome", "rows in"))
	var stops []string
	for range 40 {
		var stop string
		see(t, browser, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`(e => e.closest('ol')?.id || e.id || e.closest('.samples') && 'sample' || e.className || e.tagName)(document.activeElement)`, &stop))
		if stop == "BODY" {
			break
		}
		stops = append(stops, stop)
	}
	assert.Equal(t, []string{"skip", "skip", "clear", "filter-text", "filter-event", "filter-person", "events", "older", "identities",
		"sql", "run", "sample", "sample", "sample", "sample", "result", "id", "requests"}, stops)

	row := func(n int) chromedp.Action {
		return count(`[...document.querySelectorAll('#events > li')].indexOf(document.activeElement.closest('li'))`, n)
	}
	see(t, browser, chromedp.Focus("#events [tabindex='0']"), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), row(2), chromedp.KeyEvent(kb.ArrowUp), row(1),
		chromedp.KeyEvent(kb.End), row(299), chromedp.KeyEvent(kb.Home), row(0),
		chromedp.KeyEvent(kb.ArrowRight), poll(`document.activeElement.matches('a.id')`), chromedp.KeyEvent(kb.ArrowRight),
		poll(`document.activeElement.matches('.copy')`), chromedp.KeyEvent(kb.ArrowDown), row(1),
		chromedp.KeyEvent("\r"), shows("#events .detail", "received_at"), row(1),
		chromedp.KeyEvent(kb.Tab), poll(`document.activeElement.closest('.detail') !== null`))

	// The skip links lead past everything.
	see(t, browser, chromedp.Reload(), count(shownEvents, 300), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("\r"),
		poll(`document.activeElement.id === 'sql'`))
}

func TestIDsAreCopiedWhole(t *testing.T) {
	r := startLocal(t, Config{})
	_, anonymous := personOf(7)
	track(t, r, "e", 8)
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), count(shownEvents, 8))
	var shown, title, pasted string
	var height float64
	see(t, browser, chromedp.Evaluate(`document.querySelector('#events .id').innerText`, &shown), chromedp.Evaluate(`document.querySelector('#events .id').title`, &title),
		chromedp.Evaluate(`document.querySelector('#events .id').getBoundingClientRect().height`, &height))
	assert.Equal(t, anonymous, shown, "the whole id is text: what is left out is only not painted")
	assert.Equal(t, anonymous, title)
	assert.Less(t, height, 24.0, "it takes one line")

	paste := chromedp.Evaluate(`Reflect.get(Navigator.prototype, 'clipboard', navigator).readText()`, &pasted,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })
	copied := chromedp.Tasks{chromedp.Evaluate(`document.querySelector('#announcement')?.remove()`, nil), chromedp.Focus("#events [tabindex='0']"),
		chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent("\r"), shows("#announcement", "copied")}
	permissions := browserapi.GrantPermissions([]browserapi.PermissionType{browserapi.PermissionTypeClipboardReadWrite, browserapi.PermissionTypeClipboardSanitizedWrite})
	see(t, browser, permissions, copied, paste)
	assert.Equal(t, anonymous, pasted)
	see(t, browser, chromedp.Evaluate(`navigator.clipboard.writeText('').then(() => Object.defineProperty(navigator, 'clipboard', { value: undefined })).then(() => 0)`, nil,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }), copied, paste)
	assert.Equal(t, anonymous, pasted, "also where a page has no clipboard")
	var focused bool
	see(t, browser, chromedp.Evaluate(`document.activeElement.matches('.copy')`, &focused))
	assert.True(t, focused)
}

// TestBusyDayFits looks at a busy day on a desk and on a phone, in both colors.
func TestBusyDayFits(t *testing.T) {
	r := startLocal(t, Config{Environments: []string{"production", "staging"}, Fail: http.StatusServiceUnavailable, FailRate: 0.5})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), shows("#state", "live"),
		chromedp.Evaluate(`window.most = 0; new MutationObserver(() => { most = Math.max(most, document.querySelector('#events').childElementCount) })
			.observe(document.querySelector('#events'), { childList: true }); 0`, nil))
	tellBusyDay(t, r, 5000)
	var most int
	see(t, browser, shows("#stored", "5,002"), count(shownEvents, 300), shows("#hints-title", "look wrong"), shows("#events-count", "300 of 5,002"),
		shows("#outcome", "rows in"), shows("#requests .broken", "503"), chromedp.Evaluate(`most`, &most))
	assert.Equal(t, 300, most, "a burst replaces what is shown, and never more")
	look := func(name string, width, height int64, scheme string) {
		var png []byte
		var troubles []string
		see(t, browser, chromedp.EmulateViewport(width, height),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
			chromedp.Evaluate(troublesOfLayout, &troubles), chromedp.FullScreenshot(&png, 100))
		assert.Empty(t, troubles, name)
		writePicture(t, name, png)
	}
	look("busy", 1280, 800, "light")
	look("busy-dark", 1280, 800, "dark")
	look("busy-phone", 390, 844, "light")
	look("busy-phone-dark", 390, 844, "dark")
	see(t, browser, chromedp.EmulateViewport(1280, 800), choose("#filter-text", "grace"), shows("#events-count", "1 of"),
		chromedp.Click("#events .name"), shows("#events .detail", "received_at"), press("#requests .wrong button"), shows("#requests .detail", "arrived"))
	look("open", 1280, 800, "light")
	look("open-phone", 390, 844, "dark")
}

// troublesOfLayout says what is clipped, what wraps that should not, and what is
// too small for a finger.
const troublesOfLayout = `(() => {
  const troubles = [], wide = document.documentElement.clientWidth;
  const name = (e) => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 40);
  if (document.documentElement.scrollWidth > innerWidth) troubles.push('the page scrolls sideways');
  const scrolls = (e) => e.closest('#result, pre, select');
  for (const e of document.querySelectorAll('body *')) {
    const box = e.getBoundingClientRect();
    if (!box.width || !e.checkVisibility() || scrolls(e) || e.closest('.hidden, .skips')) continue;
    if (box.right > wide + 1 || box.left < -1) troubles.push('clipped: ' + name(e));
    if (wide < 600 && e.matches('button, input, select, textarea, a:not(.id)') && !e.matches('.name') && (box.height < 24 || box.width < 22)) troubles.push('small: ' + box.width + 'x' + box.height + ' ' + name(e));
    if (wide < 600 && e.matches('kbd')) troubles.push('a key on a phone: ' + name(e));
    if (e.matches('#events .row .name, #events .row .ref .id, #events .row .sent, .time, .badge, #events .brief') && box.height > 27) troubles.push('wraps: ' + name(e));
  }
  for (const e of document.querySelectorAll('#events .row .ref .id')) {
    if (e.checkVisibility() && e.scrollWidth > e.clientWidth + 1) troubles.push('loses its end: ' + name(e));
  }
  return troubles.slice(0, 10);
})()`

// What the console does not keep is said, with where it is.
func TestConsoleSaysWhatItKeeps(t *testing.T) {
	r := startLocal(t, Config{})
	track(t, r, "e", 10_500)
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), count(shownEvents, 300), shows("#events-count", "300 of the newest 10,000; SQL has all 10,500"),
		choose("#filter-event", "e"), shows("#events-count", "300 of 10,000 that match, among the newest 10,000; SQL has all 10,500"))
}
