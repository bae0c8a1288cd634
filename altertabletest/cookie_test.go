package altertabletest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestVisitorCookieIsReadByTheClient(t *testing.T) {
	for name, opts := range map[string][]altertable.Option{
		"default":           nil,
		"environment":       {altertable.WithEnvironment("staging")},
		"visitor key":       {altertable.WithVisitorKey("pk_live_abc123")},
		"odd environment":   {altertable.WithEnvironment("my @ umgebung ä")},
		"disabled":          {altertable.WithDisabled(true)},
		"key and another's": {altertable.WithVisitorKey("a.b"), altertable.WithEnvironment("c")},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := altertabletest.New(t, opts...)
			for _, v := range []altertable.Visitor{
				{AnonymousID: "anonymous-1", DeviceID: "device-1"},
				{AnonymousID: "anonymous-1"},
				{DeviceID: "device-1"},
				{AnonymousID: "visitor-1", DeviceID: "device-1"},
				{AnonymousID: "anonymous-<&>+%!'()*~/\";=,\\", DeviceID: "device-" + strings.Repeat("x", 200)},
			} {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.AddCookie(&http.Cookie{Name: "session", Value: "s"})
				r.AddCookie(altertabletest.VisitorCookie(client, v))
				got, ok := client.Visitor(r)
				assert.True(t, ok, v)
				assert.Equal(t, v.AnonymousID, got.AnonymousID)
				assert.Equal(t, v.DeviceID, got.DeviceID)
			}
		})
	}
}

func TestVisitorCookieIsTheBrowserSDKs(t *testing.T) {
	client, _ := altertabletest.New(t)
	v := altertable.Visitor{AnonymousID: "anonymous-1", DeviceID: "device-1"}
	const value = "%7B%22deviceId%22%3A%22device-1%22%2C%22distinctId%22%3A%22anonymous-1%22%2C%22anonymousId%22%3Anull%2C" +
		"%22sessionId%22%3A%22session-00000000-0000-4000-8000-000000000000%22%2C%22lastEventAt%22%3Anull%2C%22trackingConsent%22%3A%22CONSENT%22%7D"
	for consent, written := range map[altertable.Consent]string{
		altertable.ConsentUnknown: "granted", altertable.ConsentGranted: "granted", altertable.ConsentPending: "pending",
		altertable.ConsentDenied: "denied", "dismissed": "dismissed",
	} {
		v.Consent = consent
		cookie := altertabletest.VisitorCookie(client, v)
		assert.Equal(t, "atbl."+altertabletest.APIKey+".production", cookie.Name)
		assert.Equal(t, strings.Replace(value, "CONSENT", written, 1), cookie.Value)
		assert.Equal(t, "/", cookie.Path)
		assert.NoError(t, cookie.Valid())
	}
	odd := altertabletest.VisitorCookie(client, altertable.Visitor{AnonymousID: "a <&'()*!~+"})
	assert.Contains(t, odd.Value, "a%20%3C%26'()*!~%2B")
}

func TestVisitorCookieWithoutConsentHasNoIDs(t *testing.T) {
	client, _ := altertabletest.New(t)
	for _, consent := range []altertable.Consent{altertable.ConsentPending, altertable.ConsentDenied} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(altertabletest.VisitorCookie(client, altertable.Visitor{AnonymousID: "anonymous-1", Consent: consent}))
		v, ok := client.Visitor(r)
		assert.False(t, ok)
		assert.Empty(t, v.AnonymousID)
	}
}

// A nil client, as services have where analytics are off, reads no cookie.
func TestVisitorCookieOfNoClient(t *testing.T) {
	v := altertable.Visitor{AnonymousID: "anonymous-1"}
	for _, client := range []*altertable.Client{nil, {}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		require.NotPanics(t, func() { r.AddCookie(altertabletest.VisitorCookie(client, v)) })
		assert.Equal(t, "atbl..", altertabletest.VisitorCookie(client, v).Name)
		_, ok := client.Visitor(r)
		assert.False(t, ok)
		real, _ := altertabletest.New(t)
		_, ok = real.Visitor(r)
		assert.False(t, ok)
	}
}
