package main

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnAccountNeedsAnAddress(t *testing.T) {
	a, _ := newTestApp(t)
	for _, email := range []string{"", "ada", "   ", strings.Repeat("x", maxEmail) + "@example.com"} {
		_, err := a.users.create(t.Context(), email, password)
		assert.ErrorIs(t, err, errUnfit, email)
	}
}

func TestAnAddressIsTakenOnce(t *testing.T) {
	a, _ := newTestApp(t)
	var created atomic.Int32
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := a.users.create(t.Context(), "ada@example.com", password); err == nil {
				created.Add(1)
			} else {
				assert.ErrorIs(t, err, errTaken)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, created.Load())
	assert.Len(t, a.users.customers(), 1)
}

func TestNobodySignsUpAsTheAdministrator(t *testing.T) {
	a, _ := newTestApp(t)
	adminPassword, err := a.users.addAdmin(t.Context())
	require.NoError(t, err)
	_, err = a.users.create(t.Context(), " Admin@Example.com", password)
	assert.ErrorIs(t, err, errTaken)
	u, err := a.users.authenticate(t.Context(), adminEmail, adminPassword)
	require.NoError(t, err)
	assert.True(t, u.Admin)
}

func TestUsersAreCopies(t *testing.T) {
	a, _ := newTestApp(t)
	u, err := a.users.create(t.Context(), "ada@example.com", password)
	require.NoError(t, err)
	u.Plan, u.Admin = "pro", true
	found, ok := a.users.find(u.ID)
	require.True(t, ok)
	assert.Equal(t, "free", found.Plan)
	assert.False(t, found.Admin)
}
