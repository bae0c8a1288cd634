package encode

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsNoCharacterBecomesTheReplacementCharacter(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"\"a\xffb\"", `"a\ufffdb"`},
		{`"\ud800"`, `"\ufffd"`}, {`"\uDBFF"`, `"\ufffd"`}, {`"\udc00"`, `"\ufffd"`}, {`"\uDfFf"`, `"\ufffd"`},
		{`"a\ud800b"`, `"a\ufffdb"`}, {`"\ud800\u0041"`, `"\ufffd\u0041"`}, {`"\ud800\n"`, `"\ufffd\n"`}, {`"\ud800\\udc00"`, `"\ufffd\\udc00"`},
		{`"\udc00\ud800"`, `"\ufffd\ufffd"`}, {`"\ud800\ud800\udc00"`, `"\ufffd\ud800\udc00"`}, {`"\ud800\udc00\udc00"`, `"\ud800\udc00\ufffd"`},
		{"[" + strings.Repeat("[],{},", 200) + "0]", "[" + strings.Repeat("[],{},", 200) + "0]"}, // in a row, not in one another
		{`{"\ud800":["\udc00"]}`, `{"\ufffd":["\ufffd"]}`}, {"\"\\ud800\xff<\u2028\"", `"\ufffd\ufffd\u003c\u2028"`},

		{`"\ud83d\ude00\uD83D\uDE00"`, `"\ud83d\ude00\uD83D\uDE00"`}, {`"\\ud800"`, `"\\ud800"`}, {`"\\\\ud800"`, `"\\\\ud800"`}, {`"\\\ud800"`, `"\\\ufffd"`},
		{`"\ufffd\ud7ff\ue000"`, `"\ufffd\ud7ff\ue000"`}, {`"\u0000 \" \u003c"`, `"\u0000 \" \u003c"`}, {"\"\U0001F600 \ufffd\"", "\"\U0001F600 \ufffd\""},
	} {
		around := func(text string) string { return `{"a":[` + text + `]}` }
		for want, values := range map[string][]any{
			test.want: {json.RawMessage(test.text), foreign(test.text), pointer(foreign(test.text)), any(json.RawMessage("\n" + test.text + " "))},
			around(test.want): {json.RawMessage(around(test.text)), map[string]any{"a": []any{foreign(test.text)}}, struct {
				A any `json:"a"`
			}{[]foreign{foreign(test.text)}}},
			`{"1":` + test.want + `}`:       {map[int]any{1: foreign(test.text)}, map[int]json.RawMessage{1: json.RawMessage(test.text)}},
			`{"E":["e",` + test.want + `]}`: {struct{ E any }{[]any{unseen{"e"}, foreign(test.text)}}, map[string]any{"E": []any{unseen{"e"}, json.RawMessage(test.text)}}},
		} {
			for _, value := range values {
				got, err := encode(value)
				require.NoError(t, err)
				assert.Equal(t, want, got, "%T", value)
			}
		}
	}
}

// maxLevels is how many lists and objects of a value may be in one another.
const maxLevels = 125

// levels returns how many lists and objects of a JSON text are in one another.
func levels(text string) (deepest int) {
	d := json.NewDecoder(strings.NewReader(text))
	level := 0
	for {
		token, err := d.Token()
		switch token {
		case json.Delim('['), json.Delim('{'):
			level++
			deepest = max(deepest, level)
		case json.Delim(']'), json.Delim('}'):
			level--
		}
		if err != nil {
			return deepest
		}
	}
}

// isForeign reports whether JSON holds what encoding/json takes and the encoder
// does not keep as it is.
func isForeign(text string) bool {
	return levels(text) > maxLevels || hasHugeNumber(text) || !utf8.ValidString(text) || hasHalfPair(text)
}

func hasHugeNumber(text string) bool {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if n, ok := token.(json.Number); ok {
			if _, err := n.Float64(); err != nil {
				return true
			}
		}
		if err != nil {
			return false
		}
	}
}

// hasHalfPair reports whether an escape in JSON stands for half of a surrogate
// pair. strconv.Unquote refuses these, unlike encoding/json, but whole pairs as well.
func hasHalfPair(text string) bool {
	for i := 0; i+6 <= len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if text[i+1] != 'u' {
			i++
			continue
		}
		unit, _ := strconv.ParseUint(text[i+2:i+6], 16, 32)
		switch {
		case unit>>10 == 0xd800>>10 && i+12 <= len(text) && text[i+6:i+8] == `\u`:
			if low, _ := strconv.ParseUint(text[i+8:i+12], 16, 32); low>>10 != 0xdc00>>10 {
				return true
			}
			i += 11
		case unit>>11 == 0xd800>>11:
			return true
		default:
			i += 5
		}
	}
	return false
}

// FuzzRaw is about JSON that somebody else made: what is in it stays, and what
// the server's parser does not take is not in the output.
func FuzzRaw(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		got, err := encode(json.RawMessage(text))
		viaMethod, methodErr := encode([1]any{foreign(text)})
		switch {
		case !json.Valid([]byte(text)):
			require.ErrorIs(t, err, errInvalidRaw)
			require.Error(t, methodErr)
			return
		case levels(text) > maxLevels || hasHugeNumber(text):
			require.Error(t, err)
			require.Error(t, methodErr)
			return
		}
		require.NoError(t, err)
		if levels(text) < maxLevels {
			require.NoError(t, methodErr)
			assert.Equal(t, "["+got+"]", viaMethod)
		}
		require.False(t, isForeign(got))
		require.True(t, json.Valid([]byte(got)))
		assert.NotContains(t, got, "<")
		var want, have any
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		require.NoError(t, json.Unmarshal([]byte(got), &have))
		assert.Equal(t, want, have)
	})
}
