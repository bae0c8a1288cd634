package main

import (
	"net/http"

	"github.com/altertable-ai/altertable-go"
)

// admin lets only the administrator pass. It asks the session, not the context's
// user of the analytics, which proves nothing.
func (a *app) admin(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if u, ok := userOf(r.Context()); !ok || !u.Admin {
			a.render(w, r, http.StatusForbidden, "Log in", "This page is the administrator's.")
			return
		}
		next(w, r)
	}
}

// upgradeCustomer writes about another person than the one who acts, so it names
// the customer. The ids of the administrator's browser then stay out of it: a
// link between the two could not be undone.
func (a *app) upgradeCustomer(w http.ResponseWriter, r *http.Request) {
	customer, changed := a.users.upgrade(r.PathValue("id"))
	if changed {
		a.note(a.analytics.Identify(r.Context(), altertable.Identify{DistinctID: customer.ID, Traits: customer.traits()}))
		a.note(a.analytics.Track(r.Context(), altertable.Track{
			Event:      "plan_upgraded",
			DistinctID: customer.ID,
			Properties: altertable.Properties{"plan": customer.Plan, "upgraded_by": "administrator"}, // the role: who it was is no business of the customer's
		}))
	}
	http.Redirect(w, r, "/customers", http.StatusSeeOther)
}
