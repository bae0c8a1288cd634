package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
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

func sendAll(t *testing.T, r *running, path string, messages []said) {
	t.Helper()
	for len(messages) > 0 {
		some := messages[:min(len(messages), 1000)]
		messages = messages[len(some):]
		status, answer := r.post(path, string(jsonOf(t, some)))
		require.Equal(t, http.StatusOK, status, answer)
	}
}

func jsonOf(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}

func TestLook(t *testing.T) {
	r := startLocal(t, config{environments: list{"production", "staging"}})
	tellBusyDay(t, r, 5000)
	_ = time.Second
	browser := newBrowser(t)
	see(t, browser, chromedp.Navigate(r.url), shows("#state", "live"), shows("#events .name", "page_viewed"), shows("#outcome", "rows in"))
	var errs []string
	_ = errs
	look(t, browser, "look")
	see(t, browser, chromedp.EmulateViewport(1280, 800))
}

func look(t *testing.T, browser context.Context, name string) {
	for _, c := range []struct {
		scheme string
		w, h   int64
	}{{"light", 1280, 800}, {"dark", 1280, 800}, {"light", 390, 844}, {"dark", 390, 844}} {
		var png []byte
		see(t, browser, chromedp.EmulateViewport(c.w, c.h), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: c.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
			chromedp.FullScreenshot(&png, 100))
		writePicture(t, fmt.Sprintf("%s-%d-%s", name, c.w, c.scheme), png)
	}
}
