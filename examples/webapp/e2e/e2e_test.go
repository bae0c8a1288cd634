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

// startApp builds and starts the webapp, and returns its URL. stop sends
// SIGTERM and waits for its end.
func startApp(t *testing.T, api string) (url string, stop func()) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "webapp")
	build := exec.Command("go", "build", "-o", binary, "./examples/webapp")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	app := exec.Command(binary, "-addr", "127.0.0.1:0")
	app.Env = append(os.Environ(), "ALTERTABLE_BASE_URL="+api, "ALTERTABLE_API_KEY=sk_server", "ALTERTABLE_ENVIRONMENT=production")
	log, err := app.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Process.Kill() }) // where the test did not get to stop it
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if _, url, found := strings.Cut(lines.Text(), "listening on "); found {
			return url, func() {
				if err := app.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				for lines.Scan() {
					t.Log(lines.Text())
				}
				if err := app.Wait(); err != nil {
					t.Fatalf("webapp: %v", err)
				}
			}
		}
	}
	t.Fatal("the webapp did not start")
	return "", nil
}

func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath("chromium"))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	browser, cancel = context.WithTimeout(browser, 2*time.Minute)
	t.Cleanup(cancel)
	return browser
}

// account fills in the form of a page, and waits until the user is signed in.
func account(url, email string) chromedp.Tasks {
	return chromedp.Tasks{
		chromedp.Navigate(url),
		chromedp.SendKeys(`input[name=email]`, email),
		chromedp.SendKeys(`input[name=password]`, "correct horse"),
		chromedp.Click(`#submit`),
		chromedp.WaitVisible(`#plan`),
	}
}

func logOut() chromedp.Tasks {
	return chromedp.Tasks{chromedp.Click(`#logout`), chromedp.WaitVisible(`a[href="/login"]`)}
}

func TestVisitorsBecomeUsers(t *testing.T) {
	srv := altertabletest.NewServer(altertabletest.WithAPIKeys("sk_server"))
	defer srv.Close()
	url, stop := startApp(t, srv.URL)
	browser := newBrowser(t)
	for _, step := range []chromedp.Action{
		chromedp.Navigate(url + "/"), // the page sets the cookie
		chromedp.Navigate(url + "/"),
		chromedp.Navigate(url + "/pricing"),
		account(url+"/signup", "ada@example.com"),
		chromedp.Click(`#upgrade`),
		chromedp.WaitVisible(`//*[@id="plan" and contains(., "pro")]`, chromedp.BySearch),
		logOut(),
		chromedp.Navigate(url + "/pricing"),
		account(url+"/signup", "bob@example.com"),
		logOut(),
		account(url+"/login", "bob@example.com"),
	} {
		if err := chromedp.Run(browser, step); err != nil {
			t.Fatalf("%v (is chromium installed?)", err)
		}
	}
	stop() // what is queued must not be lost

	identities := srv.Identities()
	if len(identities) != 2 {
		t.Fatalf("%d identities, want 2", len(identities))
	}
	ada, bob := identities[0], identities[1]
	if ada.Traits["plan"] != "pro" || bob.Traits["plan"] != "free" {
		t.Errorf("plans: %v and %v", ada.Traits["plan"], bob.Traits["plan"])
	}
	if len(ada.AnonymousIDs) != 1 {
		t.Errorf("the first user has %d anonymous ids", len(ada.AnonymousIDs))
	}
	for _, id := range bob.AnonymousIDs {
		if id == ada.AnonymousIDs[0] {
			t.Error("an anonymous id of the first user is the second one's too")
		}
	}
	got := map[string][]string{}
	for _, e := range srv.Events() {
		name := e.Event
		if strings.HasPrefix(e.DistinctID, "anonymous-") {
			name = "before: " + name + " " + e.Properties["page"].(string)
		}
		if name != "Page Viewed" {
			got[e.IdentityID] = append(got[e.IdentityID], name)
		}
	}
	for id, want := range map[string]string{
		ada.DistinctID: "before: Page Viewed Home, before: Page Viewed Pricing, before: Page Viewed Sign up, Signed Up, Plan Upgraded, Logged Out",
		bob.DistinctID: "before: Page Viewed Pricing, before: Page Viewed Sign up, Signed Up, Logged Out, before: Page Viewed Log in, Logged In",
	} {
		if events := strings.Join(got[id], ", "); events != want {
			t.Errorf("events of a user:\n%s\nwant:\n%s", events, want)
		}
	}
	if len(got) != 2 {
		t.Errorf("events belong to %d people, want 2", len(got))
	}
}
