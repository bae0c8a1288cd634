package gin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/altertable-ai/altertable-go/examples/frameworks/internal/journey"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	m.Run()
}

func TestService(t *testing.T) {
	journey.Run(t, func(_ *testing.T, client *altertable.Client, users *accounts.Accounts) journey.Service {
		return journey.Handler(Handler(client, users))
	})
}

// The README warns of c as ctx.
func TestContextToPass(t *testing.T) {
	contexts := map[string]func(*gin.Context) context.Context{
		"c":                   func(c *gin.Context) context.Context { return c },
		"c.Request.Context()": func(c *gin.Context) context.Context { return c.Request.Context() },
	}
	tests := []struct {
		pass     string
		fallback bool
		want     bool
	}{
		{"c.Request.Context()", false, true},
		{"c.Request.Context()", true, true},
		{"c", false, false},
		{"c", true, true},
	}
	for _, test := range tests {
		client, _ := altertabletest.New(t, altertable.WithVisitorKey(journey.BrowserKey))
		s := &service{client, accounts.New()}
		_, session, err := s.users.SignUp("ada@example.com")
		assert.NoError(t, err)

		router := gin.New()
		router.ContextWithFallback = test.fallback
		router.Use(s.authenticate)
		router.POST("/upgrade", func(c *gin.Context) {
			ctx := contexts[test.pass](c)
			_, visitor := altertable.VisitorFromContext(ctx)
			_, user := altertable.UserFromContext(ctx)
			assert.Equal(t, test.want, visitor, "visitor, %+v", test)
			assert.Equal(t, test.want, user, "user, %+v", test)

			err := client.Track(ctx, altertable.Track{Event: "plan_upgraded"})
			if test.want {
				assert.NoError(t, err, "%+v", test)
			} else {
				var invalid *altertable.ValidationError
				assert.ErrorAs(t, err, &invalid, "%+v", test)
			}
		})
		w := httptest.NewRecorder()
		call := journey.Call{Action: "upgrade", Cookie: journey.Cookie("1"), Session: session}
		client.Middleware(router).ServeHTTP(w, journey.Request(call))
		assert.Equal(t, http.StatusOK, w.Code)
	}
}
