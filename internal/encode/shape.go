package encode

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// A shape is how a replacer copies structs of one type. Fields that may hold
// errors have the type any in the copy; names, tags and embedding are the same.
type shape struct {
	structType reflect.Type // of the copy; it has no methods
	fields     []shapeField // of the copy
}

type shapeField struct {
	index   int    // in the original
	inlined *shape // of the struct that it embeds
	mayHold bool   // an error; its type in the copy is any
	options string // of its tag
}

// shapes holds a *shape for each type of struct that held an error. A program
// has as many as it has types.
var shapes sync.Map

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s, _ := shapes.LoadOrStore(t, newShape([]reflect.Type{t}))
	return s.(*shape)
}

// newShape returns the shape of the last type of path. Each of the others embeds
// the one after it.
func newShape(path []reflect.Type) *shape {
	t := path[len(path)-1]
	s := new(shape)
	var fields []reflect.StructField
	for _, m := range membersOf(t).fields {
		f := t.Field(m.index)
		own := shapeField{index: m.index}
		switch inner := pointed(f.Type); {
		case m.inlined && slices.Contains(path, inner): // its fields are those of the outer one again, which hide them
			continue
		case m.inlined:
			own.inlined = newShape(append(path, inner))
			if f.Type.Kind() == reflect.Pointer {
				f.Type = reflect.PointerTo(own.inlined.structType)
			} else {
				f.Type = own.inlined.structType
			}
		default:
			f.Anonymous = false
			_, own.options, _ = strings.Cut(f.Tag.Get("json"), ",")
			if !isScalar(inner.Kind()) || hasOwnForm(inner) {
				f.Type, own.mayHold = reflect.TypeFor[any](), true
			}
		}
		if f.Anonymous || !f.IsExported() {
			f.Name, f.PkgPath = nameOf(t, m.index), ""
		}
		fields, s.fields = append(fields, f), append(s.fields, own)
	}
	s.structType = reflect.StructOf(fields)
	return s
}

// nameOf returns a name for a field of t whose name does not show in JSON. It is
// different for each type: encoding/json knows embedded structs by their type,
// and two of different types must not become one.
func nameOf(t reflect.Type, field int) string {
	return fmt.Sprintf("Field_%x_%d", reflect.ValueOf(t).Pointer(), field)
}

// isOmitted reports whether encoding/json leaves out a field whose tag has the options.
func isOmitted(v reflect.Value, options string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option == "omitempty" && isEmpty(v) || option == "omitzero" && isZero(v) {
			return true
		}
	}
	return false
}

func isEmpty(v reflect.Value) bool {
	switch kind := v.Kind(); kind {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	default:
		return (isScalar(kind) || kind == reflect.Interface || kind == reflect.Pointer) && v.IsZero()
	}
}

func isZero(v reflect.Value) bool {
	type zeroer interface{ IsZero() bool }
	isZeroer := func(t reflect.Type) bool { return t.Implements(reflect.TypeFor[zeroer]()) }
	switch t := v.Type(); {
	case isZeroer(t) && (isNilPointer(v) || v.Kind() == reflect.Interface && (v.IsNil() || isNilPointer(v.Elem()))):
		return true
	case isZeroer(t):
		return v.Interface().(zeroer).IsZero()
	case isZeroer(reflect.PointerTo(t)):
		return addressable(v).Addr().Interface().(zeroer).IsZero()
	}
	return v.IsZero()
}
