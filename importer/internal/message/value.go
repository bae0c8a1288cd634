package message

import (
	"encoding/base64"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// What is wrong with a value. Words that follow a column's name.
const (
	isNaN       = "is NaN"
	isInfinite  = "is infinite"
	outOfYears  = "has a year outside 1 to 9999"
	keyTwice    = "has a key twice"
	unknownType = "has a type that cannot be imported"

	badTime = "timestamp cannot be read"
)

// appendValue appends a value of the driver in JSON, or null where there is a
// problem. depth counts the lists and objects around it.
func appendValue(dst []byte, v any, sh *shape, depth int) (_ []byte, problem string) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), ""
	case string:
		return encode.String(dst, v), ""
	case bool:
		return strconv.AppendBool(dst, v), ""
	case int64:
		return strconv.AppendInt(dst, v, 10), ""
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), ""
	case int16:
		return strconv.AppendInt(dst, int64(v), 10), ""
	case int8:
		return strconv.AppendInt(dst, int64(v), 10), ""
	case uint64:
		return strconv.AppendUint(dst, v, 10), ""
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10), ""
	case uint16:
		return strconv.AppendUint(dst, uint64(v), 10), ""
	case uint8:
		return strconv.AppendUint(dst, uint64(v), 10), ""
	case float64:
		return appendFloat(dst, v, 64)
	case float32:
		return appendFloat(dst, float64(v), 32)
	case time.Time:
		return appendTime(dst, v, sh.kind)
	}
	return appendRare(dst, v, sh, depth)
}

func appendRare(dst []byte, v any, sh *shape, depth int) ([]byte, string) {
	if depth > maxDepth {
		return append(dst, "null"...), tooDeep
	}
	switch v := v.(type) {
	case duckdb.Decimal:
		return appendDecimal(dst, v), ""
	case *big.Int:
		return appendBig(dst, v)
	case []byte:
		return appendBytes(dst, v, sh), ""
	case duckdb.Interval:
		return append(appendInterval(append(dst, '"'), v), '"'), ""
	case duckdb.Bit:
		return encode.String(dst, v.String()), ""
	case duckdb.Union:
		return appendValue(dst, v.Value, sh.member(v.Tag), depth)
	case []any:
		return appendList(dst, v, sh, depth)
	case map[string]any:
		return appendStruct(dst, v, sh, depth)
	case duckdb.OrderedMap:
		return appendMap(dst, v, sh, depth)
	}
	return append(dst, "null"...), unknownType
}

// appendFloat writes whole numbers without a fraction, as JavaScript does.
func appendFloat(dst []byte, f float64, bits int) ([]byte, string) {
	const exact = 1 << 53 // a float64 holds every integer up to it
	size := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return append(dst, "null"...), isNaN
	case math.IsInf(f, 0):
		return append(dst, "null"...), isInfinite
	case size < exact && f == math.Trunc(f) && (f != 0 || !math.Signbit(f)):
		return strconv.AppendInt(dst, int64(f), 10), ""
	case size != 0 && (size < 1e-6 || size >= 1e21):
		return strconv.AppendFloat(dst, f, 'e', -1, bits), ""
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits), ""
}

// appendDecimal keeps all digits, zeros at the end included.
func appendDecimal(dst []byte, d duckdb.Decimal) []byte {
	if d.Value.Sign() < 0 {
		dst = append(dst, '-')
	}
	var room [64]byte
	digits := new(big.Int).Abs(d.Value).Append(room[:0], 10)
	scale := int(d.Scale)
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = slices.Insert(digits, 0, slices.Repeat([]byte{'0'}, missing)...)
	}
	whole := len(digits) - scale
	dst = append(dst, digits[:whole]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[whole:]...)
	}
	return dst
}

func appendBig(dst []byte, n *big.Int) ([]byte, string) {
	begin := len(dst)
	if dst = n.Append(dst, 10); !isInRange(dst[begin:]) {
		return append(dst[:begin], "null"...), tooHuge
	}
	return dst, ""
}

func appendBytes(dst, v []byte, sh *shape) []byte {
	dst = append(dst, '"')
	if sh.kind == duckdb.TYPE_UUID && len(v) == 16 {
		var text [uuidLength]byte
		putHex(text[:], v)
		return append(append(dst, text[:]...), '"')
	}
	return append(base64.StdEncoding.AppendEncode(dst, v), '"')
}

func appendList(dst []byte, list []any, sh *shape, depth int) (_ []byte, problem string) {
	dst = append(dst, '[')
	element := sh.child(0)
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var p string
		dst, p = appendValue(dst, v, element, depth+1)
		problem = first(problem, p)
	}
	return append(dst, ']'), problem
}

// appendStruct writes the members in the order of the type.
func appendStruct(dst []byte, m map[string]any, sh *shape, depth int) (_ []byte, problem string) {
	dst = append(dst, '{')
	names := sh.names
	if sh.kind != duckdb.TYPE_STRUCT { // an object of a nested JSON
		names = slices.Sorted(maps.Keys(m))
	}
	for i, name := range names {
		v, ok := m[name]
		if !ok {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		var p string
		dst, p = appendValue(append(encode.String(dst, name), ':'), v, sh.child(i), depth+1)
		problem = first(problem, p)
	}
	return append(dst, '}'), problem
}

// appendMap writes the members in the map's order. Keys become texts.
func appendMap(dst []byte, m duckdb.OrderedMap, sh *shape, depth int) (_ []byte, problem string) {
	keys, values := m.Keys(), m.Values()
	seen := make(map[string]bool, len(keys))
	dst = append(dst, '{')
	for i, key := range keys {
		name, p := appendKey(nil, key, sh.child(0))
		if seen[string(name)] {
			p = keyTwice
		}
		if problem = first(problem, p); p != "" {
			continue
		}
		seen[string(name)] = true
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst, p = appendValue(append(append(dst, name...), ':'), values[i], sh.child(1), depth+1)
		problem = first(problem, p)
	}
	return append(dst, '}'), problem
}

// appendKey appends a map's key as a JSON string.
func appendKey(dst []byte, key any, sh *shape) (_ []byte, problem string) {
	begin := len(dst)
	if dst, problem = appendValue(dst, key, sh, 0); dst[begin] != '"' {
		dst = encode.String(dst[:begin], string(dst[begin:]))
	}
	return dst, problem
}

func first(problem, next string) string {
	if problem != "" {
		return problem
	}
	return next
}
