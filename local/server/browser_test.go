package server

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

var screenshots = flag.String("screenshots", "", "directory for pictures of the console")

func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath("chromium"), chromedp.WindowSize(1280, 1000),
		chromedp.WSURLReadTimeout(2*time.Minute)) // a busy machine takes more than its 20 seconds to start one
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(format string, values ...any) {
		if text := fmt.Sprintf(format, values...); !strings.Contains(text, "unhandled") { // an event that chromedp does not know yet
			t.Log(text)
		}
	}))
	t.Cleanup(cancel)
	browser, cancel = context.WithTimeout(browser, 5*time.Minute)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Run(browser), "is chromium installed?")
	return browser
}

// see runs the steps one after the other.
func see(t *testing.T, browser context.Context, steps ...chromedp.Action) {
	t.Helper()
	for i, step := range steps {
		require.NoError(t, chromedp.Run(browser, step), "step %d", i)
	}
}

// poll waits until a script is true, for as long as there is the browser: on a busy
// machine the 30 seconds of chromedp.Poll are over now and then.
func poll(script string) chromedp.Action {
	return chromedp.Poll(script, nil, chromedp.WithPollingTimeout(0))
}

// press waits for an element that can be seen, and clicks it wherever it is by
// then: a mouse would miss one that moves as data comes in.
func press(selector string) chromedp.Action {
	return poll(`(e => e?.checkVisibility() && !e.disabled && (e.click(), true))(document.querySelector(` + quoted(selector) + `))`)
}

// shows waits for an element with a text.
func shows(selector, text string) chromedp.Action {
	script := `[...document.querySelectorAll(` + quoted(selector) + `)].some(e => e.checkVisibility() && e.textContent.includes(` + quoted(text) + `))`
	return poll(script)
}

// tellStory sends what a shop's server would: ada looks around, signs up and
// upgrades, grace and edsger are customers already, and somebody stays unknown.
func tellStory(t *testing.T, client *altertable.Client) {
	t.Helper()
	const ada, visitor = "u_01jza857w4f23s1hf2s61befmw", "anonymous-7c9e6679-7425"
	now := time.Now().Add(-2 * time.Minute)
	step := func() time.Time { now = now.Add(7 * time.Second); return now }
	track := func(event, id string, properties altertable.Properties) {
		send(t, client, altertable.Track{Event: event, DistinctID: id, Properties: properties, Timestamp: step()})
	}
	track("logged_in", "u_01jza4edsger", altertable.Properties{"method": "sso"})
	send(t, client, altertable.Identify{DistinctID: "u_01jza4edsger", AnonymousID: "anonymous-b6a1", Timestamp: step(),
		Traits: altertable.Traits{"email": "edsger@example.com", "plan": "starter", "seats": 3}})
	track("page_viewed", visitor, altertable.Properties{"page": "/pricing", "referrer": "search"})
	track("page_viewed", "anonymous-0f8fad5b-d9cb", altertable.Properties{"page": "/"})
	track("page_viewed", visitor, altertable.Properties{"page": "/signup"})
	send(t, client, altertable.Identify{DistinctID: ada, AnonymousID: visitor, Timestamp: step(),
		Traits: altertable.Traits{"email": "ada@example.com", "plan": "free", "role": "owner"}})
	track("signed_up", ada, altertable.Properties{"method": "password"})
	send(t, client, altertable.Identify{DistinctID: "u_01jza9grace", Timestamp: step(),
		Traits: altertable.Traits{"email": "grace@example.com", "plan": "premium"}})
	track("report_shared", "u_01jza9grace", altertable.Properties{"seats": 12})
	send(t, client, altertable.Alias{DistinctID: "stripe:cus_Nf1", NewUserID: ada, Timestamp: step()})
	track("plan_upgraded", "stripe:cus_Nf1", altertable.Properties{"plan": "premium", "amount": 49.99, "currency": "USD"})
	send(t, client, altertable.Identify{DistinctID: ada, Timestamp: step(), Traits: altertable.Traits{"plan": "premium"}})
}

func writePicture(t *testing.T, name string, png []byte) {
	t.Helper()
	if *screenshots != "" {
		require.NoError(t, os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644))
	}
}

func TestConsoleShowsWhatArrives(t *testing.T) {
	r := startLocal(t, Config{})
	client, browser := r.client(), newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), shows("#state", "live"), shows("#start", "export ALTERTABLE_BASE_URL="+r.url))
	send(t, client, altertable.Track{Event: "page_viewed", DistinctID: "anonymous-1", Properties: altertable.Properties{"page": "/pricing"}})
	see(t, browser, shows("#events li", "page: /pricing"), shows("#events .who", "anonymous-1"), shows("#requests", "POST /track"))

	// The event joins its user before the visitor's eyes.
	send(t, client, altertable.Identify{DistinctID: "u_42", AnonymousID: "anonymous-1", Traits: altertable.Traits{"plan": "pro"}})
	see(t, browser, shows("#events .who", "u_42"), shows("#events .sent", "anonymous-1"),
		shows("#identities .chip", "pro"), shows("#identities .links", "anonymous-1"))

	send(t, client, altertable.Alias{DistinctID: "u_42", NewUserID: "u_43"})
	see(t, browser, shows("#events .who", "u_43"), shows("#identities .links", "u_42"))
	var people int
	see(t, browser, chromedp.Evaluate(`document.querySelectorAll('#identities li').length`, &people))
	assert.Equal(t, 1, people, "the former identity is gone")

	// A refusal says why.
	_, err := client.TrackSync(t.Context(), altertable.Track{Event: "e", DistinctID: "u", Environment: "nowhere"})
	require.Error(t, err)
	see(t, browser, shows("#requests .refused", "400"), shows("#requests .reason", "environment-not-found"))
}

func TestConsoleAnswersSQL(t *testing.T) {
	r := startLocal(t, Config{})
	tellStory(t, r.client())
	browser := newBrowser(t)
	query := func(sql string) chromedp.Action {
		return chromedp.Tasks{chromedp.SetValue("#sql", sql), chromedp.Focus("#sql"), chromedp.KeyEvent("\r", chromedp.KeyModifiers(input.ModifierCtrl))}
	}
	see(t, browser, chromedp.Navigate(r.url), shows("#state", "live"),
		chromedp.Click("#run"), shows("#outcome", "4 rows in"), shows("#result td", `["page_viewed", "page_viewed", "signed_up", "plan_upgraded"]`),
		query("SELECT 12345678901234567890::HUGEINT, 1.50::DECIMAL(9,2), NULL, {'a': ['x', NULL]}"),
		shows("#result td.number", "12345678901234567890"), shows("#result td.number", "1.50"),
		shows("#result td.null", "null"), shows("#result td", `{"a": ["x", null]}`),
		query("SELEC"), shows("#error", "syntax error"),
		query("DROP VIEW altertable.analytics.events"), shows("#error", "only one SELECT"),
		query("SELECT count(*) FROM altertable.analytics.events"), shows("#result td", "7"),
		chromedp.WaitNotVisible("#error"),
		chromedp.Click("[data-sample=identities]"), shows("#outcome", "3 rows in"), shows("#result td", "ada@example.com"),
		chromedp.Click("[data-sample=senders]"), shows("#result td", "altertable-go"),
		chromedp.Click("[data-sample=events]"), shows("#outcome", "7 rows in"),
		chromedp.Click("[data-sample=people]"), shows("#outcome", "4 rows in"),
	)
}

const hostile = `<script>document.title='run'</script><img src=x onerror="document.title='run'">"'&{{7*7}}`

func TestConsoleShowsHostileNamesAsText(t *testing.T) {
	r := startLocal(t, Config{})
	client, browser := r.client(), newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), shows("#state", "live"))
	send(t, client, altertable.Identify{DistinctID: "u" + hostile, AnonymousID: "a" + hostile, Traits: altertable.Traits{hostile: hostile}})
	send(t, client, altertable.Track{Event: hostile, DistinctID: "u" + hostile, Properties: altertable.Properties{hostile: hostile, "__proto__": hostile}})
	r.post("/"+"%3Cscript%3Edocument.title='run'%3C/script%3E", "")
	see(t, browser, shows("#events .name", hostile), shows("#events .brief", hostile), shows("#identities .chip", hostile),
		shows("#identities .links .id", "a"+hostile), shows("#requests", "<script>"),
		chromedp.Click("#events .name"), shows("#events .facts", "script"),
		chromedp.SetValue("#sql", `SELECT identity_id AS "<img src=x onerror=document.title='run'>", * FROM altertable.analytics.events`),
		chromedp.Click("#run"), shows("#result td", hostile), shows("#result th", "<img"),
		chromedp.SetValue("#sql", `SELECT "<img src=x onerror=document.title='run'>"`), chromedp.Click("#run"), shows("#error", "<img"))
	var title string
	var foreign int
	see(t, browser, chromedp.Title(&title), chromedp.Evaluate(`document.querySelectorAll('main img, main script').length`, &foreign))
	assert.Equal(t, "Altertable local", title)
	assert.Zero(t, foreign)
}

func TestConsoleSignIn(t *testing.T) {
	r := startLocal(t, Config{Keys: []string{"the secret"}})
	r.key = "the secret"
	browser := newBrowser(t)
	var page string
	see(t, browser, chromedp.Navigate(r.url), chromedp.WaitVisible("#signin"), chromedp.WaitNotVisible("#console"),
		chromedp.SendKeys("#key", "wrong\r"), shows("#signin-error", "unknown"),
		chromedp.KeyEvent("the secret\r"), shows("#state", "live"), chromedp.WaitNotVisible("#signin"),
		chromedp.Click("#run"), shows("#outcome", "0 rows"),
		chromedp.Evaluate(`location.href + document.documentElement.outerHTML + document.querySelector('#key').value + document.cookie`, &page))
	assert.NotContains(t, page, "the secret")
	assert.NotContains(t, page, "altertable_local_", "the session is none of the page's business")
	see(t, browser, chromedp.Reload(), shows("#state", "live"))
}

func TestConsoleReconnects(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.duckdb")
	c := Config{Data: file, Port: freePort(t)}
	r := startLocal(t, c)
	send(t, r.client(), altertable.Track{Event: "before", DistinctID: "u"})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), shows("#events .name", "before"))
	r.stop()
	see(t, browser, shows("#state", "reconnecting"))
	r = startLocal(t, c)
	send(t, r.client(), altertable.Track{Event: "after", DistinctID: "u"})
	see(t, browser, shows("#state", "live"), shows("#events .name", "after"), shows("#events .name", "before"))
}

func TestConsoleByKeyboard(t *testing.T) {
	r := startLocal(t, Config{})
	tellStory(t, r.client())
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), shows("#events li", "plan_upgraded"), chromedp.Focus("#events [tabindex='0']"),
		chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent("\r"), shows("#events .detail", "identity_traits"))
	// What changes elsewhere takes neither the focus nor what is open.
	send(t, r.client(), altertable.Identify{DistinctID: "u_01jza9grace", Traits: altertable.Traits{"plan": "enterprise"}})
	send(t, r.client(), altertable.Identify{DistinctID: "u_01jza857w4f23s1hf2s61befmw", Traits: altertable.Traits{"plan": "enterprise"}})
	var focused bool
	see(t, browser, shows("#events .detail", "enterprise"), chromedp.Evaluate(`document.activeElement === document.querySelector('#events [aria-expanded=true]')`, &focused))
	assert.True(t, focused)
}

// TestConsoleFits looks at the page on a desk and on a phone, in both colors.
func TestConsoleFits(t *testing.T) {
	r := startLocal(t, Config{})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), chromedp.WaitVisible("#environment"))
	look := func(name string, width, height int64, scheme string) {
		var png []byte
		var overflow int
		see(t, browser, chromedp.EmulateViewport(width, height),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
			chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &overflow),
			chromedp.FullScreenshot(&png, 100))
		assert.LessOrEqual(t, overflow, 0, "%s scrolls sideways", name)
		writePicture(t, name, png)
	}
	look("empty", 1280, 800, "light")
	tellStory(t, r.client())
	_, err := r.client().TrackSync(t.Context(), altertable.Track{Event: "plan_upgraded", DistinctID: "u_01jza9grace", Environment: "prod"})
	require.Error(t, err)
	send(t, r.client(), altertable.Track{Event: "Report Shared", DistinctID: "grace@example.com", Properties: altertable.Properties{"seats": 3}})
	see(t, browser, shows("#requests", "environment-not-found"), shows("#events", "Report Shared"), shows("#hints", "two spellings"),
		chromedp.Click("[data-sample=people]"), shows("#result td", "signed_up"), shows("#result td", "grace@example.com"))
	look("console", 1280, 800, "light")
	look("dark", 1280, 800, "dark")
	see(t, browser, chromedp.Click("#events .name"), shows("#events .detail", "received_at"))
	look("phone", 360, 740, "light")
	look("phone-dark", 360, 740, "dark")
	see(t, browser, chromedp.Navigate(r.personURL("production", "u_01jza857w4f23s1hf2s61befmw")), shows("#story", "signed_up"))
	look("story", 1280, 590, "light")
}

// quoted is text as JavaScript has it.
func quoted(text string) string { return string(appendText(nil, text)) }
