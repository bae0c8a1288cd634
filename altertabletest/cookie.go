package altertabletest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/internal/testhook"
)

// VisitorCookie returns the cookie in which the browser SDK keeps a visitor who
// has not logged in, for client to read with Visitor and Middleware: its name
// has client's environment and the key of WithVisitorKey.
//
// ConsentUnknown is written as "granted", so that the visitor counts; any other
// Consent as it is. An id may be empty. A "visitor-..." id, which the SDK keeps
// only after a login, is written as after one.
//
// Give it to http.Request.AddCookie. With WithVisitorHeader, its Value is the
// header's. If the environment or the key holds a space, an "@" or a character
// outside ASCII, AddCookie writes the cookie all the same, as browsers do, and
// the client reads it; http.SetCookie and cookie jars leave it out.
//
// A nil client reads no cookie; the cookie for it has neither key nor environment.
func VisitorCookie(client *altertable.Client, visitor altertable.Visitor) *http.Cookie {
	name := testhook.VisitorCookie(client)
	if name == "" {
		name = "atbl.."
	}
	return &http.Cookie{Name: name, Value: encodeURIComponent(visitorJSON(visitor)), Path: "/"}
}

func visitorJSON(v altertable.Visitor) string {
	state := struct {
		DeviceID    string             `json:"deviceId"`
		DistinctID  string             `json:"distinctId"`
		AnonymousID *string            `json:"anonymousId"`
		SessionID   string             `json:"sessionId"`
		LastEventAt *string            `json:"lastEventAt"`
		Consent     altertable.Consent `json:"trackingConsent"`
	}{
		DeviceID:   v.DeviceID,
		DistinctID: v.AnonymousID,
		SessionID:  "session-00000000-0000-4000-8000-000000000000",
		Consent:    v.Consent,
	}
	if v.Consent == altertable.ConsentUnknown {
		state.Consent = altertable.ConsentGranted
	}
	if v.AnonymousID != "" && !strings.HasPrefix(v.AnonymousID, "anonymous-") {
		state.AnonymousID = &v.AnonymousID
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // JSON.stringify does not
	_ = enc.Encode(state)    // strings never fail
	return strings.TrimSuffix(text.String(), "\n")
}

// encodeURIComponent escapes what JavaScript's function of that name does.
func encodeURIComponent(s string) string { return likeJavaScript.Replace(url.QueryEscape(s)) }

var likeJavaScript = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")
