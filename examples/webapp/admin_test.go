package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheAdministratorUpgradesACustomer(t *testing.T) {
	a, srv := newTestApp(t)
	adminPassword, err := a.users.addAdmin(t.Context())
	require.NoError(t, err)
	newBrowser(a, "customer").signUp(t, "ada@example.com")
	ada := a.users.customers()[0]

	admin := newBrowser(a, "admin")
	admin.get("/")
	require.Equal(t, http.StatusSeeOther, admin.post("/login", credentials(adminEmail, adminPassword)).Code)
	page := admin.get("/customers").Body.String()
	assert.Contains(t, page, "ada@example.com")
	assert.NotContains(t, page, adminEmail)
	upgrade := "/customers/" + ada.ID + "/upgrade"
	assert.Equal(t, http.StatusSeeOther, admin.post(upgrade, nil).Code)
	admin.post(upgrade, nil) // a double click

	assert.Equal(t, []string{"signed_up", "page_viewed", "logged_in", "page_viewed", "plan_upgraded"}, eventsOf(t, a, srv))
	identities := srv.Identities()
	require.Len(t, identities, 2)
	assert.Equal(t, ada.ID, identities[0].DistinctID)
	assert.Equal(t, "pro", identities[0].Traits["plan"])
	assert.Equal(t, []string{"anonymous-customer"}, identities[0].AnonymousIDs)
	assert.Equal(t, []string{"device-customer"}, identities[0].DeviceIDs)
	assert.Equal(t, []string{"anonymous-admin"}, identities[1].AnonymousIDs)
	for _, e := range srv.Events() {
		if e.Event == "plan_upgraded" {
			assert.Equal(t, ada.ID, e.DistinctID)
			assert.Empty(t, e.AnonymousID)
			assert.Empty(t, e.DeviceID)
			assert.Equal(t, "administrator", e.Properties["upgraded_by"])
		}
	}
}

func TestOnlyTheAdministratorMayPass(t *testing.T) {
	a, srv := newTestApp(t)
	_, err := a.users.addAdmin(t.Context())
	require.NoError(t, err)
	ada := newBrowser(a, "1")
	ada.signUp(t, "ada@example.com")
	id := a.users.customers()[0].ID
	for name, b := range map[string]*browser{"nobody": newBrowser(a, "2"), "a customer": ada} {
		t.Run(name, func(t *testing.T) {
			w := b.get("/customers")
			assert.Equal(t, http.StatusForbidden, w.Code)
			assert.NotContains(t, w.Body.String(), id[:10]+"...")
			assert.Equal(t, http.StatusForbidden, b.post("/customers/"+id+"/upgrade", nil).Code)
		})
	}
	assert.Equal(t, []string{"signed_up"}, eventsOf(t, a, srv))
}

func TestUpgradeOfNoCustomer(t *testing.T) {
	a, srv := newTestApp(t)
	adminPassword, err := a.users.addAdmin(t.Context())
	require.NoError(t, err)
	admin := newBrowser(a, "1")
	require.Equal(t, http.StatusSeeOther, admin.post("/login", credentials(adminEmail, adminPassword)).Code)
	own, err := a.users.authenticate(t.Context(), adminEmail, adminPassword)
	require.NoError(t, err)
	for _, id := range []string{own.ID, "u_unknown", "%00"} {
		assert.Equal(t, http.StatusSeeOther, admin.post("/customers/"+id+"/upgrade", nil).Code)
	}
	assert.Equal(t, []string{"logged_in"}, eventsOf(t, a, srv))
}
