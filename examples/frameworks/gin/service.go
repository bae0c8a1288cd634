// Package gin is a service on gin-gonic/gin.
package gin

import (
	"log/slog"
	"net/http"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/gin-gonic/gin"
)

// Handler returns the service. Serve it with http.Server: router.Run would
// leave out the middleware around the router. Visitor is for that.
func Handler(client *altertable.Client, users *accounts.Accounts) http.Handler {
	s := &service{client, users}
	router := gin.New()
	router.Use(gin.Recovery(), s.authenticate)
	router.POST("/signup", s.enter("signed_up", users.SignUp))
	router.POST("/login", s.enter("logged_in", users.LogIn))
	router.POST("/upgrade", s.upgrade)
	router.POST("/grant", s.grant)
	return client.Middleware(router) // the visitor
}

type service struct {
	client *altertable.Client
	users  *accounts.Accounts
}

// authenticate says who acts, once for all handlers behind it.
func (s *service) authenticate(c *gin.Context) {
	if id, ok := s.users.User(accounts.Session(c.Request)); ok {
		c.Request = c.Request.WithContext(altertable.ContextWithUser(c.Request.Context(), id))
	}
}

// enter is sign-up and login. From here on the user is known.
func (s *service) enter(event string, begin func(email string) (id, session string, err error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, session, err := begin(c.PostForm("email"))
		if err != nil {
			c.String(http.StatusBadRequest, err.Error())
			return
		}
		ctx := altertable.ContextWithUser(c.Request.Context(), id) // not c: it does not find what the request's context holds
		note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"email": c.PostForm("email")}}))
		note(s.client.Track(ctx, altertable.Track{Event: event}))
		http.SetCookie(c.Writer, accounts.Cookie(session))
	}
}

// upgrade is an action of the user who is logged in.
func (s *service) upgrade(c *gin.Context) {
	if _, ok := s.users.User(accounts.Session(c.Request)); !ok {
		c.String(http.StatusUnauthorized, "log in first")
		return
	}
	ctx := c.Request.Context()
	note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_upgraded"}))
}

// grant is what an administrator does to a customer. The messages name the
// customer, so they carry nothing of the administrator's browser.
func (s *service) grant(c *gin.Context) {
	if !s.users.Admin(accounts.Session(c.Request)) {
		c.String(http.StatusForbidden, "administrators only")
		return
	}
	ctx, customer := c.Request.Context(), c.PostForm("user")
	note(s.client.Identify(ctx, altertable.Identify{DistinctID: customer, Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_granted", DistinctID: customer}))
}

// note logs an error of the analytics, which is no reason to fail a request.
func note(err error) {
	if err != nil {
		slog.Warn("analytics", "error", err)
	}
}
