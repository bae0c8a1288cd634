package gin

import (
	"net/http"

	"github.com/altertable-ai/altertable-go"
	"github.com/gin-gonic/gin"
)

// Visitor is client.Middleware as gin's own, for router.Run or for some routes.
func Visitor(client *altertable.Client) gin.HandlerFunc {
	return func(c *gin.Context) {
		client.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
	}
}
