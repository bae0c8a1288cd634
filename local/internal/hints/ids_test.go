package hints

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestEmailIDs(t *testing.T) {
	for _, id := range []string{"ada@example.com", "Ada.L+x@mail.example.co.uk", " ada@example.com "} {
		assert.Equal(t, []string{"email-id"}, codesOf(OfEvent(&altertabletest.Event{DistinctID: id}, "")), id)
		assert.Equal(t, []string{"email-id"}, codesOf(OfUpdate(&altertabletest.Update{DistinctID: id})), id)
		assert.Equal(t, []string{"email-id"}, codesOf(OfIdentity(&altertabletest.Identity{DistinctID: id}, nil)), id)
		assert.Equal(t, []string{"email-id"}, codesOf(OfUpdate(&altertabletest.Update{Alias: true, DistinctID: "u_1", NewUserID: id})), id)
		assert.Empty(t, OfUpdate(&altertabletest.Update{Alias: true, DistinctID: id, NewUserID: "u_1"}), "an alias away from it is right")
	}
	for _, id := range []string{"", "@ada", "ada@", "ada@localhost", "u_1", "git@github.com:org/repo", "pkg@1.2.3", "https://x@y.com/z", "a b@example.com",
		"stripe:cus_1@x.y", "@@example.com@", "anonymous-7c9e6679-7425-40de-944b-e07fc1f90ae7", strings.Repeat("a", 300) + "@example.com"} {
		assert.Empty(t, OfEvent(&altertabletest.Event{DistinctID: id}, ""), id)
	}
}

func TestConstantIDs(t *testing.T) {
	for _, id := range []string{"anonymous_id", "Anonymous", "ANONYMOUS", "distinct_id", "distinctId", "false", "Guest", "id", "not_authenticated", "True",
		"undefined", "user_id", "userId", "user-id", "USER", "visitor_id", "visitor", "[object Object]", "0", "NaN", "none", "None", "null", " null ", "   ",
		"test", "unknown", "admin", "system", "default", "-1", "00000000-0000-0000-0000-000000000000", "<nil>"} {
		assert.Equal(t, []string{"constant-id"}, codesOf(OfEvent(&altertabletest.Event{DistinctID: id}, "")), "%q", id)
		assert.Equal(t, []string{"constant-id"}, codesOf(OfEvent(&altertabletest.Event{DistinctID: "u_1", AnonymousID: id}, "")), "%q", id)
		assert.Equal(t, []string{"constant-id"}, codesOf(OfUpdate(&altertabletest.Update{DistinctID: "u_1", AnonymousID: id})), "%q", id)
		assert.Equal(t, []string{"constant-id"}, codesOf(OfUpdate(&altertabletest.Update{Alias: true, DistinctID: "u_1", NewUserID: id})), "%q", id)
		assert.Equal(t, []string{"constant-id"}, codesOf(OfIdentity(&altertabletest.Identity{DistinctID: id}, nil)), "%q", id)
	}
	for _, id := range []string{"", "u", "1", "00", "-2", "test-1", "testing", "user_1", "guest-7f2a", "administrator-3", "systems", "true_blue", "anon",
		"00000000-0000-0000-0000-000000000001", "anonymous-7c9e6679-7425-40de-944b-e07fc1f90ae7", "nobody", "visitor-7c9e6679"} {
		assert.Empty(t, OfEvent(&altertabletest.Event{DistinctID: id, AnonymousID: id}, ""), "%q", id)
	}
}
