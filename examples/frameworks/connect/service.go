// Package connect is a service on connectrpc.com/connect.
package connect

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Handler returns the service. Connect's handlers are net/http's, so that the
// same middleware serves, for unary calls and for streams.
func Handler(client *altertable.Client, users *accounts.Accounts) http.Handler {
	s := &service{client, users}
	mux := http.NewServeMux()
	for procedure, method := range map[string]method{ // what a generated New...Handler does
		"/accounts.v1.Accounts/SignUp":  s.signUp,
		"/accounts.v1.Accounts/LogIn":   s.logIn,
		"/accounts.v1.Accounts/Upgrade": s.upgrade,
		"/accounts.v1.Accounts/Grant":   s.grant,
	} {
		mux.Handle(procedure, connect.NewUnaryHandler(procedure, method, connect.WithInterceptors(authentication{users})))
	}
	return client.Middleware(mux) // the visitor
}

// authentication is an interceptor that says who acts.
type authentication struct{ users *accounts.Accounts }

func (a authentication) actor(ctx context.Context, header http.Header) context.Context {
	if id, ok := a.users.User(session(header)); ok {
		ctx = altertable.ContextWithUser(ctx, id)
	}
	return ctx
}

func (a authentication) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		return next(a.actor(ctx, request.Header()), request)
	}
}

func (a authentication) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, stream connect.StreamingHandlerConn) error {
		return next(a.actor(ctx, stream.RequestHeader()), stream)
	}
}

func (a authentication) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func session(header http.Header) string {
	return strings.TrimPrefix(header.Get("Authorization"), "Bearer ")
}

type (
	service struct {
		client *altertable.Client
		users  *accounts.Accounts
	}
	request  = connect.Request[wrapperspb.StringValue]
	response = connect.Response[wrapperspb.StringValue]
	method   = func(context.Context, *request) (*response, error)
)

func (s *service) signUp(ctx context.Context, r *request) (*response, error) {
	return s.enter(ctx, r.Msg.GetValue(), "signed_up", s.users.SignUp)
}

func (s *service) logIn(ctx context.Context, r *request) (*response, error) {
	return s.enter(ctx, r.Msg.GetValue(), "logged_in", s.users.LogIn)
}

// enter is sign-up and login. From here on the user is known.
func (s *service) enter(ctx context.Context, email, event string, begin func(email string) (id, session string, err error)) (*response, error) {
	id, session, err := begin(email)
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	ctx = altertable.ContextWithUser(ctx, id)
	note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"email": email}}))
	note(s.client.Track(ctx, altertable.Track{Event: event}))
	return connect.NewResponse(wrapperspb.String(session)), nil
}

// upgrade is an action of the user who is logged in.
func (s *service) upgrade(ctx context.Context, r *request) (*response, error) {
	if _, ok := s.users.User(session(r.Header())); !ok {
		return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("log in first"))
	}
	note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_upgraded"}))
	return connect.NewResponse(r.Msg), nil
}

// grant is what an administrator does to a customer. The messages name the
// customer, so they carry nothing of the administrator's browser.
func (s *service) grant(ctx context.Context, r *request) (*response, error) {
	if !s.users.Admin(session(r.Header())) {
		return nil, connect.NewError(connect.CodePermissionDenied, errors.New("administrators only"))
	}
	customer := r.Msg.GetValue()
	note(s.client.Identify(ctx, altertable.Identify{DistinctID: customer, Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_granted", DistinctID: customer}))
	return connect.NewResponse(r.Msg), nil
}

// note logs an error of the analytics, which is no reason to fail a request.
func note(err error) {
	if err != nil {
		slog.Warn("analytics", "error", err)
	}
}
