package altertable

import "context"

// A Visitor is what the browser SDK left in a request's cookie.
type Visitor struct{ AnonymousID, DeviceID string }

type visitorKey struct{}

// ContextWithVisitor returns a context that carries v. A zero Visitor hides an outer one.
func ContextWithVisitor(ctx context.Context, v Visitor) context.Context {
	return context.WithValue(orBackground(ctx), visitorKey{}, v)
}

// VisitorFromContext returns the visitor that ctx carries, and whether there is one.
func VisitorFromContext(ctx context.Context) (Visitor, bool) {
	if ctx == nil {
		return Visitor{}, false
	}
	v, _ := ctx.Value(visitorKey{}).(Visitor)
	return v, v != Visitor{}
}
