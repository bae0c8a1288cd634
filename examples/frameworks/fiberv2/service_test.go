package fiberv2

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/altertable-ai/altertable-go/examples/frameworks/internal/journey"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestService(t *testing.T) {
	journey.Run(t, func(_ *testing.T, client *altertable.Client, users *accounts.Accounts) journey.Service {
		return journey.Through(through(App(client, users)))
	})
}

func through(app *fiber.App) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) { return app.Test(r, -1) }
}

// newApp returns an app whose handler is all that it does, and a session.
func newApp(t *testing.T, handler fiber.Handler) (call journey.Service, session string) {
	client, _ := altertabletest.New(t, altertable.WithVisitorKey(journey.BrowserKey))
	s := &service{client, accounts.New()}
	_, session, err := s.users.SignUp("ada@example.com")
	require.NoError(t, err)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(s.visitor, s.authenticate)
	app.Post("/upgrade", handler)
	return journey.Through(through(app)), session
}

// The README warns of c.Context() as ctx.
func TestContextToPass(t *testing.T) {
	var calls int
	call, session := newApp(t, func(c *fiber.Ctx) error {
		calls++
		_, visitor := altertable.VisitorFromContext(c.UserContext())
		_, user := altertable.UserFromContext(c.UserContext())
		assert.True(t, visitor)
		assert.True(t, user)

		_, visitor = altertable.VisitorFromContext(c.Context())
		_, user = altertable.UserFromContext(c.Context())
		assert.False(t, visitor)
		assert.False(t, user)

		_, ok := any(c).(context.Context)
		assert.False(t, ok, "c is a context")
		return nil
	})
	call(t, journey.Call{Action: "upgrade", Cookie: journey.Cookie("1"), Session: session})
	assert.Equal(t, 1, calls)
}

// A job may keep the context, while fasthttp uses the request's memory again.
func TestContextOutlivesTheRequest(t *testing.T) {
	var kept []context.Context
	call, session := newApp(t, func(c *fiber.Ctx) error {
		kept = append(kept, c.UserContext())
		return nil
	})
	const requests = 20
	for i := range requests {
		call(t, journey.Call{Action: "upgrade", Cookie: journey.Cookie(fmt.Sprintf("%02d", i)), Session: session})
	}
	require.Len(t, kept, requests)
	for i, ctx := range kept {
		visitor, _ := altertable.VisitorFromContext(ctx)
		user, _ := altertable.UserFromContext(ctx)
		assert.Equal(t, fmt.Sprintf("anonymous-%02d", i), visitor.AnonymousID)
		assert.Equal(t, "u_1", user)
	}
}
