package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// TestAccessibility lets axe-core look at each page, on a desk and on a phone,
// in both colors. The variable AXE_CORE names its script; .ci/run fetches it.
func TestAccessibility(t *testing.T) {
	script, err := os.ReadFile(os.Getenv("AXE_CORE"))
	if err != nil {
		t.Skip("AXE_CORE does not name axe-core's script, axe.min.js of the npm package")
	}
	r := startLocal(t, Config{})
	browser := newBrowser(t)
	look := func(page string) {
		for _, width := range []int64{1280, 390} {
			for _, scheme := range []string{"light", "dark"} {
				see(t, browser, chromedp.EmulateViewport(width, 844), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
					{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}))
				assert.Empty(t, violations(t, browser, string(script)), "%s, %d pixels, %s", page, width, scheme)
			}
		}
	}
	see(t, browser, chromedp.Navigate(r.url), shows("#state", "live"))
	look("empty")

	tellStory(t, r.client())
	_, err = r.client().TrackSync(t.Context(), altertable.Track{Event: "planUpgraded", DistinctID: "ada@example.com", Environment: "prod"})
	require.Error(t, err)
	send(t, r.client(), altertable.Track{Event: "planUpgraded", DistinctID: "ada@example.com", Properties: altertable.Properties{"password": "correct horse"}})
	see(t, browser, shows("#requests", "environment-not-found"), shows("#events li", "planUpgraded"),
		chromedp.Click("[data-sample=people]"), shows("#result td", "signed_up"))
	look("console")
	see(t, browser, press("#events .name"), shows("#events .detail", "received_at"),
		press("#requests .wrong button"), shows("#requests .detail", "arrived"))
	look("opened")
	see(t, browser, chromedp.SetValue("#sql", "SELECT nothing"), chromedp.Click("#run"), shows("#error", "nothing"))
	look("SQL error")
	see(t, browser, chromedp.Click("#clear"), chromedp.WaitVisible("dialog[open]"))
	look("question")
	see(t, browser, chromedp.Navigate(r.url+"/?text=nothing-has-this"), shows("#state", "live"))
	look("filtered")

	person := "/person?environment=production&id=" + url.QueryEscape("anonymous-7c9e6679-7425")
	see(t, browser, chromedp.Navigate(r.url+person), shows("main", "signed_up"))
	look("person")
	see(t, browser, press("#story li .line"), shows("#story .detail", "referrer"))
	look("person's step")
	see(t, browser, chromedp.Navigate(r.url+"/person?environment=production&id=nobody"), shows("main", "nobody"))
	look("unknown person")

	r = startLocal(t, Config{Keys: []string{"secret"}})
	see(t, browser, chromedp.Navigate(r.url), chromedp.WaitVisible("#signin"))
	look("sign in")
}

// violations returns what axe-core finds wrong with the page, a line for each.
func violations(t *testing.T, browser context.Context, script string) []string {
	t.Helper()
	var found []struct {
		ID    string
		Help  string
		Nodes []struct {
			HTML    string
			Failure string `json:"failureSummary"`
		}
	}
	var answer string
	wait := func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
	see(t, browser, chromedp.Evaluate(script+"; true", nil), chromedp.Evaluate(`axe.run().then((r) => JSON.stringify(r.violations))`, &answer, wait))
	require.NoError(t, json.Unmarshal([]byte(answer), &found))
	var lines []string
	for _, v := range found {
		for _, node := range v.Nodes {
			lines = append(lines, fmt.Sprintf("%s (%s): %.300s: %.300s", v.ID, v.Help, node.HTML, node.Failure))
		}
	}
	return lines
}
