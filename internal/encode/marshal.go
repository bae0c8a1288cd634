package encode

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// What cannot be expressed. A text follows a field's name and quotes no value.
var (
	errNotANumber     = errors.New("holds NaN or an infinity, which JSON cannot express")
	errTimeOutOfRange = errors.New("holds a time.Time that RFC 3339 cannot express")
	errTooDeep        = errors.New("holds a cycle, or is nested too deeply")
	errInvalidNumber  = errors.New("holds a json.Number that is no number")
	errHugeNumber     = errors.New("holds a number beyond the range of a float64")
	errInvalidRaw     = errors.New("holds a json.RawMessage that is not JSON")
)

// appendMarshaled lets encoding/json encode value, of which g knows what it
// holds, and turns its errors and its panics, which are those of the user's
// methods, into texts of our own.
func appendMarshaled(dst []byte, value any, g gauge, limit, depth int) (out []byte, err error) {
	defer func() {
		if recover() != nil {
			out, err = dst, errPanicked(reflect.TypeOf(value))
		}
	}()
	encoded := value
	if g.errors {
		r := replacer{left: g.left}
		if encoded = r.replace(reflect.ValueOf(value)); r.err != nil {
			return dst, r.err
		}
	}
	text, err := json.Marshal(encoded)
	switch {
	case err != nil:
		return dst, marshalError(value, err)
	case g.foreign:
		return appendCompact(dst, text, limit, depth)
	case len(dst)+len(text) > limit:
		return dst, ErrTooLarge
	}
	return append(dst, text...), nil
}

func errPanicked(t reflect.Type) error {
	return fmt.Errorf("holds a value of type %v whose encoding panicked", pointed(t))
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
		return fmt.Errorf("holds a value of type %v whose encoding failed", pointed(marshaler.Type))
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
