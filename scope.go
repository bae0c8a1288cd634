package altertable

import "context"

// A scope is what a context says of the person who acts and of a request: one
// value under one key, so that a call looks once. It does not change once it is
// in a context.
type scope struct {
	user       string
	visitor    Visitor
	properties Properties // merged of ContextWithProperties
}

type scopeKey struct{}

func scopeOf(ctx context.Context) *scope {
	if ctx == nil {
		return nil
	}
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// with returns a context whose scope is that of ctx after change.
func withScope(ctx context.Context, change func(*scope)) context.Context {
	var s scope
	if outer := scopeOf(ctx); outer != nil {
		s = *outer
	}
	change(&s)
	return context.WithValue(orBackground(ctx), scopeKey{}, &s)
}

// ContextWithUser returns a context that says who acts.
func ContextWithUser(ctx context.Context, distinctID string) context.Context {
	return withScope(ctx, func(s *scope) { s.user = distinctID })
}

// UserFromContext returns the id of ContextWithUser, and whether there is one.
func UserFromContext(ctx context.Context) (string, bool) {
	s := scopeOf(ctx)
	if s == nil {
		return "", false
	}
	return s.user, s.user != ""
}

// ContextWithProperties returns a context whose tracks carry p, merged over outer ones.
func ContextWithProperties(ctx context.Context, p Properties) context.Context {
	return withScope(ctx, func(s *scope) {
		merged := make(Properties, len(s.properties)+len(p))
		for name, value := range s.properties {
			merged[name] = value
		}
		for name, value := range p {
			merged[name] = value
		}
		s.properties = merged
	})
}
