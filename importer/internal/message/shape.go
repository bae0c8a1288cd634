package message

import duckdb "github.com/duckdb/duckdb-go/v2"

// A shape is what values do not say of their type: the order of a STRUCT's
// members, and whether bytes are a UUID.
type shape struct {
	kind     duckdb.Type
	names    []string // of a STRUCT's or UNION's members
	children []shape
}

// anything is the shape of what is in a nested JSON.
var anything = &shape{}

func shapeOf(t duckdb.TypeInfo) shape {
	if t == nil {
		return shape{kind: duckdb.TYPE_VARCHAR}
	}
	if t.Alias() == "JSON" {
		return shape{}
	}
	sh := shape{kind: t.InternalType()}
	switch details := t.Details().(type) {
	case *duckdb.ListDetails:
		sh.add("", details.Child)
	case *duckdb.ArrayDetails:
		sh.add("", details.Child)
	case *duckdb.MapDetails:
		sh.add("", details.Key)
		sh.add("", details.Value)
	case *duckdb.StructDetails:
		for _, entry := range details.Entries {
			sh.add(entry.Name(), entry.Info())
		}
	case *duckdb.UnionDetails:
		for _, member := range details.Members {
			sh.add(member.Name, member.Type)
		}
	}
	return sh
}

func (sh *shape) add(name string, t duckdb.TypeInfo) {
	sh.names = append(sh.names, name)
	sh.children = append(sh.children, shapeOf(t))
}

func (sh *shape) child(i int) *shape {
	if i < len(sh.children) {
		return &sh.children[i]
	}
	return anything
}

// member returns the shape of a UNION's member.
func (sh *shape) member(name string) *shape {
	for i := range sh.names {
		if sh.names[i] == name {
			return &sh.children[i]
		}
	}
	return anything
}
