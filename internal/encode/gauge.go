package encode

import (
	"encoding"
	"encoding/json"
	"reflect"
)

// A gauge looks at a value before encoding/json does, which knows no bounds: a
// list a million deep would end the process, and a value of a gigabyte would
// be encoded before anybody could say that it is too large.
type gauge struct {
	left int // bytes that the value's JSON, at its shortest, may still take
}

// measure walks through what encoding/json would walk through.
func (g *gauge) measure(v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch v.Kind() {
	case reflect.Interface:
		return g.measure(v.Elem(), depth)
	case reflect.Pointer:
		return g.measure(v.Elem(), depth+1)
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			return g.take(v.Len())
		}
	case reflect.Struct:
		if !encodesItself(v.Type()) {
			return g.measureStruct(v, depth)
		}
	case reflect.Map, reflect.Slice, reflect.Array:
		if !encodesItself(v.Type()) {
			return g.measureElements(v, depth)
		}
	}
	return nil
}

func (g *gauge) measureStruct(v reflect.Value, depth int) error {
	for i := range v.NumField() {
		if isLeaf(v.Field(i).Kind()) {
			continue
		}
		field := v.Type().Field(i)
		if !field.IsExported() && !field.Anonymous || field.Tag.Get("json") == "-" {
			continue
		}
		if err := g.measure(v.Field(i), depth); err != nil {
			return err
		}
	}
	return g.take(len("{}"))
}

func (g *gauge) measureElements(v reflect.Value, depth int) error {
	if err := g.take(v.Len()); err != nil {
		return err
	}
	if isLeaf(v.Type().Elem().Kind()) {
		return nil
	}
	for _, element := range v.Seq2() {
		if err := g.measure(element, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (g *gauge) take(n int) error {
	if g.left -= n; g.left < 0 {
		return ErrTooLarge
	}
	return nil
}

// isLeaf reports whether there is nothing to measure in values of that kind.
func isLeaf(k reflect.Kind) bool {
	switch k {
	case reflect.Interface, reflect.Pointer, reflect.String, reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
		return false
	}
	return true
}

// encodesItself reports whether encoding/json calls a method of the type, and
// does not look at the value's fields.
func encodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t) // its methods are those of t, too
	return p.Implements(reflect.TypeFor[json.Marshaler]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}
