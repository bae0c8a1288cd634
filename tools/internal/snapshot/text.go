package snapshot

import (
	"fmt"
	"go/constant"
	"go/format"
	"go/types"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Text returns the exported API of a package as Go source without bodies, which
// reads well in a diff and can be type-checked again. It has
//
//   - what is exported, sorted by name, the methods with their types;
//   - fields in their order, unexported ones as a single field that tells
//     whether they can be compared;
//   - unexported types that callers can reach, by an embedded field say;
//   - unexported methods of interfaces, and of the types that have them, with
//     their names alone.
func Text(pkg *types.Package) (string, error) {
	r := reach(pkg)
	w := &writer{pkg: pkg, reacher: r, sealed: sealed(r.types), imports: map[string]string{}, names: map[string]bool{}}
	scope := pkg.Scope()
	for _, kind := range []func(types.Object) bool{isKind[*types.Const], isKind[*types.Var], isKind[*types.Func]} {
		for _, name := range scope.Names() {
			if obj := scope.Lookup(name); obj.Exported() && kind(obj) {
				w.object(obj)
			}
		}
		w.printf("\n")
	}
	for _, name := range sortedKeys(r.types) {
		w.typeName(r.types[name])
	}
	formatted, err := format.Source([]byte(w.head() + w.body.String()))
	if err != nil {
		return "", fmt.Errorf("snapshot of %s: %w", pkg.Path(), err)
	}
	return string(formatted), nil
}

// A writer writes a snapshot.
type writer struct {
	*reacher
	pkg     *types.Package
	sealed  map[string]bool   // names of unexported methods that interfaces demand
	imports map[string]string // name by path
	names   map[string]bool   // of imports
	body    strings.Builder
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(&w.body, format, args...) }

func (w *writer) head() string {
	var head strings.Builder
	fmt.Fprintf(&head, "// The exported API of %s.\n// Written by: go run -C tools ./api -write\n\npackage %s\n\n",
		w.pkg.Path(), w.pkg.Name())
	if len(w.imports) > 0 {
		head.WriteString("import (\n")
		for _, p := range sortedKeys(w.imports) {
			name := w.imports[p]
			if name == path.Base(p) {
				name = ""
			}
			fmt.Fprintf(&head, "%s %q\n", name, p)
		}
		head.WriteString(")\n\n")
	}
	return head.String()
}

// qualify names the package of a type, and notes that it is imported.
func (w *writer) qualify(pkg *types.Package) string {
	if pkg == w.pkg {
		return ""
	}
	if name, ok := w.imports[pkg.Path()]; ok {
		return name
	}
	name := pkg.Name()
	for n := 2; w.names[name] || w.pkg.Scope().Lookup(name) != nil; n++ {
		name = pkg.Name() + strconv.Itoa(n)
	}
	w.imports[pkg.Path()], w.names[name] = name, true
	return name
}

func (w *writer) text(t types.Type) string { return types.TypeString(t, w.qualify) }

func (w *writer) object(obj types.Object) {
	switch obj := obj.(type) {
	case *types.Const:
		t := ""
		if basic, ok := obj.Type().(*types.Basic); !ok || basic.Info()&types.IsUntyped == 0 {
			t = w.text(obj.Type())
		}
		w.printf("const %s %s = %s\n", obj.Name(), t, value(obj))
	case *types.Var:
		w.printf("var %s %s\n", obj.Name(), w.text(obj.Type()))
	case *types.Func:
		w.printf("func %s%s\n", obj.Name(), w.signature(obj))
	}
}

func (w *writer) signature(f *types.Func) string {
	return strings.TrimPrefix(w.text(f.Type()), "func")
}

// value returns a constant's value in Go. That of Version is left out, since
// each release changes it.
func value(c *types.Const) string {
	v := c.Val()
	basic, _ := c.Type().Underlying().(*types.Basic)
	switch {
	case c.Name() == version && v.Kind() == constant.String:
		return `"" // of the release`
	case basic.Kind() == types.UntypedRune:
		r, _ := constant.Int64Val(v)
		return strconv.QuoteRune(rune(r))
	case basic.Info()&types.IsFloat != 0:
		v = constant.ToFloat(v)
		return constant.Num(v).ExactString() + ".0 / " + constant.Denom(v).ExactString() + ".0"
	case basic.Info()&types.IsComplex != 0:
		return v.String()
	}
	return v.ExactString()
}

func (w *writer) typeName(obj *types.TypeName) {
	if obj.IsAlias() {
		w.printf("type %s%s = %s\n\n", obj.Name(), w.typeParams(aliasParams(obj)), w.text(rhs(obj)))
		return
	}
	named := obj.Type().(*types.Named)
	w.printf("type %s%s ", obj.Name(), w.typeParams(named.TypeParams()))
	switch t := named.Underlying().(type) {
	case *types.Struct:
		// A caller has no values of an unexported type, except as a part of others.
		w.fields(t, obj.Exported() || w.embedded[obj.Name()])
	case *types.Interface:
		w.demands(t)
	default:
		w.printf("%s\n", w.text(t))
	}
	w.methods(named)
	w.printf("\n")
}

func (w *writer) typeParams(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	var params []string
	for p := range list.TypeParams() {
		params = append(params, p.Obj().Name()+" "+w.text(p.Constraint()))
	}
	return "[" + strings.Join(params, ", ") + "]"
}

func (w *writer) fields(t *types.Struct, comparable bool) {
	w.printf("struct {\n")
	hidden, says := false, comparable
	for i := range t.NumFields() {
		f := t.Field(i)
		if !visible(f) {
			hidden, comparable = true, comparable && types.Comparable(f.Type())
			continue
		}
		name, tag := f.Name(), ""
		if f.Embedded() {
			name = ""
		}
		if t.Tag(i) != "" {
			tag = strconv.Quote(t.Tag(i))
		}
		w.printf("%s %s %s\n", name, w.text(f.Type()), tag)
	}
	switch {
	case hidden && comparable:
		w.printf("_ struct{} // unexported fields\n")
	case hidden && says:
		w.printf("_ func() // unexported fields, which cannot be compared\n")
	case hidden:
		w.printf("_ func() // unexported fields\n")
	}
	w.printf("}\n")
}

// demands writes an interface.
func (w *writer) demands(t *types.Interface) {
	w.printf("interface {\n")
	for _, m := range sortedMethods(t.ExplicitMethods()) {
		w.printf("%s%s\n", m.Name(), w.methodSignature(m))
	}
	for embedded := range t.EmbeddedTypes() {
		w.printf("%s\n", w.text(embedded))
	}
	w.printf("}\n")
}

func (w *writer) methods(named *types.Named) {
	for _, m := range sortedMethods(named.Methods()) {
		if m.Exported() || w.sealed[m.Name()] {
			w.printf("func (%s) %s%s\n", w.text(m.Signature().Recv().Type()), m.Name(), w.methodSignature(m))
		}
	}
}

func (w *writer) methodSignature(m *types.Func) string {
	if !m.Exported() {
		return "()"
	}
	return w.signature(m)
}

func isKind[T types.Object](obj types.Object) bool {
	_, ok := obj.(T)
	return ok
}

func sortedMethods(seq func(func(*types.Func) bool)) []*types.Func {
	return slices.SortedFunc(seq, func(a, b *types.Func) int { return strings.Compare(a.Name(), b.Name()) })
}

// visible reports whether a field is exported, or embedded, so that what it has is promoted.
func visible(f *types.Var) bool { return f.Name() != "_" && (f.Exported() || f.Embedded()) }

// aliasParams returns the type parameters of an alias, most of which have none.
func aliasParams(obj *types.TypeName) *types.TypeParamList {
	if alias, ok := obj.Type().(*types.Alias); ok {
		return alias.TypeParams()
	}
	return nil
}

func rhs(obj *types.TypeName) types.Type {
	if alias, ok := obj.Type().(*types.Alias); ok {
		return alias.Rhs()
	}
	return obj.Type()
}
