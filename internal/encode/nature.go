package encode

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
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

// isErrorType reports whether values of type t, which is no interface, or
// pointers to them are errors. It is asked after encodesItself.
func isErrorType(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[error]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[error]())
}

// hasOwnForm reports whether values of type t may encode themselves or be errors.
func hasOwnForm(t reflect.Type) bool {
	p := reflect.PointerTo(t) // its methods are those of t, too
	return isMarshaler(p) || p.Implements(reflect.TypeFor[error]())
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

// isHidden reports whether encoding/json does not look at a struct's field.
func isHidden(f reflect.StructField) bool {
	if f.Tag.Get("json") == "-" {
		return true
	}
	return !f.IsExported() && !(f.Anonymous && pointed(f.Type).Kind() == reflect.Struct)
}

// isInlined reports whether the fields of a struct's field, which is not
// hidden, are the struct's own in JSON.
func isInlined(f reflect.StructField) bool {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return f.Anonymous && name == "" && pointed(f.Type).Kind() == reflect.Struct
}

// pointed returns what a pointer of type t points to, and t if that is no pointer.
func pointed(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
