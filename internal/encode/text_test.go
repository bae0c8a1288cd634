package encode

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func FuzzEncodeString(f *testing.F) {
	for _, s := range []string{"", "a\"b\\", "<>&\u2028", "\xff\xfe", "\x00\x1f\x7f", "\U0001F600", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		require.NoError(t, err)
		assert.Equal(t, spelled(want), spelled(String(nil, s)))
	})
}
