package snapshot

import (
	"go/types"
	"maps"
	"slices"
)

// reach returns the package's types that callers can get at: exported ones, and
// unexported ones that exported declarations mention.
func reach(pkg *types.Package) *reacher {
	r := &reacher{within: pkg, types: map[string]*types.TypeName{}, embedded: map[string]bool{}}
	for _, name := range pkg.Scope().Names() {
		obj := pkg.Scope().Lookup(name)
		if !obj.Exported() {
			continue
		}
		if tn, ok := obj.(*types.TypeName); ok {
			r.name(tn)
		} else {
			r.typ(obj.Type())
		}
	}
	return r
}

type reacher struct {
	within   *types.Package
	types    map[string]*types.TypeName
	embedded map[string]bool // names of types that a struct embeds
}

func (r *reacher) name(obj *types.TypeName) {
	if obj.Pkg() != r.within || r.types[obj.Name()] != nil {
		return
	}
	r.types[obj.Name()] = obj
	if obj.IsAlias() {
		for p := range aliasParams(obj).TypeParams() {
			r.typ(p.Constraint())
		}
		r.typ(rhs(obj))
		return
	}
	named := obj.Type().(*types.Named)
	for p := range named.TypeParams().TypeParams() {
		r.typ(p.Constraint())
	}
	switch t := named.Underlying().(type) {
	case *types.Struct:
		for f := range t.Fields() {
			if !visible(f) {
				continue
			}
			if f.Embedded() {
				r.embedded[f.Name()] = true
			}
			r.typ(f.Type())
		}
	default:
		r.typ(t)
	}
	for m := range named.Methods() {
		if m.Exported() {
			r.typ(m.Type())
		}
	}
}

func (r *reacher) typ(t types.Type) {
	switch t := t.(type) {
	case *types.Alias:
		r.name(t.Obj())
		r.list(t.TypeArgs())
	case *types.Named:
		r.name(t.Obj())
		r.list(t.TypeArgs())
	case *types.Map:
		r.typ(t.Key())
		r.typ(t.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays and channels
		r.typ(t.Elem())
	case *types.Tuple:
		for v := range t.Variables() {
			r.typ(v.Type())
		}
	case *types.Signature:
		for p := range t.TypeParams().TypeParams() {
			r.typ(p.Constraint())
		}
		r.typ(t.Params())
		r.typ(t.Results())
	case *types.Struct:
		for f := range t.Fields() {
			r.typ(f.Type())
		}
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			if m.Exported() {
				r.typ(m.Type())
			}
		}
		for embedded := range t.EmbeddedTypes() {
			r.typ(embedded)
		}
	case *types.Union:
		for term := range t.Terms() {
			r.typ(term.Type())
		}
	}
}

func (r *reacher) list(args *types.TypeList) {
	for t := range args.Types() {
		r.typ(t)
	}
}

// sealed returns the names of the unexported methods that interfaces demand.
func sealed(reached map[string]*types.TypeName) map[string]bool {
	names := map[string]bool{}
	for _, obj := range reached {
		t, ok := obj.Type().Underlying().(*types.Interface)
		if !ok {
			continue
		}
		for m := range t.ExplicitMethods() {
			if !m.Exported() {
				names[m.Name()] = true
			}
		}
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
