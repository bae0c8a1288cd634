package encode

import (
	"encoding/json"
	"reflect"
)

// A gauge looks at a value before encoding/json does, which knows no bounds: a
// list a million deep would end the process, and a value of a gigabyte would
// be encoded before anybody could say that it is too large.
type gauge struct {
	left    int  // bytes that the value's JSON, at its shortest, may still take
	errors  bool // there are errors in it
	foreign bool // there may be JSON in it that encoding/json did not make
}

// measure walks through what encoding/json would walk through.
func (g *gauge) measure(v reflect.Value, depth int) error {
	switch v.Kind() {
	case reflect.Invalid: // in an interface that is nil
		return nil
	case reflect.Interface:
		return g.measure(v.Elem(), depth)
	case reflect.String:
		switch v.Type() {
		case reflect.TypeFor[string]():
			return g.take(v.Len())
		case reflect.TypeFor[json.Number]():
			g.foreign = true
			return nil
		}
	}
	switch {
	case encodesItself(v):
		g.foreign = true
		return nil
	case isNil(v):
		return nil
	case isErrorType(v.Type()):
		g.errors = true
		return g.take(len(`""`))
	}
	return g.measureContent(v, depth)
}

// measureContent measures what is in a value that has no form of its own.
func (g *gauge) measureContent(v reflect.Value, depth int) error {
	switch v.Kind() {
	case reflect.Pointer:
		if depth++; depth > maxDepth+oneLevel {
			return errTooDeep
		}
		return g.measure(v.Elem(), depth)
	case reflect.Struct:
		if depth > maxDepth {
			return errTooDeep
		}
		return g.measureFields(v, depth)
	case reflect.Map, reflect.Slice, reflect.Array:
		return g.measureElements(v, depth)
	}
	return nil
}

func (g *gauge) measureFields(v reflect.Value, depth int) (err error) {
	for _, f := range membersOf(v.Type()).fields {
		switch {
		case f.isLeaf:
		case f.inlined:
			err = g.measureInlined(v.Field(f.index), depth)
		default:
			err = g.measure(v.Field(f.index), depth+oneLevel)
		}
		if err != nil {
			return err
		}
	}
	return g.take(len("{}"))
}

// measureInlined measures an embedded struct, or a pointer to one.
func (g *gauge) measureInlined(v reflect.Value, depth int) error {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		if depth++; depth > maxDepth+oneLevel {
			return errTooDeep
		}
		v = v.Elem()
	}
	return g.measureFields(v, depth)
}

func (g *gauge) measureElements(v reflect.Value, depth int) error {
	if err := g.take(v.Len()); err != nil {
		return err
	}
	element := v.Type().Elem()
	switch leaf := isLeaf(element); {
	case leaf && element.Kind() == reflect.Uint8 && v.Kind() == reflect.Slice: // a string in base64
		return nil
	case depth > maxDepth:
		return errTooDeep
	case leaf:
		return nil
	}
	for _, element := range v.Seq2() {
		if err := g.measure(element, depth+oneLevel); err != nil {
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
