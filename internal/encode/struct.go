package encode

import (
	"reflect"
	"strings"
	"sync"
)

// structMembers is what encoding/json sees of structs of one type.
type structMembers struct {
	fields []structField

	// isError: a pointer to them is an error, or they are. What most errors have
	// to say is in fields that are not exported.
	isError bool
}

type structField struct {
	index   int
	isLeaf  bool
	inlined bool // it is a struct, or a pointer to one, whose fields are the outer one's in JSON
}

// structTypes holds the *structMembers of each type that was asked for: a
// program has as many as it has types.
var structTypes sync.Map

func membersOf(t reflect.Type) *structMembers {
	if m, ok := structTypes.Load(t); ok {
		return m.(*structMembers)
	}
	m := &structMembers{isError: reflect.PointerTo(t).Implements(reflect.TypeFor[error]())}
	for i := range t.NumField() {
		if f := t.Field(i); !isHidden(f) {
			m.fields = append(m.fields, structField{i, isLeaf(f.Type), isInlined(f)})
		}
	}
	structTypes.Store(t, m)
	return m
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
