package encode

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What cannot be expressed. A text follows a field's name and quotes no value.
var (
	errNotANumber     = errors.New("holds NaN or an infinity, which JSON cannot express")
	errTimeOutOfRange = errors.New("holds a time.Time that RFC 3339 cannot express")
	errTooDeep        = errors.New("holds a cycle, or is nested too deeply")
	errInvalidNumber  = errors.New("holds a json.Number that is no number")
	errInvalidRaw     = errors.New("holds a json.RawMessage that is not JSON")
)

func appendNumber(dst []byte, n string, limit int) ([]byte, error) {
	switch {
	case n == "":
		return append(dst, '0'), nil
	case len(dst)+len(n) > limit:
		return dst, ErrTooLarge
	case !isNumber(n):
		return dst, errInvalidNumber
	}
	return append(dst, n...), nil
}

// isNumber reports whether s is a number in JSON.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := countDigits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if fraction, ok := strings.CutPrefix(s, "."); ok {
		n := countDigits(fraction)
		if n == 0 {
			return false
		}
		s = fraction[n:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && countDigits(s) == len(s)
}

// countDigits returns with how many digits s begins.
func countDigits(s string) int {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return i
		}
	}
	return len(s)
}

// appendRaw appends JSON that is already there, without white space, and with
// strings escaped as elsewhere.
func appendRaw(dst []byte, raw json.RawMessage, limit int) ([]byte, error) {
	switch {
	case raw == nil:
		return append(dst, "null"...), nil
	case !json.Valid(raw):
		return dst, errInvalidRaw
	}
	return appendCompact(dst, raw, limit)
}

// appendCompact is appendRaw for valid JSON.
func appendCompact(dst, raw []byte, limit int) ([]byte, error) {
	quoted, escaped := false, false
	for i := 0; i < len(raw) && len(dst) <= limit; i++ {
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
	}
	if len(dst) > limit {
		return dst, ErrTooLarge
	}
	return dst, nil
}

// appendOther appends a value of a type that the encoder does not know.
func appendOther(dst []byte, value any, limit, depth int) ([]byte, error) {
	switch value.(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return appendMarshaled(dst, value, limit)
	}
	v := reflect.ValueOf(value)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		v = v.Elem() // no Marshaler either: a pointer has the methods of its element
	}
	switch {
	case v.Kind() == reflect.String && v.Type() == reflect.TypeFor[json.Number]():
		return appendNumber(dst, v.String(), limit)
	case v.Kind() == reflect.String:
		return appendText(dst, v.String(), limit)
	case v.Kind() == reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case v.CanInt():
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case v.CanUint():
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case v.CanFloat():
		return appendFloat(dst, v.Float(), v.Type().Bits())
	case v.Kind() == reflect.Map && v.CanConvert(reflect.TypeFor[map[string]any]()):
		return appendObject(dst, v.Convert(reflect.TypeFor[map[string]any]()).Interface().(map[string]any), limit, depth)
	}
	g := gauge{left: limit - len(dst)}
	if err := g.measure(v, depth); err != nil {
		return dst, err
	}
	return appendMarshaled(dst, value, limit)
}

// appendMarshaled lets encoding/json encode value, and turns its errors and its
// panics, which are those of the user's methods, into texts of our own.
func appendMarshaled(dst []byte, value any, limit int) (out []byte, err error) {
	defer func() {
		if recover() != nil {
			out, err = dst, fmt.Errorf("holds a value of type %T whose encoding panicked", value)
		}
	}()
	text, err := json.Marshal(value)
	switch {
	case err != nil:
		return dst, marshalError(value, err)
	case len(dst)+len(text) > limit:
		return dst, ErrTooLarge
	case !utf8.Valid(text): // a user's method made it, and encoding/json lets it pass
		return appendCompact(dst, text, limit)
	}
	return append(dst, text...), nil
}

// marshalError puts an error of json.Marshal into words without the user's
// own text. encoding/json and its v2 agree on the types of errors, but not
// on what they hold.
func marshalError(value any, err error) error {
	var (
		unsupportedType  *json.UnsupportedTypeError
		unsupportedValue *json.UnsupportedValueError
		marshaler        *json.MarshalerError
	)
	culprit := reflect.TypeOf(value)
	switch {
	case errors.As(err, &marshaler):
		culprit = marshaler.Type
		if culprit.Kind() == reflect.Pointer {
			culprit = culprit.Elem()
		}
		return fmt.Errorf("holds a value of type %v whose encoding failed", culprit)
	case errors.As(err, &unsupportedType):
		culprit = unsupportedType.Type
	case errors.As(err, &unsupportedValue):
		switch unsupportedValue.Str {
		case "NaN", "+Inf", "-Inf":
			return errNotANumber
		}
	}
	return fmt.Errorf("holds a value of type %v, which JSON cannot express", culprit)
}
