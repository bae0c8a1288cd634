package snapshot

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const before = `package p

const Version = "1.0.0"
const Limit = 10
const Rune = 'x'
const Ratio = 1.5
const Tiny = 1e-300
const Mode Level = 2

var Err error

type Level int
type Option func(*config)
type config struct{ n int }

type Doer interface{ Do(n int) error }
type Sealed interface{ seal(config) }
type Item struct{ Name string; secret int }
func (Item) seal(config) {}
func (*Item) Do(n int) error { return nil }

type base struct{ Depth int; n int }
func (base) Rest() {}
type Made struct{ base; Level }

type List[T any] struct{ items []T }
func (l *List[T]) Push(x T) {}
type Alias = map[string]Item
type Pairs[K comparable] = map[K]Item

func New(name string, opts ...Option) (*Item, error) { return nil, nil }
func Gone() {}
func Map[K comparable, V any](m map[K]V) []K { return nil }
`

// source returns a package of Go source that imports nothing.
func source(t *testing.T, text string) *Package {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p.go", text, 0)
	require.NoError(t, err)
	pkg, err := new(types.Config).Check("example.com/p", files, []*ast.File{file}, nil)
	require.NoError(t, err)
	written, err := Text(pkg)
	require.NoError(t, err)
	return &Package{pkg, "p" + suffix, written}
}

func TestCompare(t *testing.T) {
	broken := func(text string) []Change { return []Change{{false, text}} }
	fine := func(text string) []Change { return []Change{{true, text}} }
	for _, test := range []struct {
		name, old, new string
		want           []Change
	}{
		{"nothing", "Gone()", "Gone()", nil},
		{"bodies", "return nil, nil", "panic(1)", nil},
		{"unexported field", "secret int", "secret, other string", nil},
		{"unexported config", "n int }\n\ntype", "n func() }\n\ntype", nil},
		{"unexported method's signature", "seal(config)", "seal(*config)", nil},
		{"version", `"1.0.0"`, `"1.1.0"`, nil},
		{"removed function", "func Gone() {}\n", "", broken("p.Gone: removed")},
		{"parameter", "New(name string,", "New(name []byte,",
			broken("p.New: changed from func(string, ...Option) (*Item, error) to func([]byte, ...Option) (*Item, error)")},
		{"variadic parameter", "Gone()", "Gone(n ...int)", broken("p.Gone: changed from func() to func(...int)")},
		{"constant", "Limit = 10", "Limit = 11", broken("p.Limit: value changed from 10 to 11")},
		{"constant of a type", "Mode Level = 2", "Mode Level = 3", broken("p.Mode: value changed from 2 to 3")},
		{"constant's kind", "Rune = 'x'", "Rune = 120", broken("p.Rune: changed from untyped rune to untyped int")},
		{"fraction", "Ratio = 1.5", "Ratio = 2.0", broken("p.Ratio: value changed from 1.5 to 2")},
		{"variable", "var Err error", "var Err string", broken("p.Err: changed from error to string")},
		{"removed field", "Name string;", "", broken("p.Item.Name: removed")},
		{"field's type", "Name string;", "Name []rune;",
			[]Change{{false, "p.Item.Name: changed from string to []rune"}, {false, "p.Item: its values can no longer be compared with =="}}},
		{"incomparable", "secret int", "secret []int", broken("p.Item: its values can no longer be compared with ==")},
		{"method of an interface", "Do(n int) error }", "Do(n int) error; Undo() }", broken("p.Doer.Undo: added")},
		{"interface is sealed", "Do(n int) error }", "Do(n int) error; seal(config) }", broken("p.Doer.seal: added unexported method")},
		{"type no longer implements", "func (Item) seal(config) {}\n", "", broken("p.Item: no longer implements Sealed")},
		{"receiver", "(*Item) Do(n int)", "(*Item) Do(n int64)",
			broken("p.(*Item).Do: changed from func(int) error to func(int64) error")},
		{"promoted field", "base struct{ Depth int;", "base struct{ Height int;", []Change{
			{false, "p.Made.Depth: removed"}, {true, "p.Made.Height: added"}}},
		{"embedded makes incomparable", "Depth int; n int", "Depth int; n []int",
			broken("p.Made: its values can no longer be compared with ==")},
		{"generic method", "Push(x T)", "Push(x ...T)", broken("p.(*List[T]).Push: changed from func(T) to func(...T)")},
		{"constraint", "[K comparable,", "[K ~string,",
			broken("p.Map: changed from func[K comparable, V any](map[K]V) []K to func[K ~string, V any](map[K]V) []K")},
		{"alias", "Alias = map[string]Item", "Alias = map[int]Item", broken("p.Alias: changed from map[string]Item to map[int]Item")},
		{"added function", "func Gone() {}", "func Gone() {}; func Come() {}", fine("p.Come: added")},
		{"added field", "Name string;", "Name string; Size int;", fine("p.Item.Size: added")},
		{"added method", "func Gone() {}", "func Gone() {}; func (*Item) Undo() {}", fine("p.(*Item).Undo: added")},
		{"method of a sealed interface", "seal(config) }", "seal(config); String() string }; func (Item) String() string { return \"\" }", []Change{
			{true, "p.Item.String: added"}, {true, "p.Sealed.String: added"}}},
		{"parameter's name", "New(name string,", "New(title string,",
			fine("example.com/p: changed in what is not compared: the names of parameters, the tags of fields, the types of a constraint")},
		{"generic alias", "Pairs[K comparable] = map[K]Item", "Pairs[K comparable] = map[K]string",
			broken("p.Pairs: changed from map[K]Item to map[K]string")},
		{"tiny fraction", "Tiny = 1e-300", "Tiny = 2e-300", broken("p.Tiny: value changed from 1e-300 to 2e-300")},
	} {
		t.Run(test.name, func(t *testing.T) {
			after := replace(t, before, test.old, test.new)
			assert.ElementsMatch(t, test.want, Compare(source(t, before).Text, source(t, after)))
		})
	}
}

// A snapshot has all that the package exports: nothing differs if it is
// type-checked, and it is its own snapshot.
func TestTextIsThePackage(t *testing.T) {
	p := source(t, before)
	checked, err := check(p.Text, p)
	require.NoError(t, err, p.Text)
	again, err := Text(checked)
	require.NoError(t, err)
	// The value of Version and the fields that stand for others are the same again.
	assert.Equal(t, p.Text, again)
}

func TestCompareWithASnapshotOfSomethingElse(t *testing.T) {
	for _, text := range []string{"", "no Go", "package p\nvar X http.Client", "package p\nimport \"gone\"\nvar X gone.T"} {
		changes := Compare(text, source(t, before))
		require.Len(t, changes, 1, text)
		assert.False(t, changes[0].Compatible)
		assert.Contains(t, changes[0].Text, "does not fit")
	}
}
