package message

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// A field is a member of a message beside properties or traits.
type field struct {
	text string
	raw  []byte // JSON that is no text and no number, or what cannot be read
	json []byte // the member of _json
}

func (f *field) given() bool { return f.text != "" || f.raw != nil }

// RoleOf returns what a column or a member of _json of that name means, Other for
// those that the package's caller alone knows.
func RoleOf(name []byte) Role {
	switch string(name) {
	case "event":
		return Event
	case "distinct_id":
		return DistinctID
	case "anonymous_id":
		return AnonymousID
	case "device_id":
		return DeviceID
	case "new_user_id":
		return NewUserID
	case "environment":
		return Environment
	case "timestamp":
		return Timestamp
	case "properties":
		return Properties
	case "traits":
		return Traits
	case "endpoint":
		return Endpoint
	}
	return Other
}

// textOf returns a value that should be a text as such: 42.0 is "42".
func textOf(v any, sh *shape) (text string, problem string) {
	switch v := v.(type) {
	case nil:
		return "", ""
	case string:
		return v, ""
	case float64:
		return floatText(v, 64)
	case float32:
		return floatText(float64(v), 32)
	case duckdb.Decimal:
		return v.String(), ""
	case []any, map[string]any, duckdb.OrderedMap:
		return "", notText
	case duckdb.Union:
		return textOf(v.Value, sh.member(v.Tag))
	case []byte:
		if sh.kind != duckdb.TYPE_UUID {
			return "", notText
		}
	}
	out, problem := appendValue(nil, v, sh, 0)
	if out[0] == '"' {
		out, _ = jsontext.AppendUnquote(nil, out)
	}
	return string(out), problem
}

const notText = "is not a text"

func floatText(f float64, bits int) (text, problem string) {
	if math.IsNaN(f) {
		return "", isNaN
	}
	if math.IsInf(f, 0) {
		return "", isInfinite
	}
	return strconv.FormatFloat(f, 'f', -1, bits), ""
}

// jsonText is textOf for JSON. Integers keep all their digits.
func jsonText(value []byte) (text, problem string) {
	switch value[0] {
	case '"':
		return string(unquoted(value)), ""
	case 'n':
		return "", ""
	case 't', 'f':
		return string(value), ""
	case '{', '[':
		return "", notText
	}
	if bytes.ContainsAny(value, ".eE") {
		f, _ := strconv.ParseFloat(string(value), 64)
		return floatText(f, 64)
	}
	return string(value), ""
}

// unquoted returns the text of a string in JSON.
func unquoted(value []byte) []byte {
	inside := value[1 : len(value)-1]
	if bytes.IndexByte(inside, '\\') >= 0 {
		inside, _ = jsontext.AppendUnquote(nil, value)
	}
	return inside
}
