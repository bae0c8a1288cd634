// Package grpc is a service on google.golang.org/grpc.
package grpc

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/examples/frameworks/accounts"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Server returns the service. A proxy for browsers passes their cookie on as
// metadata. Another caller forwards the cookie's value under a name of its own:
// give the client WithVisitorHeader("X-Altertable-Visitor") for it.
func Server(client *altertable.Client, users *accounts.Accounts) *grpc.Server {
	s := &service{client, users}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream))
	server.RegisterService(&description, s)
	return server
}

type service struct {
	client *altertable.Client
	users  *accounts.Accounts
}

// actor returns a context that holds the visitor, and the user who acts.
func (s *service) actor(ctx context.Context) context.Context {
	visitor, _ := s.client.Visitor(&http.Request{Header: http.Header{
		"Cookie":               metadata.ValueFromIncomingContext(ctx, "cookie"),
		"X-Altertable-Visitor": metadata.ValueFromIncomingContext(ctx, "x-altertable-visitor"),
	}})
	ctx = altertable.ContextWithVisitor(ctx, visitor) // without an id as well: it may hold a denied consent
	if id, ok := s.users.User(session(ctx)); ok {
		ctx = altertable.ContextWithUser(ctx, id)
	}
	return ctx
}

func (s *service) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	return next(s.actor(ctx), request)
}

func (s *service) stream(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return next(server, streamWithContext{stream, s.actor(stream.Context())})
}

type streamWithContext struct {
	grpc.ServerStream
	ctx context.Context
}

func (s streamWithContext) Context() context.Context { return s.ctx }

func session(ctx context.Context) string {
	for _, value := range metadata.ValueFromIncomingContext(ctx, "authorization") {
		if token, ok := strings.CutPrefix(value, "Bearer "); ok {
			return token
		}
	}
	return ""
}

func (s *service) SignUp(ctx context.Context, email *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return s.enter(ctx, email.GetValue(), "signed_up", s.users.SignUp)
}

func (s *service) LogIn(ctx context.Context, email *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return s.enter(ctx, email.GetValue(), "logged_in", s.users.LogIn)
}

// enter is sign-up and login. From here on the user is known.
func (s *service) enter(ctx context.Context, email, event string, begin func(email string) (id, session string, err error)) (*wrapperspb.StringValue, error) {
	id, session, err := begin(email)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	ctx = altertable.ContextWithUser(ctx, id)
	note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"email": email}}))
	note(s.client.Track(ctx, altertable.Track{Event: event}))
	return wrapperspb.String(session), nil
}

// Upgrade is an action of the user who is logged in.
func (s *service) Upgrade(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	if _, ok := s.users.User(session(ctx)); !ok {
		return nil, status.Error(codes.Unauthenticated, "log in first")
	}
	note(s.client.Identify(ctx, altertable.Identify{Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_upgraded"}))
	return request, nil
}

// Grant is what an administrator does to a customer. The messages name the
// customer, so they carry nothing of the administrator's browser.
func (s *service) Grant(ctx context.Context, customer *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	if !s.users.Admin(session(ctx)) {
		return nil, status.Error(codes.PermissionDenied, "administrators only")
	}
	id := customer.GetValue()
	note(s.client.Identify(ctx, altertable.Identify{DistinctID: id, Traits: altertable.Traits{"plan": "pro"}}))
	note(s.client.Track(ctx, altertable.Track{Event: "plan_granted", DistinctID: id}))
	return customer, nil
}

// note logs an error of the analytics, which is no reason to fail a request.
func note(err error) {
	if err != nil {
		slog.Warn("analytics", "error", err)
	}
}
