package altertable_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

func TestReservedIDsAreRefused(t *testing.T) {
	client, _, _ := newClient(t)
	for _, id := range []string{
		"", " ", "\t\n", "anonymous_id", "Anonymous", "DISTINCT_ID", "distinctId", "False", "guest", "ID", " id ", "not_authenticated",
		"TRUE", "undefined", "user_id", "User", "visitor_id", "visitor", "[object Object]", "0", "NaN", "none", "None", "null", " null\n",
		"\xff", "u_\xff", strings.Repeat("\u00e9", 1025),
		"\x00", "a\x00b", "u_1\x00", "\x7f", "\u0085", "\u200b", "\u200f\u2060", "\ufeff", "\u00ad", "\u3164", "\uffa0", "\u115f", "\u2800", "\u180e", "\ufe0f", "\u034f",
		"\U000e0041", "\u2028", "\u00a0 \u3000", "\ufeffnull", "\u200bundefined \u200b", "\x000",
		"<nil>", " <nil>", "<no value>", "%!s(<nil>)", "%!d(string=u_1)", "%!v(BADINDEX)", "%!(NOVERB)", "%!s(PANIC=String method: secret) ", "%!(EXTRA int=1)",
	} {
		var invalid *altertable.ValidationError
		for field, err := range map[string]error{
			"distinct_id": errors.Join(
				client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: id}),
				client.Identify(t.Context(), altertable.Identify{DistinctID: id}),
				client.Alias(t.Context(), altertable.Alias{DistinctID: id, NewUserID: "u_2"})),
			"new_user_id": client.Alias(t.Context(), altertable.Alias{DistinctID: "u_1", NewUserID: id}),
		} {
			require.ErrorAs(t, err, &invalid, "%q", id)
			assert.Equal(t, field, invalid.Field)
			if trimmed := strings.TrimSpace(id); len(trimmed) > 4 {
				assert.NotContains(t, invalid.Reason, trimmed)
			}
		}
	}
	for _, id := range []string{"users", "NULL", "nan", "00", "NONE", "[Object object]", "u 1", strings.Repeat("\u00e9", 1024), "\U0001F600",
		"\ufeffu_1", "u_1\u200b", "u\u200d1", " u_1", "\u2764\ufe0f", "<NIL>", "nil", "%!", "%!s", "a%!s(<nil>)", "100%!(sure)x", "\ufffd", "\u00e9", "<nil>1"} {
		assert.NoError(t, client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: id}), "%q", id)
	}
}

// What nobody sees is blank, wherever blank texts are refused or left out.
func TestInvisibleTextsAreBlank(t *testing.T) {
	client, _, _ := newClient(t)
	for _, blank := range []string{"", " ", "\u200b", "\ufeff \u2800\u3164", "\u00ad", "\x00", "\t\u2060"} {
		var invalid *altertable.ValidationError
		require.ErrorAs(t, client.Track(t.Context(), altertable.Track{Event: blank, DistinctID: "u_1"}), &invalid)
		assert.Equal(t, "event", invalid.Field)
		if blank == "" {
			continue
		}
		require.ErrorAs(t, client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1", Environment: blank}), &invalid)
		assert.Equal(t, altertable.ValidationError{Field: "environment", Reason: "must not be blank"}, *invalid)
		m := wireOfTrack(t, altertable.Track{Event: "e", DistinctID: "u_1", AnonymousID: blank, DeviceID: blank})
		assert.NotContains(t, m, "anonymous_id")
		assert.NotContains(t, m, "device_id")
	}
	m := wireOfTrack(t, altertable.Track{Event: "\ufeffe", DistinctID: "\ufeffu_1", AnonymousID: "\u200banonymous-1"})
	assert.Equal(t, []any{"\ufeffe", "\ufeffu_1", "\u200banonymous-1"}, []any{m["event"], m["distinct_id"], m["anonymous_id"]}, "verbatim")

	for _, ids := range []altertable.Identify{{DistinctID: "u_1", AnonymousID: "a\x00b"}, {DistinctID: "u_1", DeviceID: "a\x00b"}} {
		var invalid *altertable.ValidationError
		require.ErrorAs(t, client.Identify(t.Context(), ids), &invalid)
		assert.Equal(t, "contains a NUL character", invalid.Reason)
	}
}

// FuzzIDs checks ids against the rules in other words.
func FuzzIDs(f *testing.F) {
	client, err := altertable.New("key", altertable.WithDisabled(true))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, id string) {
		sound := utf8.ValidString(id) && !strings.Contains(id, "\x00")
		short := utf8.RuneCountInString(id) <= 1024-len("user: ")
		err := client.Alias(t.Context(), altertable.Alias{DistinctID: "user: " + id, NewUserID: "u"})
		assert.Equal(t, sound && short, err == nil, "%q: %v", id, err)

		err = client.Alias(t.Context(), altertable.Alias{DistinctID: id, NewUserID: "u"})
		if err == nil {
			assert.True(t, sound, "%q", id)
			assert.True(t, strings.ContainsFunc(id, maybeShown), "%q", id)
		}
	})
}

// maybeShown reports whether a font may show r as anything. Nobody knows it of
// characters that are not assigned, or not by Unicode.
func maybeShown(r rune) bool {
	shown := unicode.IsGraphic(r) && !unicode.IsSpace(r)
	known := unicode.IsGraphic(r) || unicode.In(r, unicode.Cc, unicode.Cf)
	return shown || !known
}
