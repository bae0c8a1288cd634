// Package echov4 is a service on labstack/echo, version 4.
package echov4

import (
	"log/slog"
	"net/http"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/labstack/echo/v4"
)

// Handler returns the service.
func Handler(client *altertable.Client, users *accounts.Accounts) http.Handler {
	s := &service{client, users}
	e := echo.New()
	e.Use(echo.WrapMiddleware(client.Middleware)) // the visitor
	e.Use(s.authenticate)
	e.POST("/signup", s.enter("signed_up", users.SignUp))
	e.POST("/login", s.enter("logged_in", users.LogIn))
	e.POST("/upgrade", s.upgrade)
	e.POST("/grant", s.grant)
	return e
}

type service struct {
	client *altertable.Client
	users  *accounts.Accounts
}

// authenticate says who acts, once for all handlers behind it.
func (s *service) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if id, ok := s.users.User(accounts.Session(c.Request())); ok {
			c.SetRequest(c.Request().WithContext(altertable.ContextWithUser(c.Request().Context(), id)))
		}
		return next(c)
	}
}

// enter is sign-up and login. From here on the user is known.
func (s *service) enter(event string, begin func(email string) (id, session string, err error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, session, err := begin(c.FormValue("email"))
		if err != nil {
			return c.String(http.StatusBadRequest, err.Error())
		}
		ctx := altertable.ContextWithUser(c.Request().Context(), id)
		note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"email": c.FormValue("email")}}))
		note(s.client.Track(ctx, altertable.Track{Event: event}))
		c.SetCookie(accounts.Cookie(session))
		return c.NoContent(http.StatusOK)
	}
}

// upgrade is an action of the user who is logged in.
func (s *service) upgrade(c echo.Context) error {
	if _, ok := s.users.User(accounts.Session(c.Request())); !ok {
		return c.String(http.StatusUnauthorized, "log in first")
	}
	ctx := c.Request().Context()
	note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_upgraded"}))
	return c.NoContent(http.StatusOK)
}

// grant is what an administrator does to a customer. The messages name the
// customer, so they carry nothing of the administrator's browser.
func (s *service) grant(c echo.Context) error {
	if !s.users.Admin(accounts.Session(c.Request())) {
		return c.String(http.StatusForbidden, "administrators only")
	}
	ctx, customer := c.Request().Context(), c.FormValue("user")
	note(s.client.Identify(ctx, altertable.Identify{DistinctID: customer, Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_granted", DistinctID: customer}))
	return c.NoContent(http.StatusOK)
}

// note logs an error of the analytics, which is no reason to fail a request.
func note(err error) {
	if err != nil {
		slog.Warn("analytics", "error", err)
	}
}
