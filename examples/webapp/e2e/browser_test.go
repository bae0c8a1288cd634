// Package e2e drives the example webapp in a headless Chromium.
package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A webapp is the example's process. Its environment is not that of the default,
// since the name of the browser SDK's cookie depends on it.
type webapp struct {
	url, admin, password string
	process              *exec.Cmd
	log                  *bufio.Scanner
}

const environment = "e2e"

// startApp builds the webapp and starts it.
func startApp(t *testing.T, api string) *webapp {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "webapp")
	build := exec.Command("go", "build", "-o", binary, "./examples/webapp")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	app := &webapp{process: exec.Command(binary, "-addr", "127.0.0.1:0")}
	app.process.Env = append(os.Environ(), "ALTERTABLE_BASE_URL="+api, "ALTERTABLE_API_KEY=sk_server", "ALTERTABLE_ENVIRONMENT="+environment)
	stderr, err := app.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := app.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.process.Process.Kill() }) // where the test did not get to stop it
	app.log = bufio.NewScanner(stderr)
	for app.log.Scan() {
		if _, who, found := strings.Cut(app.log.Text(), "the administrator is "); found {
			app.admin, app.password, _ = strings.Cut(who, ", password ")
		}
		if _, url, found := strings.Cut(app.log.Text(), "listening on "); found {
			app.url = url
			return app
		}
	}
	t.Fatal("the webapp did not start")
	return nil
}

// stop sends SIGTERM, and waits for the end: what is queued must not be lost.
func (app *webapp) stop(t *testing.T) {
	t.Helper()
	if err := app.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for app.log.Scan() {
		t.Log(app.log.Text())
	}
	if err := app.process.Wait(); err != nil {
		t.Fatalf("webapp: %v", err)
	}
}

func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath("chromium"),
		chromedp.WSURLReadTimeout(2*time.Minute)) // a busy machine takes more than its 20 seconds to start one
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	browser, cancel = context.WithTimeout(browser, 5*time.Minute)
	t.Cleanup(cancel)
	return browser
}

func run(t *testing.T, browser context.Context, steps ...chromedp.Action) {
	t.Helper()
	for _, step := range steps {
		if err := chromedp.Run(browser, step); err != nil {
			t.Fatalf("%v (is chromium installed?)", err)
		}
	}
}

const password = "correct horse"

// account fills in the form of a page, and waits until the user is signed in.
func account(url, email, password string) chromedp.Tasks {
	return chromedp.Tasks{
		chromedp.Navigate(url),
		chromedp.SendKeys(`input[name=email]`, email),
		chromedp.SendKeys(`input[name=password]`, password),
		chromedp.Click(`#submit`),
		chromedp.WaitVisible(`nav:has(#plan) a[href="/"][aria-current]`),
	}
}

func logOut() chromedp.Tasks {
	return chromedp.Tasks{chromedp.Click(`#logout`), chromedp.WaitVisible(`a[href="/login"]`)}
}

// eventsByIdentity returns the names of events in their order, and the page of
// those that were sent for an anonymous id. It leaves out the pages that a known
// user saw.
func eventsByIdentity(srv *altertabletest.Server) map[string]string {
	events := map[string][]string{}
	for _, e := range srv.Events() {
		name := e.Event
		if strings.HasPrefix(e.DistinctID, "anonymous-") {
			name = "before: " + name + " " + e.Properties["page"].(string)
		}
		if name != "page_viewed" {
			events[e.IdentityID] = append(events[e.IdentityID], name)
		}
	}
	joined := map[string]string{}
	for id, names := range events {
		joined[id] = strings.Join(names, ", ")
	}
	return joined
}

func requireEvents(t *testing.T, srv *altertabletest.Server, want map[string]string) {
	t.Helper()
	got := eventsByIdentity(srv)
	for id, want := range want {
		if got[id] != want {
			t.Errorf("events of a user:\n%s\nwant:\n%s", got[id], want)
		}
	}
	if len(got) != len(want) {
		t.Errorf("events belong to %d people, want %d", len(got), len(want))
	}
}
