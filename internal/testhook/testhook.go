// Package testhook tells altertabletest what a client's methods do not. The
// root package fills it in, so that its own exported API stays the users'.
package testhook

// VisitorCookie returns the name of the browser SDK's cookie that client, an
// *altertable.Client, looks for. It is "" for one that looks for none.
var VisitorCookie func(client any) string
