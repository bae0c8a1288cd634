// Package encode writes the JSON of messages. Its output is what encoding/json
// would make, except that members of maps come in no particular order. The
// types that properties are usually made of need neither reflection nor memory
// of their own; encoding/json does the rest.
package encode

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxDepth bounds recursion, which would end the process. A cycle
// reaches it, and so does nothing that a JSON decoder takes: encoding/json's
// stops at 10,000 levels, of which batch, message and properties are three.
const maxDepth = 10_000 - 3

// ErrTooLarge says that the output would exceed its limit.
var ErrTooLarge = errors.New("is too large")

// Members appends the members of m without braces, and stops with
// ErrTooLarge when dst gets longer than limit. It reports whether a
// name begins with "$". An error's text says what is wrong with m in words that
// follow a field's name, and quotes nothing of m.
func Members(dst []byte, m map[string]any, limit int) (out []byte, dollar bool, err error) {
	first := true
	for name, value := range m {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dollar = dollar || strings.HasPrefix(name, "$")
		if dst, err = appendText(dst, name, limit); err != nil {
			return dst, dollar, err
		}
		if dst, err = appendValue(append(dst, ':'), value, limit, 1); err != nil {
			return dst, dollar, err
		}
	}
	return dst, dollar, nil
}

func appendValue(dst []byte, value any, limit, depth int) (_ []byte, err error) {
	switch v := value.(type) {
	case nil:
		dst = append(dst, "null"...)
	case string:
		dst, err = appendText(dst, v, limit)
	case bool:
		dst = strconv.AppendBool(dst, v)
	case int:
		dst = strconv.AppendInt(dst, int64(v), 10)
	case int8:
		dst = strconv.AppendInt(dst, int64(v), 10)
	case int16:
		dst = strconv.AppendInt(dst, int64(v), 10)
	case int32:
		dst = strconv.AppendInt(dst, int64(v), 10)
	case int64:
		dst = strconv.AppendInt(dst, v, 10)
	case time.Duration:
		dst = strconv.AppendInt(dst, int64(v), 10)
	case uint:
		dst = strconv.AppendUint(dst, uint64(v), 10)
	case uint8:
		dst = strconv.AppendUint(dst, uint64(v), 10)
	case uint16:
		dst = strconv.AppendUint(dst, uint64(v), 10)
	case uint32:
		dst = strconv.AppendUint(dst, uint64(v), 10)
	case uint64:
		dst = strconv.AppendUint(dst, v, 10)
	case float32:
		dst, err = appendFloat(dst, float64(v), 32)
	case float64:
		dst, err = appendFloat(dst, v, 64)
	default:
		dst, err = appendComposite(dst, value, limit, depth)
	}
	if err == nil && len(dst) > limit {
		err = ErrTooLarge
	}
	return dst, err
}

// appendComposite is appendValue for the types that are met less often.
func appendComposite(dst []byte, value any, limit, depth int) ([]byte, error) {
	if depth > maxDepth {
		return dst, errTooDeep
	}
	switch v := value.(type) {
	case time.Time:
		return appendTime(dst, v)
	case *time.Time:
		if v == nil {
			return append(dst, "null"...), nil
		}
		return appendTime(dst, *v)
	case json.Number:
		return appendNumber(dst, string(v), limit)
	case json.RawMessage:
		return appendRaw(dst, v, limit)
	case []byte:
		return appendBytes(dst, v, limit)
	case map[string]any:
		return appendObject(dst, v, limit, depth)
	case map[string]string:
		return appendMap(dst, v, limit, func(dst []byte, v string) ([]byte, error) {
			return appendText(dst, v, limit)
		})
	case []any:
		return appendArray(dst, v, limit, func(dst []byte, v any) ([]byte, error) {
			return appendValue(dst, v, limit, depth+1)
		})
	case []map[string]any:
		return appendArray(dst, v, limit, func(dst []byte, v map[string]any) ([]byte, error) {
			return appendObject(dst, v, limit, depth+1)
		})
	case []string:
		return appendArray(dst, v, limit, func(dst []byte, v string) ([]byte, error) {
			return appendText(dst, v, limit)
		})
	case []int:
		return appendArray(dst, v, limit, func(dst []byte, v int) ([]byte, error) {
			return strconv.AppendInt(dst, int64(v), 10), nil
		})
	case []int64:
		return appendArray(dst, v, limit, func(dst []byte, v int64) ([]byte, error) {
			return strconv.AppendInt(dst, v, 10), nil
		})
	case []float64:
		return appendArray(dst, v, limit, func(dst []byte, v float64) ([]byte, error) {
			return appendFloat(dst, v, 64)
		})
	}
	return appendOther(dst, value, limit, depth)
}

func appendObject(dst []byte, m map[string]any, limit, depth int) ([]byte, error) {
	return appendMap(dst, m, limit, func(dst []byte, v any) ([]byte, error) {
		return appendValue(dst, v, limit, depth+1)
	})
}

func appendMap[V any](dst []byte, m map[string]V, limit int, element func(dst []byte, v V) ([]byte, error)) (_ []byte, err error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, '{')
	first := true
	for name, v := range m {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if dst, err = appendText(dst, name, limit); err != nil {
			return dst, err
		}
		if dst, err = element(append(dst, ':'), v); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendArray[T any](dst []byte, list []T, limit int, element func(dst []byte, v T) ([]byte, error)) (_ []byte, err error) {
	if list == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = element(dst, v); err != nil {
			return dst, err
		}
		if len(dst) > limit {
			return dst, ErrTooLarge
		}
	}
	return append(dst, ']'), nil
}

// appendText is String for texts that may be huge.
func appendText(dst []byte, s string, limit int) ([]byte, error) {
	if len(dst)+len(s) > limit {
		return dst, ErrTooLarge
	}
	return String(dst, s), nil
}

func appendBytes(dst, p []byte, limit int) ([]byte, error) {
	switch {
	case p == nil:
		return append(dst, "null"...), nil
	case len(dst)+base64.StdEncoding.EncodedLen(len(p)) > limit:
		return dst, ErrTooLarge
	}
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), p), '"'), nil
}

// appendFloat writes numbers as JavaScript does, like encoding/json.
func appendFloat(dst []byte, f float64, bits int) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, errNotANumber
	}
	format := byte('f')
	if size := math.Abs(f); size != 0 {
		if bits == 64 && (size < 1e-6 || size >= 1e21) ||
			bits == 32 && (float32(size) < 1e-6 || float32(size) >= 1e21) {
			format = 'e'
		}
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst = append(dst[:n-2], dst[n-1]) // e-09 becomes e-9
	}
	return dst, nil
}

func appendTime(dst []byte, t time.Time) ([]byte, error) {
	out, err := t.AppendText(append(dst, '"'))
	if err != nil {
		return dst, errTimeOutOfRange
	}
	return append(out, '"'), nil
}
