package echov4

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/altertable-ai/altertable-go/examples/frameworks/internal/journey"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
)

func TestService(t *testing.T) {
	journey.Run(t, func(_ *testing.T, client *altertable.Client, users *accounts.Accounts) journey.Service {
		return journey.Handler(Handler(client, users))
	})
}

// The README says that c is no context, so that nobody can pass it.
func TestContextToPass(t *testing.T) {
	client, _ := altertabletest.New(t, altertable.WithVisitorKey(journey.BrowserKey))
	s := &service{client, accounts.New()}
	id, session, err := s.users.SignUp("ada@example.com")
	assert.NoError(t, err)

	e := echo.New()
	e.Use(echo.WrapMiddleware(client.Middleware), s.authenticate)
	e.POST("/upgrade", func(c echo.Context) error {
		_, ok := any(c).(context.Context)
		assert.False(t, ok)

		visitor, _ := altertable.VisitorFromContext(c.Request().Context())
		user, _ := altertable.UserFromContext(c.Request().Context())
		assert.Equal(t, "anonymous-1", visitor.AnonymousID)
		assert.Equal(t, id, user)
		return nil
	})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, journey.Request(journey.Call{Action: "upgrade", Cookie: journey.Cookie("1"), Session: session}))
	assert.Equal(t, http.StatusOK, w.Code)
}
