package altertable_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

func TestAliasLinksTwoIDs(t *testing.T) {
	client, srv, l := newClient(t)
	require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "u_42", Traits: altertable.Traits{"plan": "pro"}}))
	require.NoError(t, client.Alias(t.Context(), altertable.Alias{DistinctID: "stripe:cus_123", NewUserID: "u_42"}))
	require.NoError(t, client.Flush(t.Context()))
	paths := map[string]string{}
	for _, r := range srv.Requests() {
		paths[r.Path] = string(r.Body)
	}
	assert.Contains(t, paths["/alias"], `"distinct_id":"stripe:cus_123","new_user_id":"u_42"`)
	l.settle(t, client, "u_42", "stripe:cus_123")
}

func TestAliasRefusesIDsOfNobody(t *testing.T) {
	client, _, _ := newClient(t)
	for _, test := range []struct {
		alias altertable.Alias
		field string
	}{
		{altertable.Alias{NewUserID: "u_1"}, "distinct_id"},
		{altertable.Alias{DistinctID: "u_1"}, "new_user_id"},
		{altertable.Alias{DistinctID: "u_1", NewUserID: "guest"}, "new_user_id"},
		{altertable.Alias{DistinctID: "u_1", NewUserID: "u_1"}, "new_user_id"},
		{altertable.Alias{DistinctID: "u_1", NewUserID: "u_2", Environment: " "}, "environment"},
	} {
		var invalid *altertable.ValidationError
		require.ErrorAs(t, client.Alias(t.Context(), test.alias), &invalid)
		assert.Equal(t, test.field, invalid.Field)
	}
	assert.EqualValues(t, 5, client.Stats().Rejected)
}
