package altertable

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The encoder appends the JSON that encoding/json would make, members of maps
// in no particular order. The types that properties are usually made of need
// neither reflection nor memory of their own; encoding/json does the rest.

// maxEncodingDepth is where encoding/json takes over: it finds cycles.
const maxEncodingDepth = 1000

var errEncodingTooLarge = errors.New("is too large")

// appendMembers appends the members of m without braces, and stops with
// errEncodingTooLarge when dst gets longer than limit. It reports whether a
// name begins with "$". An error's text says what is wrong with m in words that
// follow a field's name, and quotes nothing of m.
func appendMembers(dst []byte, m map[string]any, limit int) (out []byte, dollar bool, err error) {
	first := true
	for name, value := range m {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dollar = dollar || strings.HasPrefix(name, "$")
		if dst, err = appendMember(dst, name, value, limit, 1); err != nil {
			return dst, dollar, err
		}
	}
	return dst, dollar, nil
}

func appendMember(dst []byte, name string, value any, limit, depth int) ([]byte, error) {
	if len(dst)+len(name) > limit {
		return dst, errEncodingTooLarge
	}
	return appendValue(append(appendString(dst, name), ':'), value, limit, depth)
}

func appendValue(dst []byte, value any, limit, depth int) (_ []byte, err error) {
	if depth > maxEncodingDepth {
		return appendOther(dst, value, limit)
	}
	switch v := value.(type) {
	case nil:
		dst = append(dst, "null"...)
	case string:
		if len(dst)+len(v) > limit {
			return dst, errEncodingTooLarge
		}
		dst = appendString(dst, v)
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
		err = errEncodingTooLarge
	}
	return dst, err
}

// appendComposite is appendValue for the types that are met less often.
func appendComposite(dst []byte, value any, limit, depth int) ([]byte, error) {
	switch v := value.(type) {
	case time.Time:
		return appendTime(dst, v)
	case json.Number:
		return appendNumber(dst, v)
	case json.RawMessage:
		return appendRaw(dst, v, limit)
	case map[string]any:
		return appendObject(dst, v, limit, depth)
	case Properties:
		return appendObject(dst, v, limit, depth)
	case Traits:
		return appendObject(dst, v, limit, depth)
	case map[string]string:
		return appendStringObject(dst, v, limit)
	case []any:
		if v == nil {
			return append(dst, "null"...), nil
		}
		return appendArray(dst, len(v), func(dst []byte, i int) ([]byte, error) {
			return appendValue(dst, v[i], limit, depth+1)
		})
	case []map[string]any:
		if v == nil {
			return append(dst, "null"...), nil
		}
		return appendArray(dst, len(v), func(dst []byte, i int) ([]byte, error) {
			return appendObject(dst, v[i], limit, depth+1)
		})
	case []string:
		if v == nil {
			return append(dst, "null"...), nil
		}
		return appendArray(dst, len(v), func(dst []byte, i int) ([]byte, error) {
			if len(dst)+len(v[i]) > limit {
				return dst, errEncodingTooLarge
			}
			return appendString(dst, v[i]), nil
		})
	case []byte:
		if base64.StdEncoding.EncodedLen(len(v)) > limit {
			return dst, errEncodingTooLarge
		}
	}
	return appendOther(dst, value, limit)
}

func appendObject(dst []byte, m map[string]any, limit, depth int) (_ []byte, err error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, '{')
	first := true
	for name, value := range m {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if dst, err = appendMember(dst, name, value, limit, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendStringObject(dst []byte, m map[string]string, limit int) ([]byte, error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, '{')
	first := true
	for name, value := range m {
		if len(dst)+len(name)+len(value) > limit {
			return dst, errEncodingTooLarge
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendString(append(appendString(dst, name), ':'), value)
	}
	return append(dst, '}'), nil
}

func appendArray(dst []byte, n int, element func(dst []byte, i int) ([]byte, error)) (_ []byte, err error) {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = element(dst, i); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
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

func appendNumber(dst []byte, n json.Number) ([]byte, error) {
	if n == "" {
		return append(dst, '0'), nil
	}
	first, last := n[0], n[len(n)-1]
	if first != '-' && !isDigit(first) || !isDigit(last) || !json.Valid([]byte(n)) {
		return dst, errInvalidNumber
	}
	return append(dst, n...), nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// appendRaw appends JSON that is already there, without white space, and with
// strings escaped as elsewhere.
func appendRaw(dst []byte, raw json.RawMessage, limit int) ([]byte, error) {
	switch {
	case raw == nil:
		return append(dst, "null"...), nil
	case !json.Valid(raw):
		return dst, errInvalidRaw
	}
	quoted, escaped := false, false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		case escaped:
			escaped = false
		case c == '"':
			quoted = !quoted
		case c == '\\':
			escaped = true
		case c == '<', c == '>', c == '&', c >= utf8.RuneSelf:
			_, size := utf8.DecodeRune(raw[i:])
			dst = appendEscaped(dst, string(raw[i:i+size]))
			i += size - 1
			continue
		}
		dst = append(dst, c)
		if len(dst) > limit {
			return dst, errEncodingTooLarge
		}
	}
	return dst, nil
}

// appendOther lets encoding/json encode value, and turns its errors and its
// panics, which are those of the user's methods, into texts of our own.
func appendOther(dst []byte, value any, limit int) (_ []byte, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("holds a value of type %T whose encoding panicked", value)
		}
	}()
	text, err := json.Marshal(value)
	if err == nil {
		return appendRaw(dst, text, limit)
	}
	var (
		unsupportedType  *json.UnsupportedTypeError
		unsupportedValue *json.UnsupportedValueError
		marshaler        *json.MarshalerError
	)
	switch {
	case errors.As(err, &marshaler):
		return dst, fmt.Errorf("holds a value of type %v whose encoding failed", marshaler.Type)
	case errors.As(err, &unsupportedType):
		return dst, fmt.Errorf("holds a value of type %v, which JSON cannot express", unsupportedType.Type)
	case errors.As(err, &unsupportedValue) && strings.Contains(unsupportedValue.Str, "cycle"):
		return dst, errors.New("holds a cycle")
	case errors.As(err, &unsupportedValue):
		return dst, errNotANumber
	}
	return dst, fmt.Errorf("holds a value of type %T, which JSON cannot express", value)
}

var (
	errNotANumber     = errors.New("holds NaN or an infinity, which JSON cannot express")
	errTimeOutOfRange = errors.New("holds a time.Time that RFC 3339 cannot express")
	errInvalidNumber  = errors.New("holds a json.Number that is no number")
	errInvalidRaw     = errors.New("holds a json.RawMessage that is not JSON")
)
