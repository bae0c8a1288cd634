package encode

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
)

// Depth is counted in steps. A list or an object is a level, which is many
// steps. A pointer is one: it is nothing in JSON, but may lead to itself.
const (
	oneLevel = 256

	// maxDepth is where the deepest lists and objects are. The server's parser
	// stops at 128 levels, of which batch, message and properties are three.
	maxDepth = (128-3)*oneLevel + oneLevel - 1
)

// appendValue appends a value. If that is a list or an object, it is at depth.
// What it appends may exceed limit by a number.
func appendValue(dst []byte, value any, limit, depth int) (_ []byte, err error) {
	switch v := value.(type) {
	case nil:
		dst = append(dst, "null"...)
	case string:
		dst, err = appendText(dst, v, limit, depth)
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
		return appendRaw(dst, v, limit, depth)
	case []byte:
		return appendBytes(dst, v, limit)
	case map[string]any:
		return appendObject(dst, v, limit, depth)
	case map[string]string:
		return appendMap(dst, v, limit, depth, appendText)
	case []any:
		return appendList(dst, v, limit, depth, appendValue)
	case []map[string]any:
		return appendList(dst, v, limit, depth, appendObject)
	case []string:
		return appendStrings(dst, v, limit, depth)
	case []int:
		return appendList(dst, v, limit, depth, appendInt)
	case []int64:
		return appendList(dst, v, limit, depth, appendInt)
	case []float64:
		return appendList(dst, v, limit, depth, func(dst []byte, f float64, _, _ int) ([]byte, error) {
			return appendFloat(dst, f, 64)
		})
	}
	return appendOther(dst, value, limit, depth)
}

func appendObject(dst []byte, m map[string]any, limit, depth int) ([]byte, error) {
	return appendMap(dst, m, limit, depth, appendValue)
}

func appendStrings(dst []byte, list []string, limit, depth int) ([]byte, error) {
	return appendList(dst, list, limit, depth, appendText)
}

// An appender is appendValue for values of one type.
type appender[T any] func(dst []byte, value T, limit, depth int) ([]byte, error)

func appendMap[T any](dst []byte, m map[string]T, limit, depth int, element appender[T]) (_ []byte, err error) {
	switch {
	case m == nil:
		return append(dst, "null"...), nil
	case depth > maxDepth:
		return dst, errTooDeep
	}
	dst = append(dst, '{')
	first := true
	for name, value := range m {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if dst, err = appendText(dst, name, limit, depth); err != nil {
			return dst, err
		}
		if dst, err = element(append(dst, ':'), value, limit, depth+oneLevel); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendList[T any](dst []byte, list []T, limit, depth int, element appender[T]) (_ []byte, err error) {
	switch {
	case list == nil:
		return append(dst, "null"...), nil
	case depth > maxDepth:
		return dst, errTooDeep
	}
	dst = append(dst, '[')
	for i, value := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = element(dst, value, limit, depth+oneLevel); err != nil {
			return dst, err
		}
		if len(dst) > limit {
			return dst, ErrTooLarge
		}
	}
	return append(dst, ']'), nil
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

func appendInt[T int | int64](dst []byte, n T, _, _ int) ([]byte, error) {
	return strconv.AppendInt(dst, int64(n), 10), nil
}
