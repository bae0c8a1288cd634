package grpc

import (
	"context"
	"net"
	"testing"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"github.com/altertable-ai/altertable-go/examples/frameworks/internal/journey"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var methods = map[string]string{"signup": "SignUp", "login": "LogIn", "upgrade": "Upgrade", "grant": "Grant"}

func TestService(t *testing.T) {
	journey.Run(t, func(t *testing.T, client *altertable.Client, users *accounts.Accounts) journey.Service {
		connection := serve(t, Server(client, users))
		return func(t *testing.T, call journey.Call) (session string, ok bool) {
			var pairs []string
			if call.Cookie != "" {
				pairs = append(pairs, "cookie", call.Cookie)
			}
			return invoke(t, connection, call, pairs...)
		}
	})
}

// serve starts the server in memory.
func serve(t *testing.T, server *grpc.Server) *grpc.ClientConn {
	listener := bufconn.Listen(1 << 20)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	connection, err := grpc.NewClient("passthrough:///memory",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, connection.Close())
		server.Stop()
		assert.NoError(t, <-done)
	})
	return connection
}

// invoke makes a call with the metadata of pairs.
func invoke(t *testing.T, connection *grpc.ClientConn, call journey.Call, pairs ...string) (session string, ok bool) {
	t.Helper()
	if call.Session != "" {
		pairs = append(pairs, "authorization", "Bearer "+call.Session)
	}
	ctx := metadata.AppendToOutgoingContext(context.Background(), pairs...)
	response := new(wrapperspb.StringValue)
	err := connection.Invoke(ctx, "/accounts.v1.Accounts/"+methods[call.Action], wrapperspb.String(call.Argument), response)
	if err != nil {
		refusals := []codes.Code{codes.InvalidArgument, codes.Unauthenticated, codes.PermissionDenied}
		assert.Contains(t, refusals, status.Code(err), err)
		return "", false
	}
	return response.GetValue(), true
}

// A caller that is no proxy forwards the cookie's value under another name.
func TestVisitorHeader(t *testing.T) {
	client, platform := altertabletest.New(t, altertable.WithVisitorHeader("X-Altertable-Visitor"))
	connection := serve(t, Server(client, accounts.New()))
	call := journey.Call{Action: "signup", Argument: "ada@example.com"}
	_, ok := invoke(t, connection, call, "x-altertable-visitor", journey.CookieValue("1"))
	require.True(t, ok)
	require.NoError(t, client.Flush(context.Background()))
	require.Len(t, platform.Identities(), 1)
	assert.Equal(t, []string{"anonymous-1"}, platform.Identities()[0].AnonymousIDs)
}

// The visitor and the user are in a stream's context as well.
func TestStream(t *testing.T) {
	client, _ := altertabletest.New(t, altertable.WithVisitorKey(journey.BrowserKey))
	users := accounts.New()
	id, session, err := users.SignUp("ada@example.com")
	require.NoError(t, err)

	server := Server(client, users)
	watch := grpc.StreamDesc{StreamName: "Watch", ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
		visitor, _ := altertable.VisitorFromContext(stream.Context())
		user, _ := altertable.UserFromContext(stream.Context())
		return stream.SendMsg(wrapperspb.String(visitor.AnonymousID + " " + user))
	}}
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "accounts.v1.Watcher", Streams: []grpc.StreamDesc{watch}}, nil)
	connection := serve(t, server)

	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(context.Background(),
		"cookie", journey.Cookie("1"), "authorization", "Bearer "+session))
	defer cancel()
	stream, err := connection.NewStream(ctx, &watch, "/accounts.v1.Watcher/Watch")
	require.NoError(t, err)
	require.NoError(t, stream.CloseSend())
	message := new(wrapperspb.StringValue)
	require.NoError(t, stream.RecvMsg(message))
	assert.Equal(t, "anonymous-1 "+id, message.GetValue())
}
