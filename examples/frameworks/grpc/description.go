package grpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// A handler is the service as gRPC calls it. With a .proto file of your own,
// this file is generated.
type handler interface {
	SignUp(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
	LogIn(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
	Upgrade(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
	Grant(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
}

var description = grpc.ServiceDesc{
	ServiceName: "accounts.v1.Accounts",
	HandlerType: (*handler)(nil),
	Methods: []grpc.MethodDesc{
		method("SignUp", handler.SignUp),
		method("LogIn", handler.LogIn),
		method("Upgrade", handler.Upgrade),
		method("Grant", handler.Grant),
	},
}

type call func(handler, context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)

func method(name string, call call) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: name,
		Handler: func(server any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			request := new(wrapperspb.StringValue)
			if err := decode(request); err != nil {
				return nil, err
			}
			info := &grpc.UnaryServerInfo{Server: server, FullMethod: "/accounts.v1.Accounts/" + name}
			return interceptor(ctx, request, info, func(ctx context.Context, request any) (any, error) {
				return call(server.(handler), ctx, request.(*wrapperspb.StringValue))
			})
		},
	}
}
