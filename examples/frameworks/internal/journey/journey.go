// Package journey is the test that all the services share: what browsers do
// there, and what the platform knows afterwards.
package journey

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Call is one request to a service.
type Call struct {
	Action   string // "signup", "login", "upgrade" or "grant"
	Argument string // the e-mail address, or for "grant" the customer's id
	Cookie   string // the header of that name, as the browser SDK left it
	Session  string // empty: not logged in
}

// A Service makes a call. It returns the session that a sign-up or a login
// began, and whether the call was allowed.
type Service func(t *testing.T, call Call) (session string, ok bool)

// Start starts a service for one test.
type Start func(t *testing.T, client *altertable.Client, users *accounts.Accounts) Service

// Run tests a service.
func Run(t *testing.T, start Start) {
	tests := map[string]func(*testing.T, *scene){
		"the visitor who signs up is linked":           visitorSignsUp,
		"the visitor who logs in is linked":            visitorLogsIn,
		"an action is the user's":                      userActs,
		"an action needs a login":                      nobodyActs,
		"a customer is not linked to an administrator": administratorActs,
		"a refused login is no login":                  refused,
		"a denied consent hides the visitor":           consentDenied,
		"browsers are told apart":                      browsersAreToldApart,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, newScene(t, start)) })
	}
	t.Run("a denied consent stops the messages where it is required", func(t *testing.T) {
		consentRequired(t, newScene(t, start, altertable.WithConsentRequired()))
	})
	t.Run("analytics that are off fail no request", func(t *testing.T) {
		goesOn(t, func(users *accounts.Accounts) Service { return start(t, nil, users) })
	})
	t.Run("a closed client fails no request", func(t *testing.T) {
		client, _ := altertabletest.New(t)
		require.NoError(t, client.Close())
		goesOn(t, func(users *accounts.Accounts) Service { return start(t, client, users) })
	})
}

// A scene is a service, its users, and the platform behind it.
type scene struct {
	service  Service
	users    *accounts.Accounts
	client   *altertable.Client
	platform *altertabletest.Server
}

func newScene(t *testing.T, start Start, options ...altertable.Option) *scene {
	client, platform := altertabletest.New(t, append(options, altertable.WithVisitorKey(BrowserKey))...)
	users := accounts.New()
	return &scene{start(t, client, users), users, client, platform}
}

// call makes a call that must be allowed, and returns the session that it began.
func (s *scene) call(t *testing.T, call Call) (session string) {
	t.Helper()
	session, ok := s.service(t, call)
	require.True(t, ok, "%s was refused", call.Action)
	return session
}

// refuse makes a call that must not be allowed.
func (s *scene) refuse(t *testing.T, call Call) {
	t.Helper()
	session, ok := s.service(t, call)
	assert.False(t, ok, "%s was allowed", call.Action)
	assert.Empty(t, session)
}

func (s *scene) flush(t *testing.T) {
	t.Helper()
	require.NoError(t, s.client.Flush(context.Background()))
	require.Zero(t, s.client.Stats().Rejected, "a call was refused")
}

// identity returns what the platform knows of a user.
func (s *scene) identity(t *testing.T, id string) altertabletest.Identity {
	t.Helper()
	for _, identity := range s.platform.Identities() {
		if identity.DistinctID == id {
			return identity
		}
	}
	require.Fail(t, "the platform does not know "+id)
	return altertabletest.Identity{}
}

// event returns the one event of that name.
func (s *scene) event(t *testing.T, name string) altertabletest.Event {
	t.Helper()
	var found []altertabletest.Event
	for _, event := range s.platform.Events() {
		if event.Event == name {
			found = append(found, event)
		}
	}
	require.Len(t, found, 1, name)
	return found[0]
}

func visitorSignsUp(t *testing.T, s *scene) {
	s.call(t, Call{Action: "signup", Argument: "ada@example.com", Cookie: Cookie("1")})
	s.flush(t)

	ada := s.identity(t, "u_1")
	assert.Equal(t, []string{"anonymous-1"}, ada.AnonymousIDs)
	assert.Equal(t, []string{"device-1"}, ada.DeviceIDs)
	assert.Equal(t, map[string]any{"email": "ada@example.com"}, ada.Traits)
	assertActor(t, s.event(t, "signed_up"), "u_1", "1")
}

func visitorLogsIn(t *testing.T, s *scene) {
	s.call(t, Call{Action: "signup", Argument: "ada@example.com", Cookie: Cookie("1")})
	s.call(t, Call{Action: "login", Argument: "ada@example.com", Cookie: Cookie("2")})
	s.flush(t)

	ada := s.identity(t, "u_1")
	assert.Equal(t, []string{"anonymous-1", "anonymous-2"}, ada.AnonymousIDs)
	assert.Equal(t, []string{"device-1", "device-2"}, ada.DeviceIDs)
	assertActor(t, s.event(t, "logged_in"), "u_1", "2")
}

func userActs(t *testing.T, s *scene) {
	session := s.call(t, Call{Action: "signup", Argument: "ada@example.com"})
	s.call(t, Call{Action: "upgrade", Session: session, Cookie: Cookie("1")})
	s.flush(t)

	ada := s.identity(t, "u_1")
	assert.Equal(t, "pro", ada.Traits["plan"])
	assert.Equal(t, []string{"anonymous-1"}, ada.AnonymousIDs)
	assertActor(t, s.event(t, "plan_upgraded"), "u_1", "1")
}

func nobodyActs(t *testing.T, s *scene) {
	s.refuse(t, Call{Action: "upgrade", Cookie: Cookie("1")})
	s.refuse(t, Call{Action: "upgrade", Cookie: Cookie("1"), Session: "made-up"})
	session := s.call(t, Call{Action: "signup", Argument: "ada@example.com"})
	s.refuse(t, Call{Action: "grant", Argument: "u_1", Session: session})
	s.flush(t)
	assert.Len(t, s.platform.Events(), 1, "signed_up")
}

func administratorActs(t *testing.T, s *scene) {
	s.call(t, Call{Action: "signup", Argument: "customer@example.com"})
	session := s.call(t, Call{Action: "signup", Argument: "admin@example.com", Cookie: Cookie("2")})
	s.users.MakeAdmin("u_2")
	s.call(t, Call{Action: "grant", Argument: "u_1", Session: session, Cookie: Cookie("2")})
	s.flush(t)

	customer := s.identity(t, "u_1")
	assert.Equal(t, "pro", customer.Traits["plan"])
	assert.Empty(t, customer.AnonymousIDs)
	assert.Empty(t, customer.DeviceIDs)
	assertActor(t, s.event(t, "plan_granted"), "u_1", "")
	assert.Equal(t, []string{"anonymous-2"}, s.identity(t, "u_2").AnonymousIDs)
}

func refused(t *testing.T, s *scene) {
	s.refuse(t, Call{Action: "login", Argument: "nobody@example.com", Cookie: Cookie("1")})
	s.refuse(t, Call{Action: "signup", Cookie: Cookie("1")})
	s.flush(t)
	assert.Empty(t, s.platform.Identities())
	assert.Empty(t, s.platform.Events())
}

func consentDenied(t *testing.T, s *scene) {
	s.call(t, Call{Action: "signup", Argument: "ada@example.com", Cookie: deniedCookie})
	s.flush(t)
	assert.Empty(t, s.identity(t, "u_1").AnonymousIDs)
	assertActor(t, s.event(t, "signed_up"), "u_1", "")
}

func consentRequired(t *testing.T, s *scene) {
	s.call(t, Call{Action: "signup", Argument: "ada@example.com", Cookie: deniedCookie})
	s.call(t, Call{Action: "signup", Argument: "bob@example.com", Cookie: Cookie("2")})
	s.flush(t)
	assert.EqualValues(t, 2, s.client.Stats().Discarded, "the identify and the track of ada")
	require.Len(t, s.platform.Identities(), 1)
	assertActor(t, s.event(t, "signed_up"), "u_2", "2")
}

// goesOn checks that a service works where nothing can be tracked.
func goesOn(t *testing.T, start func(*accounts.Accounts) Service) {
	users := accounts.New()
	s := &scene{service: start(users), users: users}
	session := s.call(t, Call{Action: "signup", Argument: "ada@example.com", Cookie: Cookie("1")})
	s.call(t, Call{Action: "upgrade", Session: session, Cookie: Cookie("1")})
	s.refuse(t, Call{Action: "grant", Argument: "u_1", Session: session})
	s.users.MakeAdmin("u_1")
	s.call(t, Call{Action: "grant", Argument: "u_1", Session: session})
}

// Memory that a framework uses again must not give one browser's ids to another.
func browsersAreToldApart(t *testing.T, s *scene) {
	const browsers = 32
	var group sync.WaitGroup
	for i := range browsers {
		group.Go(func() {
			n := fmt.Sprintf("%02d", i)
			session, ok := s.service(t, Call{Action: "signup", Argument: n + "@example.com", Cookie: Cookie(n)})
			assert.True(t, ok)
			_, ok = s.service(t, Call{Action: "upgrade", Session: session, Cookie: Cookie(n)})
			assert.True(t, ok)
		})
	}
	group.Wait()
	s.flush(t)

	identities := s.platform.Identities()
	require.Len(t, identities, browsers)
	for _, identity := range identities {
		n, _, _ := strings.Cut(identity.Traits["email"].(string), "@")
		assert.Equal(t, []string{"anonymous-" + n}, identity.AnonymousIDs)
		assert.Equal(t, []string{"device-" + n}, identity.DeviceIDs)
	}
	events := s.platform.Events()
	require.Len(t, events, 2*browsers)
	for _, event := range events {
		n, _, _ := strings.Cut(event.IdentityTraits["email"].(string), "@")
		assertActor(t, event, event.IdentityID, n)
	}
}

// assertActor checks who acted, and in which browser. No browser is "".
func assertActor(t *testing.T, event altertabletest.Event, id, browser string) {
	t.Helper()
	visitor := altertable.Visitor{}
	if browser != "" {
		visitor = altertable.Visitor{AnonymousID: "anonymous-" + browser, DeviceID: "device-" + browser}
	}
	assert.Equal(t, id, event.DistinctID, event.Event)
	assert.Equal(t, visitor, altertable.Visitor{AnonymousID: event.AnonymousID, DeviceID: event.DeviceID}, event.Event)
}

var deniedCookie = strings.Replace(Cookie("1"), "granted", "denied", 1)

// BrowserKey is the key under which the browser SDK runs.
const BrowserKey = "pk_browser"

// Cookie returns the header Cookie of a browser whose ids end in n.
func Cookie(n string) string {
	return (&http.Cookie{Name: "atbl." + BrowserKey + ".production", Value: CookieValue(n)}).String()
}
