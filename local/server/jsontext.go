package server

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"
)

// jsonText encodes a decoded JSON object as encoding/json does without escaping
// for HTML, but faster: it is done for every event.
func jsonText(object map[string]any) string { return string(appendObject(nil, object)) }

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case float64:
		return appendNumber(b, v)
	case json.Number:
		return append(b, v...)
	case string:
		return appendText(b, v)
	case map[string]any:
		return appendObject(b, v)
	case []any:
		return appendArray(b, v)
	}
	return appendOther(b, v)
}

func appendArray(b []byte, array []any) []byte {
	if array == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, v := range array {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v)
	}
	return append(b, ']')
}

func appendObject(b []byte, object map[string]any) []byte {
	if object == nil {
		return append(b, "null"...)
	}
	var few [16]string
	keys := few[:0]
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, key), ':')
		b = appendValue(b, object[key])
	}
	return append(b, '}')
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return appendOther(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendNumber(b []byte, f float64) []byte {
	if f == float64(int64(f)) && f < 1e15 && f > -1e15 && f != 0 {
		return strconv.AppendInt(b, int64(f), 10)
	}
	return appendOther(b, f)
}

// appendOther leaves to encoding/json what is rare.
func appendOther(b []byte, v any) []byte {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("altertable-local: a decoded value cannot be encoded: " + err.Error())
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}
