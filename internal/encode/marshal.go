package encode

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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
