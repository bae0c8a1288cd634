package nethttp

import (
	"testing"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/altertable-ai/altertable-go/examples/frameworks/internal/journey"
)

func TestService(t *testing.T) {
	journey.Run(t, func(_ *testing.T, client *altertable.Client, users *accounts.Accounts) journey.Service {
		return journey.Handler(Handler(client, users))
	})
}
