package server

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

const (
	ada        = "u_01jza857w4f23s1hf2s61befmw"
	adaVisitor = "anonymous-7c9e6679-7425"
	steps      = `document.querySelectorAll('#story > li').length`
)

func (r *running) personURL(environment, id string) string {
	return r.url + "/person?" + url.Values{"environment": {environment}, "id": {id}}.Encode()
}

// follow clicks a link, and waits for the page it leads to.
func follows(selector string) chromedp.Action { return leaves(chromedp.Click(selector)) }

// leaves waits for the page that the action leads to.
func leaves(action chromedp.Action) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := chromedp.RunResponse(ctx, action)
		return err
	})
}

// textsOf returns the texts of the elements, each on a line.
func textsOf(t *testing.T, browser context.Context, selector string) string {
	t.Helper()
	var all []string
	see(t, browser, chromedp.Evaluate(`[...document.querySelectorAll(`+quoted(selector)+`)].map(e => e.textContent)`, &all))
	return strings.Join(all, "\n")
}

func TestPersonTellsTheStoryInOrder(t *testing.T) {
	r := startLocal(t, Config{})
	tellStory(t, r.client())
	browser := newBrowser(t)
	for _, id := range []string{ada, adaVisitor, "stripe:cus_Nf1"} {
		see(t, browser, chromedp.Navigate(r.personURL("production", id)), count(steps, 7), shows("#who", ada), shows("#state", "live"))
		assert.Equal(t, strings.Join([]string{
			"page_viewed", "page_viewed", "Login: identify linked " + adaVisitor, "signed_up", "alias", "plan_upgraded", "identify"}, "\n"),
			textsOf(t, browser, "#story .name"), id)
	}
	assert.Equal(t, "Before the login, as "+adaVisitor, textsOf(t, browser, "#story .as"), "said once, before the first of its events")
	see(t, browser, shows("#about .note", "You asked for stripe:cus_Nf1"), shows("#about", "ada@example.com"), shows("#about .environment", "production"),
		shows("#about", "Anonymous ids 1"), shows("#about .ids", adaVisitor), shows("#about", "Aliases 1"), shows("#about .ids", "stripe:cus_Nf1"),
		shows("#story .login .why", ada), shows("#story .login .chip", "planfree"),
		shows("#story .alias .why", "stripe:cus_Nf1 is an id of "+ada),
		shows("#story .sent", "sent as stripe:cus_Nf1"),
		shows("#story li:last-child .chip", "planfreeis now\u2192premium"),
		shows("#story .day", fmt.Sprint(time.Now().Add(-2*time.Minute).Local().Year())))

	// An event opens, and closes.
	see(t, browser, chromedp.Click("#story li:nth-child(4) .line"), shows("#story .detail .code", `"method": "password"`), shows("#story .detail", "received"),
		chromedp.Click("#story li:nth-child(4) .line"), chromedp.WaitNotPresent("#story .detail"))

	// Two ways on.
	var only, sql string
	see(t, browser, chromedp.Evaluate(`document.querySelector('#only').href`, &only))
	assert.Equal(t, r.url+"/?"+"person="+ada+"&environment=production", only)
	see(t, browser, follows("#by-sql"), shows("#state", "live"), chromedp.Value("#sql", &sql))
	assert.Contains(t, sql, "identity_id = '"+ada+"'")
	see(t, browser, poll(`document.activeElement.id === 'run'`), chromedp.KeyEvent("\r"), shows("#outcome", "4 rows"))
}

func TestPersonIsReachedFromTheConsole(t *testing.T) {
	r := startLocal(t, Config{Environments: []string{"production", "staging"}})
	tellStory(t, r.client())
	browser := newBrowser(t)
	for _, from := range []string{"#identities a.id[title='" + ada + "']", "#events a.id[title='" + ada + "']"} {
		see(t, browser, chromedp.Navigate(r.url), follows(from), shows("#who", ada), count(steps, 7),
			follows("header nav a"), shows("#events .name", "plan_upgraded"))
	}
	// A result leads there, too, in its environment.
	send(t, r.client(), altertable.Track{Event: "e", DistinctID: "u_staging", Environment: "staging"})
	see(t, browser, chromedp.SetValue("#sql", "SELECT 1 AS n, environment, identity_id FROM altertable.analytics.events WHERE environment = 'staging'"),
		chromedp.Click("#run"), follows("#result td a[href*='environment=staging']"), shows("#who", "u_staging"), shows("#about .environment", "staging"),
		count(steps, 1), chromedp.WaitNotPresent("#story .sent"))
}

// A browser has six connections to a server: pages that were left hold none.
func TestPersonAfterMany(t *testing.T) {
	r := startLocal(t, Config{})
	tellStory(t, r.client())
	for range 31 { // of 32 seats, so that a page that is left has to leave its own
		listen(r).next()
	}
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url))
	for range 4 {
		see(t, browser, follows("#identities a.id"), shows("#state", "live"), follows("header nav a"), shows("#state", "live"))
	}
}

func TestPersonWhoIsAnonymous(t *testing.T) {
	r := startLocal(t, Config{})
	const visitor = "anonymous-0f8fad5b-d9cb"
	sendAll(t, r, "/track", []said{{"environment": "production", "event": "page_viewed", "distinct_id": visitor, "anonymous_id": visitor, "properties": said{}}})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.personURL("production", visitor)), count(steps, 1),
		shows("#about .note", "No identify has named"), shows("#story .as", "whom no identify has named yet"), chromedp.WaitNotPresent("#to-login:not([hidden])"))
	// The login comes while the page is open.
	send(t, r.client(), altertable.Identify{DistinctID: "u_new", AnonymousID: visitor, Traits: altertable.Traits{"plan": "free"}})
	see(t, browser, count(steps, 2), shows("#who", "u_new"), shows("#story .as", "Before the login"), shows("#story .login", "Login: identify linked"),
		shows("#about", "You asked for"), chromedp.Click("#to-login"), poll(`document.activeElement.closest('li').matches('.login')`))
}

func TestPersonIgnoredIdentify(t *testing.T) {
	r := startLocal(t, Config{})
	client, browser := r.client(), newBrowser(t)
	send(t, client, altertable.Identify{DistinctID: "u", Timestamp: at(20), Traits: altertable.Traits{"plan": "pro"}})
	send(t, client, altertable.Identify{DistinctID: "u", Timestamp: at(10), Traits: altertable.Traits{"plan": "free"}})
	send(t, client, altertable.Identify{DistinctID: "u", Timestamp: at(30), Traits: altertable.Traits{"plan": "pro", "seats": 3}})
	see(t, browser, chromedp.Navigate(r.personURL("production", "u")), count(steps, 3), shows("#story li:first-child .badge", "ignored"))
	var why string
	see(t, browser, chromedp.Evaluate(`document.querySelector('#story .ignored .why').textContent`, &why))
	assert.Regexp(t, `Its timestamp .*:00:10\.?0* is not after .*:00:20\.?0*, that of the newest identify when it arrived`, why, "both stamps")
	see(t, browser, chromedp.Click("#story .ignored .line"), shows("#story .detail", "2026-01-02T12:00:20"), shows("#story .detail", "2026-01-02T12:00:10"),
		shows("#story li:last-child .chip", "seats3"), shows("#story li:last-child .same", "1 trait unchanged"), shows("#about .traits", "pro"))
}

func TestPersonLinksWhatIsAnothersAlready(t *testing.T) {
	r := startLocal(t, Config{})
	client, browser := r.client(), newBrowser(t)
	send(t, client, altertable.Identify{DistinctID: "u_1", AnonymousID: "anonymous-a", Timestamp: at(1)})
	send(t, client, altertable.Identify{DistinctID: "u_2", AnonymousID: "anonymous-a", Timestamp: at(2)})
	see(t, browser, chromedp.Navigate(r.personURL("production", "u_2")), shows("#story .why", "anonymous-a was not linked"), chromedp.WaitNotPresent("#story .login"))
}

func TestPersonNobodyKnows(t *testing.T) {
	r := startLocal(t, Config{Environments: []string{"production", "staging"}})
	send(t, r.client(), altertable.Track{Event: "e", DistinctID: "u_here", Environment: "staging"})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.personURL("production", "u_here")), shows("#nobody-title", "Nobody is known by this id"),
		shows("#nobody .asked", "u_here"), shows("#nobody li", "another environment"), chromedp.WaitNotVisible("#told"),
		follows("#nobody a[href*=staging]"), shows("#who", "u_here"), count(steps, 1),
		chromedp.Navigate(r.url+"/person"), shows("#nobody-title", "Which person?"),
		chromedp.Navigate(r.personURL("production", "u_later")), shows("#nobody-title", "Nobody"))
	send(t, r.client(), altertable.Track{Event: "e", DistinctID: "u_later"})
	see(t, browser, shows("#who", "u_later"), count(steps, 1), chromedp.WaitNotVisible("#nobody"))
}

func TestPersonOfManyEvents(t *testing.T) {
	r := startLocal(t, Config{})
	var events []said
	for i := range 3000 {
		events = append(events, said{"environment": "production", "event": "page_viewed", "distinct_id": "u",
			"properties": said{"i": i}, "timestamp": at(0).Add(time.Duration(i/500) * time.Second)}) // many at one instant
	}
	sendAll(t, r, "/track", events)
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.personURL("production", "u")), count(steps, 2000),
		poll(`[...document.querySelectorAll('#story .brief')].every((e, i) => e.textContent === 'i: ' + (1000 + i))`), shows("#older", "newest 2,000"),
		shows("#story li:first-child .brief", "i: 1000"), shows("#story li:last-child .brief", "i: 2999"),
		chromedp.Click("#to-newest"), poll(`document.activeElement.closest('li') === document.querySelector('#story').lastElementChild`),
		follows("#older a"), poll(`document.activeElement.id === 'run'`), chromedp.KeyEvent("\r"), shows("#outcome", "3,000 rows"))
}

// What arrives is added without moving what the reader looks at.
func TestPersonStaysWhileMoreArrives(t *testing.T) {
	r := startLocal(t, Config{})
	story := func(from, to int) {
		var events []said
		for i := from; i < to; i++ {
			events = append(events, said{"environment": "production", "event": "page_viewed", "distinct_id": "u", "properties": said{"i": i}, "timestamp": at(0).Add(time.Duration(i) * time.Minute)})
		}
		sendAll(t, r, "/track", events)
	}
	story(0, 60)
	browser := newBrowser(t)
	const top = `document.querySelector('#story [aria-expanded=true]').getBoundingClientRect().top`
	var before, after float64
	see(t, browser, chromedp.Navigate(r.personURL("production", "u")), count(steps, 60),
		chromedp.Click("#story li:nth-child(30) .line"), shows("#story .detail", `"i": 29`), chromedp.Evaluate(top, &before))
	story(60, 63)
	see(t, browser, count(steps, 63), shows("#fresh", "3 new steps below"), chromedp.Evaluate(top, &after), shows("#story .detail", `"i": 29`))
	assert.InDelta(t, before, after, 0.5)

	// Also what belongs before it.
	story(-5, 0)
	see(t, browser, count(steps, 68), chromedp.Evaluate(top, &after), shows("#story li:first-child", "i: -5"))
	assert.InDelta(t, before, after, 40, "the browser keeps the place")
	see(t, browser, chromedp.Click("#fresh"), poll(`document.activeElement.closest('li').textContent.includes('i: 60')`), chromedp.WaitNotVisible("#fresh"))

	// A reload shows the same, and a person elsewhere is no news.
	send(t, r.client(), altertable.Track{Event: "other", DistinctID: "somebody"})
	see(t, browser, chromedp.Reload(), count(steps, 68))
}

func TestPersonShowsHostileNamesAsText(t *testing.T) {
	r := startLocal(t, Config{})
	client, browser := r.client(), newBrowser(t)
	send(t, client, altertable.Track{Event: hostile, DistinctID: "a" + hostile, Properties: altertable.Properties{hostile: hostile, "__proto__": hostile}})
	send(t, client, altertable.Identify{DistinctID: "u" + hostile, AnonymousID: "a" + hostile, Traits: altertable.Traits{hostile: hostile, "__proto__": "x"}})
	send(t, client, altertable.Alias{DistinctID: "z'); DROP TABLE t; --" + hostile, NewUserID: "u" + hostile})
	see(t, browser, chromedp.Navigate(r.personURL("production", "u"+hostile)), count(steps, 3), shows("#who", "u"+hostile),
		shows("#story .name", hostile), shows("#about .traits dt", hostile), shows("#story .chip", hostile[:50]), shows("#about .ids", "a"+hostile),
		chromedp.Click("#story li:first-child .line"), shows("#story .detail .code", "script"),
		chromedp.Click("#story .login .line"), shows("#story .login .detail", hostile))
	var title string
	var foreign int
	see(t, browser, chromedp.Title(&title), chromedp.Evaluate(`document.querySelectorAll('main img, main script').length`, &foreign))
	assert.Contains(t, title, "Altertable local")
	assert.Zero(t, foreign)
	see(t, browser, follows("#by-sql"), poll(`document.activeElement.id === 'run'`), chromedp.KeyEvent("\r"), shows("#outcome", "1 row"))
}

func TestPersonSignIn(t *testing.T) {
	r := startLocal(t, Config{Keys: []string{"the secret"}})
	r.key = "the secret"
	status, answer := r.do("POST", "/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
	require.Equal(t, 200, status, answer)
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.personURL("production", "u")), chromedp.WaitVisible("#signin"), chromedp.WaitNotVisible("#person"), shows("#state", "signed out"),
		chromedp.SendKeys("#key", "wrong\r"), shows("#signin-error", "unknown"), chromedp.KeyEvent("the secret\r"), count(steps, 1), shows("#state", "live"))
}

func TestPersonByKeyboard(t *testing.T) {
	r := startLocal(t, Config{})
	tellStory(t, r.client())
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.personURL("production", ada)), count(steps, 7))
	var stops []string
	for range 30 {
		var stop string
		see(t, browser, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`(e => e.closest('#story')?.id || e.id || e.className || e.textContent)(document.activeElement)`, &stop))
		if stop == "story" {
			break
		}
		stops = append(stops, stop)
	}
	assert.Equal(t, []string{"skip", "brand", "Console", "copy", "copy", "copy", "only", "by-sql", "to-login"}, stops, "the story is one stop, after all that is about the person")
	row := func(n int) chromedp.Action {
		return count(`[...document.querySelectorAll('#story > li')].indexOf(document.activeElement.closest('li'))`, n)
	}
	see(t, browser, row(0), chromedp.KeyEvent(kb.ArrowDown), row(1), chromedp.KeyEvent(kb.End), row(6), chromedp.KeyEvent(kb.Home), row(0),
		chromedp.KeyEvent("\r"), shows("#story .detail", "properties"), chromedp.KeyEvent(kb.Tab),
		poll(`document.activeElement.closest('#story .detail') !== null`),
		chromedp.Evaluate(`document.querySelector('.skip').focus()`, nil), chromedp.KeyEvent("\r"),
		poll(`document.activeElement.id === 'story-title'`))
	var headings []string
	see(t, browser, chromedp.Evaluate(`[...document.querySelectorAll('h1')].filter(e => e.checkVisibility()).map(e => e.textContent)`, &headings))
	assert.Equal(t, []string{ada}, headings)
}

func TestRequestOpens(t *testing.T) {
	r := startLocal(t, Config{})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), shows("#state", "live"), poll(`document.querySelector('#only-refused').disabled`))
	send(t, r.client(), altertable.Track{Event: "fine", DistinctID: "u"})
	status, _ := r.post("/track?sync=true", `[{"environment":"production","event":"first","distinct_id":"u","properties":{}},
		{"environment":"production","event":"second","distinct_id":"u","big":12345678901234567890}]`)
	require.NotEqual(t, 200, status)
	send(t, r.client(), altertable.Track{Event: "fine", DistinctID: "u"})
	see(t, browser, count(`document.querySelectorAll('#requests > li').length`, 3), shows("#only-refused", "1"),
		press("#requests .wrong .line"), shows("#requests .refusal", `missing field "properties"`),
		shows("#requests .detail", "POST /track?sync=true"), shows("#requests .detail", "X-API-Key"), shows("#requests .detail", "Go-http-client"),
		shows("#requests .detail h3", "Message 1, counted from 0, of 2"), shows("#requests .detail .code", `"event": "second"`),
		shows("#requests .detail .code", "12345678901234567890"), shows("#requests .detail .code", `"event": "first"`))
	var first string
	see(t, browser, chromedp.Text("#requests .detail .code", &first))
	assert.NotContains(t, first, "first", "the message that was refused comes first")

	see(t, browser, chromedp.Click("#only-refused"), count(`document.querySelectorAll('#requests > li').length`, 1),
		poll(`document.querySelector('#only-refused').getAttribute('aria-pressed') === 'true'`))
	send(t, r.client(), altertable.Track{Event: "fine", DistinctID: "u"})
	r.post("/track", `{"event": `)
	see(t, browser, count(`document.querySelectorAll('#requests > li').length`, 2), shows("#only-refused", "2"),
		press("#requests > li:first-child .line"), shows("#requests > li:first-child .code", `{"event":`),
		chromedp.Click("#only-refused"), count(`document.querySelectorAll('#requests > li').length`, 5))
}

// A refused request is still there after many that were not.
func TestRefusedRequestsStay(t *testing.T) {
	r := startLocal(t, Config{})
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), shows("#state", "live"))
	r.post("/track", `{"event": "broken"}`)
	see(t, browser, shows("#only-refused", "1"))
	for range 310 {
		r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
	}
	see(t, browser, shows("#received", "311"), count(`document.querySelectorAll('#requests > li').length`, 300),
		chromedp.Click("#only-refused"), count(`document.querySelectorAll('#requests > li').length`, 1),
		press("#requests .line"), shows("#requests .detail .code", "broken"))
}

const longTrait = 2000

// tellLongStory is of a person with real ids and much to show.
func tellLongStory(t *testing.T, r *running) (user, visitor string) {
	t.Helper()
	user, visitor = "customer-550e8400-e29b-41d4-a716-446655440000-a", "anonymous-7c9e6679-7425-40de-944b-e07fc1f90ae7"
	when := func(minute int) time.Time { return at(0).Add(time.Duration(minute) * time.Minute) }
	page := func(path string, minute int) said {
		return said{"environment": "production", "event": "page_viewed", "distinct_id": visitor, "properties": said{"page": path, "referrer": "https://www.example.com/a/long/path"}, "timestamp": when(minute)}
	}
	sendAll(t, r, "/track", []said{page("/pricing", 0), page("/features", 1), page("/signup", 1700)})
	sendAll(t, r, "/identify", []said{{"environment": "production", "distinct_id": user, "anonymous_id": visitor, "device_id": "device-6ba7b810-9dad-11d1-80b4-00c04fd430c8",
		"traits": said{"email": "ada@example.com", "plan": "free", "about": strings.Repeat("lorem ipsum ", longTrait/12)}, "timestamp": when(1702)}})
	sendAll(t, r, "/track", []said{
		{"environment": "production", "event": "signed_up", "distinct_id": user, "properties": said{"method": "password"}, "timestamp": when(1703)},
		{"environment": "production", "event": "report_shared", "distinct_id": user, "properties": said{"seats": 12, "note": strings.Repeat("y", 400)}, "timestamp": when(1790)}})
	sendAll(t, r, "/identify", []said{{"environment": "production", "distinct_id": user, "traits": said{"plan": "starter"}, "timestamp": when(1701)}})
	sendAll(t, r, "/alias", []said{{"environment": "production", "distinct_id": "stripe:cus_Nf1", "new_user_id": user, "timestamp": when(1800)}})
	sendAll(t, r, "/track", []said{{"environment": "production", "event": "plan_upgraded", "distinct_id": "stripe:cus_Nf1", "properties": said{"plan": "premium", "amount": 49.99}, "timestamp": when(1801)}})
	sendAll(t, r, "/identify", []said{{"environment": "production", "distinct_id": user, "traits": said{"plan": "premium"}, "timestamp": when(1802)}})
	return user, visitor
}

func TestLongTraitIsFolded(t *testing.T) {
	r := startLocal(t, Config{})
	user, _ := tellLongStory(t, r)
	browser := newBrowser(t)
	const height = `document.querySelector('#identities > li').getBoundingClientRect().height`
	var folded, open float64
	see(t, browser, chromedp.Navigate(r.url), shows("#identities .fold", "show more"), chromedp.Evaluate(height, &folded),
		chromedp.Click("#identities .chip .fold"), shows("#identities .chip .fold", "show less"), chromedp.Evaluate(height, &open))
	assert.Less(t, folded, 260.0)
	see(t, browser, shows("#identities .chip", "emailada@example.com"), shows("#identities .chip", "planpremium"), shows("#identities a.rest", "all traits"))
	assert.Less(t, open, 480.0, "not even then it fills the panel")
	see(t, browser, chromedp.Navigate(r.personURL("production", user)), shows("#about .fold", "show all 1,992 characters"))
	var text int
	see(t, browser, chromedp.Click("#about .fold"), chromedp.Evaluate(`document.querySelector('#about .folded .value').textContent.length`, &text))
	assert.Equal(t, 1992, text, "the person's page has all of it")
}

func TestIdentityOfManyIDs(t *testing.T) {
	r := startLocal(t, Config{})
	var all []said
	for i := range 2000 {
		_, anonymous := personOf(i)
		all = append(all, said{"environment": "production", "distinct_id": "u", "anonymous_id": anonymous, "device_id": fmt.Sprint("device-", i)})
	}
	sendAll(t, r, "/identify", all)
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), shows("#identities .of", "20 of 2,000 ids"), shows("#identities .of", "2,000 devices"),
		count(`document.querySelectorAll('#identities .link').length`, 4), chromedp.Click("#identities .links .fold"),
		count(`document.querySelectorAll('#identities .link').length`, 20),
		count(`document.querySelectorAll('#identities [tabindex="0"]').length`, 1),
		chromedp.Navigate(r.personURL("production", "u")), shows("#about .note", "20 of 2,000 linked ids"),
		follows("#about .note a"), poll(`document.activeElement.id === 'run'`), chromedp.KeyEvent("\r"), shows("#outcome", "2,000 rows"))
}

// TestPersonFits looks at the person's page and at what is open in the console,
// on a desk and on a phone, in both colors.
func TestPersonFits(t *testing.T) {
	r := startLocal(t, Config{})
	user, _ := tellLongStory(t, r)
	r.post("/track", `[{"environment":"production","event":"first","distinct_id":"u","properties":{}},{"environment":"production","event":"second","distinct_id":"u"}]`)
	browser := newBrowser(t)
	look := func(name string) {
		for _, size := range []struct {
			name          string
			width, height int64
		}{{"", 1280, 800}, {"-phone", 390, 844}} {
			for _, scheme := range []string{"light", "dark"} {
				name := name + size.name + map[string]string{"dark": "-dark"}[scheme]
				var png []byte
				var troubles []string
				see(t, browser, chromedp.EmulateViewport(size.width, size.height),
					emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
						{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
					chromedp.Evaluate(troublesOfLayout, &troubles), chromedp.FullScreenshot(&png, 100))
				assert.Empty(t, troubles, name)
				writePicture(t, name, png)
			}
		}
	}
	see(t, browser, chromedp.Navigate(r.personURL("production", user)), count(steps, 10))
	look("person")
	see(t, browser, chromedp.Click("#story li:nth-child(2) .line"), shows("#story .detail", "referrer"), chromedp.Click("#story .ignored .line"), shows("#story .ignored .detail", "newest before"),
		chromedp.Click("#about .fold"))
	look("person-open")
	see(t, browser, chromedp.Navigate(r.personURL("production", "nobody-550e8400-e29b-41d4-a716-446655440000")), shows("#nobody-title", "Nobody"))
	look("person-nobody")
	see(t, browser, chromedp.Navigate(r.url), shows("#requests .wrong", "missing"), press("#requests .wrong .line"), shows("#requests .detail", "arrived"))
	look("request-open")
}
