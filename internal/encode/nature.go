package encode

import (
	"encoding"
	"encoding/json"
	"reflect"
)

// isMarshaler reports whether encoding/json calls a method of values of type t.
func isMarshaler(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// encodesItself reports whether encoding/json calls a method of v, and does not
// look at what is in it.
func encodesItself(v reflect.Value) bool {
	return isMarshaler(v.Type()) || v.CanAddr() && isMarshaler(reflect.PointerTo(v.Type()))
}

// isErrorType reports whether values of type t, which is no interface, are
// errors. It is asked after encodesItself.
func isErrorType(t reflect.Type) bool {
	if t.Kind() == reflect.Struct {
		return membersOf(t).isError
	}
	return t.Implements(reflect.TypeFor[error]())
}

// hasOwnForm reports whether values of type t may encode themselves or be errors.
func hasOwnForm(t reflect.Type) bool {
	return isMarshaler(reflect.PointerTo(t)) || isErrorType(t) // a pointer has the methods of t, too
}

// isLeaf reports whether there is nothing to look at in values of type t:
// numbers and booleans without a form of their own, and what JSON cannot express.
func isLeaf(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface, reflect.Pointer, reflect.String, reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
		return false
	}
	return t.PkgPath() == "" || !hasOwnForm(t) // types of the language have no methods
}

// isNil is v.IsNil for values of any kind.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return v.IsNil()
	}
	return false
}

func isNilPointer(v reflect.Value) bool { return v.Kind() == reflect.Pointer && v.IsNil() }

// pointed returns what a pointer of type t points to, and t if that is no pointer.
func pointed(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
