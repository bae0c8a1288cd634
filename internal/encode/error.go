package encode

import "reflect"

// appendError appends the text of an error, which encoding/json would look into:
// most errors have nothing there that it sees, and become {}.
func appendError(dst []byte, v reflect.Value, limit int) ([]byte, error) {
	if isNil(v) {
		return append(dst, "null"...), nil
	}
	text, err := errorText(v)
	if err != nil {
		return dst, err
	}
	return appendText(dst, text, limit, 0)
}

// errorText returns the text of a value whose type isErrorType reports.
func errorText(v reflect.Value) (text string, err error) {
	defer func() {
		if recover() != nil {
			err = errPanicked(v.Type())
		}
	}()
	if !v.Type().Implements(reflect.TypeFor[error]()) {
		v = addressable(v).Addr()
	}
	return v.Interface().(error).Error(), nil
}

// addressable returns v, or a copy if it has no address.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}
