package encode

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEncoderTakesTheNumbersThatEncodingJSONTakes(t *testing.T) {
	for _, text := range []string{
		"", "0", "-0", "12", "0.5", "-1.50", "1e9", "1E+9", "2.5e-10", "-", "+1", "01", "-01", ".5", "1.", "1.e5", "1e", "1e+", "1e5.",
		" 1", "1 ", "1 2", "0x1", "nan", "Infinity", "--1", "1e5e5", "1.2.3", "1,2", "[1]", "\u0661",
	} {
		want, wantErr := json.Marshal(json.Number(text))
		got, err := encode(json.Number(text))
		if wantErr != nil {
			require.ErrorIs(t, err, errInvalidNumber, "%q", text)
			continue
		}
		require.NoError(t, err, "%q", text)
		assert.Equal(t, string(want), got)
	}
}
