package encode

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
)

// appendOther appends a value of a type that appendValue does not name.
func appendOther(dst []byte, value any, limit, depth int) ([]byte, error) {
	switch value.(type) {
	case json.Marshaler:
		return appendMarshaled(dst, value, gauge{foreign: true}, limit, depth)
	case encoding.TextMarshaler:
		return appendMarshaled(dst, value, gauge{}, limit, depth)
	case error:
		return appendError(dst, reflect.ValueOf(value), limit)
	}
	v := reflect.ValueOf(value)
	if v.Kind() == reflect.Struct && isErrorType(v.Type()) {
		return appendError(dst, v, limit)
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		v = v.Elem() // neither Marshaler nor error: a pointer has the methods of its element
		if depth++; depth > maxDepth+oneLevel {
			return dst, errTooDeep
		}
	}
	if isSimple(v.Type()) {
		return appendSimple(dst, v, limit, depth)
	}
	g := gauge{left: limit - len(dst)}
	var err error
	if kind := v.Kind(); kind == reflect.Interface || kind == reflect.Pointer {
		err = g.measure(v, depth)
	} else { // it has no form of its own
		err = g.measureContent(v, depth)
	}
	if err != nil {
		return dst, err
	}
	return appendMarshaled(dst, value, g, limit, depth)
}

// isSimple reports whether appendSimple takes values of type t, which has no form
// of its own: scalars, any, and lists, pointers and maps of these. There is a
// bound, because a type may consist of itself.
func isSimple(t reflect.Type) bool {
	for range 4 {
		switch kind := t.Kind(); kind {
		case reflect.Slice, reflect.Array, reflect.Pointer:
		case reflect.Map:
			if !isName(t.Key()) {
				return false
			}
		default:
			return isScalar(kind) || isAny(t)
		}
		if t = t.Elem(); !isAny(t) && hasOwnForm(t) {
			return false
		}
	}
	return false
}

func isAny(t reflect.Type) bool { return t.Kind() == reflect.Interface && t.NumMethod() == 0 }

// isName reports whether a map's key of type t is a member's name as it is.
func isName(t reflect.Type) bool {
	return t == reflect.TypeFor[string]() || t.Kind() == reflect.String && !isMarshaler(reflect.PointerTo(t))
}

func isScalar(k reflect.Kind) bool {
	return k >= reflect.Bool && k <= reflect.Float64 || k == reflect.String
}

// appendSimple appends a value of a type that isSimple reports.
func appendSimple(dst []byte, v reflect.Value, limit, depth int) ([]byte, error) {
	switch kind := v.Kind(); {
	case kind == reflect.Interface:
		return appendValue(dst, v.Interface(), limit, depth)
	case kind == reflect.Pointer:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		if depth++; depth > maxDepth+oneLevel {
			return dst, errTooDeep
		}
		return appendSimple(dst, v.Elem(), limit, depth)
	case kind == reflect.Map:
		return appendSimpleMap(dst, v, limit, depth)
	case kind == reflect.Slice, kind == reflect.Array:
		return appendSimpleList(dst, v, limit, depth)
	case kind == reflect.String && v.Type() == reflect.TypeFor[json.Number]():
		return appendNumber(dst, v.String(), limit)
	case kind == reflect.String:
		return appendText(dst, v.String(), limit, depth)
	case kind == reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case v.CanInt():
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case v.CanUint():
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	}
	return appendFloat(dst, v.Float(), v.Type().Bits())
}

func appendSimpleList(dst []byte, list reflect.Value, limit, depth int) (_ []byte, err error) {
	if list.Kind() == reflect.Slice {
		switch {
		case list.IsNil():
			return append(dst, "null"...), nil
		case list.Type().Elem().Kind() == reflect.Uint8:
			return appendBytes(dst, list.Bytes(), limit)
		}
	}
	if depth > maxDepth {
		return dst, errTooDeep
	}
	dst = append(dst, '[')
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendSimple(dst, list.Index(i), limit, depth+oneLevel); err != nil {
			return dst, err
		}
		if len(dst) > limit {
			return dst, ErrTooLarge
		}
	}
	return append(dst, ']'), nil
}

func appendSimpleMap(dst []byte, m reflect.Value, limit, depth int) (_ []byte, err error) {
	t := m.Type()
	if t.Key() == reflect.TypeFor[string]() { // these assign without reflection on elements
		switch t.Elem() {
		case reflect.TypeFor[any]():
			return appendObject(dst, unnamed[map[string]any](m), limit, depth)
		case reflect.TypeFor[string]():
			return appendMap(dst, unnamed[map[string]string](m), limit, depth, appendText)
		case reflect.TypeFor[[]string]():
			return appendMap(dst, unnamed[map[string][]string](m), limit, depth, appendStrings)
		}
	}
	switch {
	case m.IsNil():
		return append(dst, "null"...), nil
	case depth > maxDepth:
		return dst, errTooDeep
	}
	name, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
	dst = append(dst, '{')
	first := true
	for i := m.MapRange(); i.Next(); {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		name.SetIterKey(i)
		value.SetIterValue(i)
		if dst, err = appendText(dst, name.String(), limit, depth); err != nil {
			return dst, err
		}
		if dst, err = appendSimple(append(dst, ':'), value, limit, depth+oneLevel); err != nil {
			return dst, err
		}
		if len(dst) > limit {
			return dst, ErrTooLarge
		}
	}
	return append(dst, '}'), nil
}

// unnamed returns m, whose type differs from M at most in having a name.
func unnamed[M any](m reflect.Value) M {
	m = reflect.ValueOf(m.Interface()) // converting an element of a list allocates
	return m.Convert(reflect.TypeFor[M]()).Interface().(M)
}
