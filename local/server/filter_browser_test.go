package server

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go"
)

// choose takes an option as a reader would.
func choose(selector, value string) chromedp.Action {
	script := `{ const e = document.querySelector(` + quoted(selector) + `); e.value = ` + quoted(value) +
		`; e.dispatchEvent(new Event('input', { bubbles: true })) }`
	return chromedp.Evaluate(script, nil)
}

// showsEvents waits until the list has exactly the events of the names, the
// newest first.
func showsEvents(names ...string) chromedp.Action {
	return poll(`[...document.querySelectorAll('#events .name')].map(e => e.textContent).join(' ') === ` +
		quoted(strings.Join(names, " ")))
}

func showsAddress(t *testing.T, query url.Values) chromedp.Action {
	t.Helper()
	return poll(`JSON.stringify([...new URLSearchParams(location.search)].sort()) === JSON.stringify([...new URLSearchParams(` +
		quoted(query.Encode()) + `)].sort())`)
}

// filterStory is the story of a few events, in two environments.
func filterStory(t *testing.T, r *running) {
	t.Helper()
	client := r.client()
	send(t, client, altertable.Track{Event: "page_viewed", DistinctID: "anonymous-1", Properties: altertable.Properties{"page": "/Pricing"}})
	send(t, client, altertable.Track{Event: "page_viewed", DistinctID: "u_other", Properties: altertable.Properties{"page": "/blog"}})
	send(t, client, altertable.Identify{DistinctID: "u_42", AnonymousID: "anonymous-1", Traits: altertable.Traits{"plan": "pro"}})
	send(t, client, altertable.Track{Event: "signed_up", DistinctID: "u_42"})
	send(t, client, altertable.Track{Event: "signed_up", DistinctID: "u_42", Environment: "staging"})
	send(t, client, altertable.Track{Event: "plan_upgraded", DistinctID: "u_42", Properties: altertable.Properties{"seats": 5}})
}

func TestFilter(t *testing.T) {
	r := startLocal(t, Config{Environments: []string{"production", "staging"}})
	filterStory(t, r)
	browser := newBrowser(t)
	all := showsEvents("plan_upgraded", "signed_up", "signed_up", "page_viewed", "page_viewed")
	clearFilter := chromedp.Tasks{chromedp.Click("#filter-clear"), all, showsAddress(t, url.Values{}), chromedp.WaitNotVisible("#filter-clear")}
	see(t, browser, chromedp.Navigate(r.url), all)

	see(t, browser, choose("#filter-event", "signed_up"), showsEvents("signed_up", "signed_up"),
		showsAddress(t, url.Values{"event": {"signed_up"}}), shows("#events-count", "2 of 5 match"), clearFilter)
	see(t, browser, choose("#filter-environment", "staging"), showsEvents("signed_up"), shows("#events .environment", "staging"), clearFilter)
	see(t, browser, chromedp.SendKeys("#filter-text", "pricing"), showsEvents("page_viewed"), showsAddress(t, url.Values{"text": {"pricing"}}), clearFilter)
	see(t, browser, chromedp.SendKeys("#filter-person", "anonymous-1"), choose("#filter-environment", "production"),
		showsEvents("plan_upgraded", "signed_up", "page_viewed"), clearFilter)

	// Together, and after a reload; then the page has it from its address alone.
	together := url.Values{"event": {"page_viewed"}, "person": {"u_42"}, "environment": {"production"}, "text": {"pric"}}
	see(t, browser, choose("#filter-event", "page_viewed"), choose("#filter-person", "u_42"), choose("#filter-environment", "production"),
		choose("#filter-text", "pric"), showsAddress(t, together), showsEvents("page_viewed"),
		chromedp.Reload(), shows("#state", "live"), showsEvents("page_viewed"), showsAddress(t, together))
	var fields []string
	see(t, browser, chromedp.Evaluate(`['event', 'person', 'environment', 'text'].map(n => document.getElementById('filter-' + n).value)`, &fields))
	assert.Equal(t, []string{"page_viewed", "u_42", "production", "pric"}, fields)
	see(t, browser, clearFilter, chromedp.Navigate(r.url+"/?"+together.Encode()), showsEvents("page_viewed"))
}

func TestFilterThatNothingMatches(t *testing.T) {
	r := startLocal(t, Config{})
	client := r.client()
	send(t, client, altertable.Identify{DistinctID: "somebody", Environment: "production"})
	send(t, client, altertable.Track{Event: "signed_up", DistinctID: "u"})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url+"/?event=never_sent&person=stranger&text=%3Cimg+src%3Dx%3E"), shows("#events-empty", "No event matches"), shows(".identities .empty", "No identity matches"),
		chromedp.WaitVisible("#filter-clear"), poll(`document.querySelector('#filter-event').value === 'never_sent'`))

	// What arrives later passes the filter, or does not show.
	see(t, browser, choose("#filter-text", ""), choose("#filter-person", ""), showsAddress(t, url.Values{"event": {"never_sent"}}))
	send(t, client, altertable.Track{Event: "signed_up", DistinctID: "u"})
	send(t, client, altertable.Track{Event: "never_sent", DistinctID: "u"})
	see(t, browser, showsEvents("never_sent"), shows("#events-count", "1 of 3 match"), shows("#stored", "3"))
}

func TestFilterByKeyboard(t *testing.T) {
	r := startLocal(t, Config{})
	filterOf := r.client()
	send(t, filterOf, altertable.Track{Event: "signed_up", DistinctID: "u"})
	send(t, filterOf, altertable.Track{Event: "logged_in", DistinctID: "u"})
	browser := newBrowser(t)
	slash := chromedp.Tasks{input.DispatchKeyEvent(input.KeyDown).WithKey("/").WithCode("Slash").WithText("/"), input.DispatchKeyEvent(input.KeyUp).WithKey("/").WithCode("Slash")}
	focused := func(id string) chromedp.Action { return poll(`document.activeElement.id === '` + id + `'`) }
	see(t, browser, chromedp.Navigate(r.url), showsEvents("logged_in", "signed_up"),
		slash, focused("filter-text"), chromedp.KeyEvent("signed/"), showsAddress(t, url.Values{"text": {"signed/"}}),
		chromedp.KeyEvent(kb.Backspace), showsEvents("signed_up"),
		chromedp.KeyEvent(kb.Escape), showsEvents("logged_in", "signed_up"), showsAddress(t, url.Values{}), focused("filter-text"))
	// In a text the key is a character.
	var sql string
	see(t, browser, chromedp.Evaluate(`document.querySelector('#sql').value = ''`, nil), chromedp.Focus("#sql"), slash, focused("sql"), chromedp.Value("#sql", &sql))
	assert.Equal(t, "/", sql)
	see(t, browser, chromedp.Focus("#run"), chromedp.KeyEvent("/", chromedp.KeyModifiers(input.ModifierCtrl)), focused("run"))
}

// An open event leads to others of its name, and of its person.
func TestFilterFromAnEvent(t *testing.T) {
	r := startLocal(t, Config{Environments: []string{"production", "staging"}})
	filterStory(t, r)
	browser := newBrowser(t)
	open := chromedp.Tasks{chromedp.Click("#events li:nth-child(3) .name"), shows("#events .only button", "Only this person")}
	only := func(label string) chromedp.Action {
		return chromedp.Evaluate(`[...document.querySelectorAll('#events .only button')].find(e => e.textContent === '`+label+`').click()`, nil)
	}
	see(t, browser, chromedp.Navigate(r.url), shows("#events .name", "plan_upgraded"), open, only("Only this event"), showsEvents("signed_up", "signed_up"),
		chromedp.Click("#filter-clear"), shows("#events .name", "plan_upgraded"), open, only("Only this person"),
		showsEvents("plan_upgraded", "signed_up", "page_viewed"), showsAddress(t, url.Values{"person": {"u_42"}, "environment": {"production"}}))
}
