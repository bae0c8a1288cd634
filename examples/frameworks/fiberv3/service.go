// Package fiberv3 is a service on gofiber/fiber, version 3.
package fiberv3

import (
	"log/slog"
	"net/http"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/gofiber/fiber/v3"
)

// App returns the service.
func App(client *altertable.Client, users *accounts.Accounts) *fiber.App {
	s := &service{client, users}
	app := fiber.New()
	app.Use(s.visitor, s.authenticate)
	app.Post("/signup", s.enter("signed_up", users.SignUp))
	app.Post("/login", s.enter("logged_in", users.LogIn))
	app.Post("/upgrade", s.upgrade)
	app.Post("/grant", s.grant)
	return app
}

type service struct {
	client *altertable.Client
	users  *accounts.Accounts
}

// visitor puts the visitor into the request's context. It copies the header,
// since fasthttp uses the memory of a request for the next one.
func (s *service) visitor(c fiber.Ctx) error {
	cookie := string(c.Request().Header.Peek("Cookie"))
	visitor, _ := s.client.Visitor(&http.Request{Header: http.Header{"Cookie": {cookie}}})
	c.SetContext(altertable.ContextWithVisitor(c.Context(), visitor)) // without an id as well: it may hold a denied consent
	return c.Next()
}

// authenticate says who acts, once for all handlers behind it.
func (s *service) authenticate(c fiber.Ctx) error {
	if id, ok := s.users.User(c.Cookies("session")); ok {
		c.SetContext(altertable.ContextWithUser(c.Context(), id))
	}
	return c.Next()
}

// enter is sign-up and login. From here on the user is known.
func (s *service) enter(event string, begin func(email string) (id, session string, err error)) fiber.Handler {
	return func(c fiber.Ctx) error {
		id, session, err := begin(c.FormValue("email"))
		if err != nil {
			return fiber.NewError(fiber.StatusBadRequest, err.Error())
		}
		ctx := altertable.ContextWithUser(c.Context(), id) // not c: it does not find what c.Context() holds
		note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"email": c.FormValue("email")}}))
		note(s.client.Track(ctx, altertable.Track{Event: event}))
		c.Cookie(&fiber.Cookie{Name: "session", Value: session, Path: "/", HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode})
		return nil
	}
}

// upgrade is an action of the user who is logged in.
func (s *service) upgrade(c fiber.Ctx) error {
	if _, ok := s.users.User(c.Cookies("session")); !ok {
		return fiber.ErrUnauthorized
	}
	ctx := c.Context()
	note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_upgraded"}))
	return nil
}

// grant is what an administrator does to a customer. The messages name the
// customer, so they carry nothing of the administrator's browser.
func (s *service) grant(c fiber.Ctx) error {
	if !s.users.Admin(c.Cookies("session")) {
		return fiber.ErrForbidden
	}
	ctx, customer := c.Context(), c.FormValue("user")
	note(s.client.Identify(ctx, altertable.Identify{DistinctID: customer, Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_granted", DistinctID: customer}))
	return nil
}

// note logs an error of the analytics, which is no reason to fail a request.
func note(err error) {
	if err != nil {
		slog.Warn("analytics", "error", err)
	}
}
