package encode

import "reflect"

// A replacer copies what encoding/json shall encode, with texts where errors
// are. The copy consists of values of any type where the original has types of
// its own, and of structs with the same fields: what they are called, and which
// of them are left out, is still for encoding/json to say. The values were
// measured, so they have an end.
type replacer struct {
	left int   // bytes that the texts may take
	err  error // the first one
}

// replace returns what stands for v. Only an interface that is nil is nil there.
func (r *replacer) replace(v reflect.Value) any {
	switch {
	case r.err != nil || !v.IsValid():
		return nil
	case v.Kind() == reflect.Interface:
		return r.replace(v.Elem())
	case encodesItself(v):
		if v.CanAddr() {
			v = v.Addr()
		}
		return v.Interface()
	case isErrorType(v.Type()):
		return r.text(v)
	case isNil(v):
		return v.Interface()
	}
	switch v.Kind() {
	case reflect.Pointer:
		return r.replace(v.Elem())
	case reflect.Struct:
		return r.replaceStruct(v, shapeOf(v.Type())).Interface()
	case reflect.Map:
		return r.replaceMap(v)
	case reflect.Slice, reflect.Array:
		return r.replaceList(v)
	}
	return v.Interface()
}

func (r *replacer) text(v reflect.Value) any {
	if isNil(v) {
		return (*string)(nil)
	}
	text, err := errorText(v)
	if r.left -= len(text); r.left < 0 && err == nil {
		err = ErrTooLarge
	}
	r.err = err
	return text
}

func (r *replacer) replaceMap(v reflect.Value) any {
	m := reflect.MakeMapWithSize(reflect.MapOf(v.Type().Key(), reflect.TypeFor[any]()), v.Len())
	for i := v.MapRange(); i.Next(); {
		element := r.replace(i.Value())
		m.SetMapIndex(i.Key(), reflect.ValueOf(&element).Elem())
	}
	return m.Interface()
}

func (r *replacer) replaceList(v reflect.Value) any {
	if v.Kind() == reflect.Slice && isLeaf(v.Type().Elem()) {
		return v.Interface() // may be bytes, which are a string
	}
	list := make([]any, v.Len())
	for i := range list {
		list[i] = r.replace(v.Index(i))
	}
	return list
}

// replaceStruct returns what stands for a struct. Its type is s.
func (r *replacer) replaceStruct(v reflect.Value, s *shape) reflect.Value {
	c := reflect.New(s.structType).Elem()
	for i, f := range s.fields {
		from, to := v.Field(f.index), c.Field(i)
		switch {
		case f.inlined != nil && from.Kind() == reflect.Pointer:
			if !from.IsNil() {
				to.Set(r.replaceStruct(from.Elem(), f.inlined).Addr())
			}
		case f.inlined != nil:
			to.Set(r.replaceStruct(from, f.inlined))
		case !f.mayHold:
			to.Set(from)
		case !isOmitted(from, f.options):
			if stand := r.replace(from); stand != nil {
				to.Set(reflect.ValueOf(stand))
			}
		}
	}
	return c
}
