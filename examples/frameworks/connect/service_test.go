package connect

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/altertable-ai/altertable-go/examples/frameworks/internal/journey"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var procedures = map[string]string{
	"signup":  "/accounts.v1.Accounts/SignUp",
	"login":   "/accounts.v1.Accounts/LogIn",
	"upgrade": "/accounts.v1.Accounts/Upgrade",
	"grant":   "/accounts.v1.Accounts/Grant",
}

func TestService(t *testing.T) {
	journey.Run(t, func(t *testing.T, client *altertable.Client, users *accounts.Accounts) journey.Service {
		server := httptest.NewServer(Handler(client, users))
		t.Cleanup(server.Close)
		return func(t *testing.T, call journey.Call) (session string, ok bool) {
			caller := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](server.Client(), server.URL+procedures[call.Action])
			request := connect.NewRequest(wrapperspb.String(call.Argument))
			setHeaders(request.Header(), call)
			response, err := caller.CallUnary(context.Background(), request)
			if err != nil {
				assertRefusal(t, err)
				return "", false
			}
			return response.Msg.GetValue(), true
		}
	})
}

func setHeaders(header http.Header, call journey.Call) {
	if call.Cookie != "" {
		header.Set("Cookie", call.Cookie)
	}
	if call.Session != "" {
		header.Set("Authorization", "Bearer "+call.Session)
	}
}

func assertRefusal(t *testing.T, err error) {
	t.Helper()
	refusals := []connect.Code{connect.CodeInvalidArgument, connect.CodeUnauthenticated, connect.CodePermissionDenied}
	assert.Contains(t, refusals, connect.CodeOf(err), err)
}

// The visitor and the user are in a stream's context as well.
func TestStream(t *testing.T) {
	client, _ := altertabletest.New(t, altertable.WithVisitorKey(journey.BrowserKey))
	users := accounts.New()
	id, session, err := users.SignUp("ada@example.com")
	require.NoError(t, err)

	handler := connect.NewServerStreamHandler("/accounts.v1.Accounts/Watch",
		func(ctx context.Context, _ *request, stream *connect.ServerStream[wrapperspb.StringValue]) error {
			visitor, _ := altertable.VisitorFromContext(ctx)
			user, _ := altertable.UserFromContext(ctx)
			return stream.Send(wrapperspb.String(visitor.AnonymousID + " " + user))
		}, connect.WithInterceptors(authentication{users}))
	server := httptest.NewServer(client.Middleware(handler))
	t.Cleanup(server.Close)

	caller := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](server.Client(), server.URL+"/accounts.v1.Accounts/Watch")
	request := connect.NewRequest(wrapperspb.String(""))
	setHeaders(request.Header(), journey.Call{Cookie: journey.Cookie("1"), Session: session})
	stream, err := caller.CallServerStream(context.Background(), request)
	require.NoError(t, err)
	require.True(t, stream.Receive(), stream.Err())
	assert.Equal(t, "anonymous-1 "+id, stream.Msg().GetValue())
	require.NoError(t, stream.Close())
}
