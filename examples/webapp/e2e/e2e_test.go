package e2e

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func newServer(t *testing.T) *altertabletest.Server {
	srv := altertabletest.NewServer(altertabletest.WithAPIKeys("sk_server"), altertabletest.WithEnvironments(environment))
	t.Cleanup(srv.Close)
	return srv
}

func TestVisitorsBecomeUsers(t *testing.T) {
	srv := newServer(t)
	app := startApp(t, srv.URL)
	run(t, newBrowser(t),
		chromedp.Navigate(app.url+"/"), // the page sets the cookie
		chromedp.Navigate(app.url+"/"),
		chromedp.Navigate(app.url+"/pricing"),
		account(app.url+"/signup", "ada@example.com", password),
		chromedp.Click(`#upgrade`),
		chromedp.WaitVisible(`//*[@id="plan" and contains(., "pro")]`, chromedp.BySearch),
		logOut(),
		chromedp.Navigate(app.url+"/pricing"),
		account(app.url+"/signup", "bob@example.com", password),
		logOut(),
		account(app.url+"/login", "bob@example.com", password),
	)
	app.stop(t)

	identities := srv.Identities()
	if len(identities) != 2 {
		t.Fatalf("%d identities, want 2", len(identities))
	}
	ada, bob := identities[0], identities[1]
	if ada.Traits["plan"] != "pro" || bob.Traits["plan"] != "free" {
		t.Errorf("plans: %v and %v", ada.Traits["plan"], bob.Traits["plan"])
	}
	if len(ada.AnonymousIDs) != 1 {
		t.Fatalf("the first user has %d anonymous ids", len(ada.AnonymousIDs))
	}
	if slices.Contains(bob.AnonymousIDs, ada.AnonymousIDs[0]) {
		t.Error("an anonymous id of the first user is the second one's too")
	}
	requireEvents(t, srv, map[string]string{
		ada.DistinctID: "before: page_viewed Home, before: page_viewed Pricing, before: page_viewed Sign up, signed_up, plan_upgraded, logged_out",
		bob.DistinctID: "before: page_viewed Pricing, before: page_viewed Sign up, signed_up, logged_out, before: page_viewed Log in, logged_in",
	})
}

// Two people in two browsers: what the administrator does to the customer's
// account is the customer's, and the browser it was done in is not.
func TestTheAdministratorIsNotTheCustomer(t *testing.T) {
	srv := newServer(t)
	app := startApp(t, srv.URL)
	run(t, newBrowser(t),
		chromedp.Navigate(app.url+"/"),
		account(app.url+"/signup", "ada@example.com", password),
	)
	run(t, newBrowser(t),
		chromedp.Navigate(app.url+"/"),
		chromedp.Navigate(app.url+"/pricing"),
		account(app.url+"/login", app.admin, app.password),
		chromedp.Click(`nav a[href="/customers"]`),
		chromedp.Click(`button[aria-label="Upgrade ada@example.com to pro"]`),
		chromedp.WaitVisible(`//td[@data-label="Plan" and .="pro"]`, chromedp.BySearch),
		logOut(),
	)
	app.stop(t)

	identities := srv.Identities()
	if len(identities) != 2 {
		t.Fatalf("%d identities, want 2", len(identities))
	}
	ada, admin := identities[0], identities[1]
	for _, who := range identities {
		if len(who.AnonymousIDs) != 1 || len(who.DeviceIDs) != 1 {
			t.Fatalf("%d anonymous ids and %d devices, want one of each: the own browser's", len(who.AnonymousIDs), len(who.DeviceIDs))
		}
	}
	if ada.AnonymousIDs[0] == admin.AnonymousIDs[0] || ada.DeviceIDs[0] == admin.DeviceIDs[0] {
		t.Error("the administrator's browser is the customer's too")
	}
	if ada.Traits["plan"] != "pro" {
		t.Errorf("the customer's plan is %v", ada.Traits["plan"])
	}
	for _, e := range srv.Events() {
		if e.IdentityID == ada.DistinctID && (e.AnonymousID == admin.AnonymousIDs[0] || e.DeviceID == admin.DeviceIDs[0]) {
			t.Errorf("%s of the customer has an id of the administrator's browser", e.Event)
		}
		if e.Event == "plan_upgraded" && e.AnonymousID+e.DeviceID != "" {
			t.Error("the upgrade has ids of a browser")
		}
	}
	requireEvents(t, srv, map[string]string{
		ada.DistinctID:   "before: page_viewed Sign up, signed_up, plan_upgraded",
		admin.DistinctID: "before: page_viewed Pricing, before: page_viewed Log in, logged_in, logged_out",
	})
}

// Whoever signs up in place of another user, without a logout, gets ids of their
// own from the page.
func TestTheNextUserOfABrowserIsAnother(t *testing.T) {
	srv := newServer(t)
	app := startApp(t, srv.URL)
	run(t, newBrowser(t),
		chromedp.Navigate(app.url+"/"),
		account(app.url+"/signup", "ada@example.com", password),
		account(app.url+"/signup", "bob@example.com", password),
		chromedp.Click(`#upgrade`),
		chromedp.WaitVisible(`//*[@id="plan" and contains(., "pro")]`, chromedp.BySearch),
	)
	app.stop(t)

	identities := srv.Identities()
	if len(identities) != 2 {
		t.Fatalf("%d identities, want 2", len(identities))
	}
	ada, bob := identities[0], identities[1]
	if len(ada.AnonymousIDs) != 1 || len(bob.AnonymousIDs) != 1 || ada.AnonymousIDs[0] == bob.AnonymousIDs[0] {
		t.Errorf("%d and %d anonymous ids, want one each, and different ones", len(ada.AnonymousIDs), len(bob.AnonymousIDs))
	}
	requireEvents(t, srv, map[string]string{
		ada.DistinctID: "before: page_viewed Sign up, signed_up",
		bob.DistinctID: "signed_up, plan_upgraded",
	})
}
