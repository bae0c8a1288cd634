package gin

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/examples/frameworks/internal/journey"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
)

func TestVisitor(t *testing.T) {
	client, _ := altertabletest.New(t, altertable.WithVisitorKey(journey.BrowserKey))
	router := gin.New()
	router.Use(Visitor(client), func(c *gin.Context) {
		visitor, _ := altertable.VisitorFromContext(c.Request.Context())
		if visitor.AnonymousID != "anonymous-1" {
			c.AbortWithStatus(http.StatusTeapot)
		}
	})
	router.POST("/upgrade", func(c *gin.Context) { c.Status(http.StatusAccepted) })

	for cookie, want := range map[string]int{journey.Cookie("1"): http.StatusAccepted, "": http.StatusTeapot} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, journey.Request(journey.Call{Action: "upgrade", Cookie: cookie}))
		assert.Equal(t, want, w.Code)
	}
}
