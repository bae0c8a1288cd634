package encode

import (
	"encoding/json"
	"strings"
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

// The server's parser takes no number beyond the range of a float64, which
// encoding/json lets pass where it is text already.
func TestNumbersBeyondAFloat64AreRefused(t *testing.T) {
	whole := strings.Repeat("9", 308)
	for _, test := range []struct {
		number string
		ok     bool
	}{
		{"1e400", false}, {"-1E+400", false}, {"1e309", false}, {"1.8e308", false}, {"0.1e310", false}, {"10e308", false}, {whole + "9", false},
		{whole + "0.5", false}, {"1e99999999999999999999", false}, {"-" + whole + "00e-1", false},
		{"1e308", true}, {"1.7976931348623157e308", true}, {"-1E+308", true}, {"0.001e311", true}, {"1e-400", true}, {"0e400", true}, {"-0", true},
		{whole, true}, {"-" + whole, true}, {whole + "00e-2", true}, {"0." + whole + whole, true}, {"1e-99999999999999999999", true},
	} {
		for _, value := range []any{
			json.Number(test.number), pointer(json.Number(test.number)), []json.Number{json.Number(test.number)}, map[string]json.Number{"a": json.Number(test.number)},
			json.RawMessage(test.number), json.RawMessage(`{"a":[1,` + test.number + ` ]}`), foreign(test.number), pointer(foreign(`[` + test.number + `]`)), []foreign{foreign(test.number)},
			struct{ A json.Number }{json.Number(test.number)}, struct{ A any }{json.RawMessage(test.number)}, struct{ A foreign }{foreign(test.number)}, map[int]foreign{1: foreign(test.number)},
			struct{ A, E any }{foreign(test.number), unseen{}},
		} {
			_, err := encode(value)
			if test.ok {
				assert.NoError(t, err, "%T %s", value, test.number)
			} else {
				assert.Equal(t, errHugeNumber, err, "%T %s", value, test.number)
			}
		}
	}
	for _, text := range []string{`"1e400"`, `{"1e400":"-1e400"}`, `["\"1e400"]`} {
		got, err := encode(json.RawMessage(text))
		require.NoError(t, err)
		assert.Equal(t, text, got)
	}
}

// foreign is JSON that a method made.
type foreign string

func (f foreign) MarshalJSON() ([]byte, error) { return []byte(f), nil }
