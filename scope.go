package altertable

import (
	"context"
	"maps"
)

// A scope is what a context says of the person who acts and of the request: one
// value under one key, so that a call looks once. It does not change once it is
// in a context.
type scope struct {
	user       string     // of ContextWithUser
	visitor    Visitor    // without ids that cannot be used
	properties Properties // of ContextWithProperties, merged
	request    *request   // of the Middleware of a client with WithRequestProperties; nil without
}

type scopeKey struct{}

// scopeOf returns the scope of ctx, nil if it has none.
func scopeOf(ctx context.Context) *scope {
	if ctx == nil {
		return nil
	}
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// innerScope returns a copy of ctx's scope, to be changed and put into a context.
func innerScope(ctx context.Context) *scope {
	s := new(scope)
	if outer := scopeOf(ctx); outer != nil {
		*s = *outer
	}
	return s
}

// within returns a context like ctx that carries s.
func (s *scope) within(ctx context.Context) context.Context {
	return context.WithValue(orBackground(ctx), scopeKey{}, s)
}

// ContextWithUser returns a context that says who acts: the user with this id.
// What authenticates requests calls it once, and then a Track or an Identify
// with that context needs no DistinctID. An empty id hides an outer one. The id
// is a DistinctID, and is checked by the calls that use it.
//
// It also says whom the visitor's ids belong to. They are added to messages
// about this user only. So a message about somebody else, such as a customer in
// an administrator's handler, does not link that person to the administrator's
// browser. Platforms do not undo a link, so:
//
//   - In a login handler call it as soon as the new user is known, before the
//     first Track and Identify.
//   - A supporter who acts as a customer still has the supporter's browser.
//     Call ContextWithVisitor(ctx, Visitor{}) first, or that browser is linked
//     to the customer for good.
//   - At a logout pass "", and have the browser SDK reset, or the next login in
//     that browser links two people.
//   - For work that outlives the request pass context.WithoutCancel(ctx), which
//     keeps user and visitor. A job that is read from a queue has neither: its
//     messages name their DistinctID.
//
// A *gin.Context or a fiber context given as ctx does not hold what was put into
// the request's context. Pass that one: c.Request.Context() in gin, c.UserContext()
// in fiber 2, c.Context() in fiber 3, c.Request().Context() in echo.
func ContextWithUser(ctx context.Context, distinctID string) context.Context {
	s := innerScope(ctx)
	s.user = distinctID
	return s.within(ctx)
}

// UserFromContext returns the id that ContextWithUser put into ctx, and
// whether there is one.
func UserFromContext(ctx context.Context) (string, bool) {
	s := scopeOf(ctx)
	if s == nil {
		return "", false
	}
	return s.user, s.user != ""
}

// ContextWithProperties returns a context whose Tracks carry p, such as a
// tenant or a feature's variant. They are merged over those of outer contexts,
// and an event's own properties win over both. The map is copied. The values in
// it are not, so do not change them while the context is in use. A value that
// JSON cannot express is a *ValidationError of each Track.
func ContextWithProperties(ctx context.Context, p Properties) context.Context {
	s := innerScope(ctx)
	merged := make(Properties, len(s.properties)+len(p))
	maps.Copy(merged, s.properties)
	maps.Copy(merged, p)
	s.properties = merged
	return s.within(ctx)
}

// fillTrack fills in what the caller of a Track left to the context: whom it is
// about, and the visitor's ids.
func (s *scope) fillTrack(t *Track) {
	if s == nil {
		return
	}
	if t.DistinctID == "" && t.AnonymousID == "" {
		if t.DistinctID = s.user; t.DistinctID == "" {
			t.DistinctID = s.visitor.AnonymousID
		}
	}
	if s.isPerson(t.DistinctID) {
		s.visitor.link(t.DistinctID, &t.AnonymousID, &t.DeviceID)
	}
}

// fillIdentify does the same for an Identify, which may be that of a login: the
// context has no user yet, and the visitor is the one who logs in.
func (s *scope) fillIdentify(i *Identify) {
	if s == nil {
		return
	}
	if i.DistinctID == "" && i.AnonymousID == "" {
		i.DistinctID = s.user
	}
	if s.isPerson(i.DistinctID) || s.user == "" && i.DistinctID != "" {
		s.visitor.link(i.DistinctID, &i.AnonymousID, &i.DeviceID)
	}
}

// isPerson reports whether id is that of the context's user or visitor.
func (s *scope) isPerson(id string) bool {
	return id != "" && (id == s.user || id == s.visitor.AnonymousID)
}

// noPerson is the error of a message that names nobody, and whose context does not
// either. An anonymous id alone is none of a person, whatever the context says:
// whether it is the visitor's or a user's would be a guess.
func noPerson(anonymousID, context string) error {
	if anonymousID != "" {
		return &ValidationError{"distinct_id", "must not be empty where AnonymousID is set: set DistinctID, to the same id for a visitor"}
	}
	return &ValidationError{"distinct_id", "must not be empty: set DistinctID, or pass a context " + context}
}
