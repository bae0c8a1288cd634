package altertable_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// snippetPrelude declares what the fragments of the documents take for granted.
// A fragment may declare a name again.
const snippetPrelude = `package snippet

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

type account struct {
	ID, Name, Plan, Tenant string
	UpdatedAt              time.Time
}

type service struct {
	analytics *altertable.Client
	logger    *slog.Logger
	users     interface{ create(email string) (account, error) }
	sessions  interface{ user(*http.Request) (account, bool) }
}

func newService(*altertable.Client) http.Handler { return nil }

var (
	client    *altertable.Client
	srv       *altertabletest.Server
	server    *http.Server
	ctx       context.Context
	r         *http.Request
	user      account
	session   struct{ Identified time.Time }
	file      *os.File
	delivered atomic.Int64
)
`

// snippetImports are the packages that a fragment may use without an import.
var snippetImports = []string{
	"bufio", "context", "crypto/sha256", "database/sql", "encoding/json", "errors", "fmt", "io", "log", "log/slog",
	"maps", "net/http", "net/http/httptest", "os", "path/filepath", "strings", "sync", "sync/atomic", "testing", "time",
	"github.com/altertable-ai/altertable-go/altertabletest",
	"github.com/stretchr/testify/assert", "github.com/stretchr/testify/require",
}

const sdkImport = "github.com/altertable-ai/altertable-go"

// A snippet is Go code of a document.
type snippet struct {
	file string // the document
	line int    // of the code's first line
	code string
}

// markdownSnippets returns the code of text's blocks that begin with "```go",
// also of those that are indented in a list.
func markdownSnippets(file, text string) []snippet {
	var found []snippet
	indent, inside := 0, false
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		bare := strings.TrimLeft(line, " ")
		switch {
		case !inside && bare == "```go":
			inside, indent = true, len(line)-len(bare)
			found = append(found, snippet{file: file, line: i + 2})
		case inside && strings.HasPrefix(bare, "```"):
			inside = false
		case inside:
			found[len(found)-1].code += line[min(indent, len(line)-len(bare)):] + "\n"
		}
	}
	return found
}

// docSnippets returns the code in the package documentation of a Go file.
func docSnippets(t *testing.T, file, text string) []snippet {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments|parser.PackageClauseOnly)
	require.NoError(t, err)
	var found []snippet
	for _, block := range new(comment.Parser).Parse(parsed.Doc.Text()).Content {
		if code, ok := block.(*comment.Code); ok {
			first, _, _ := strings.Cut(code.Text, "\n")
			before, _, _ := strings.Cut(text, "//\t"+first)
			found = append(found, snippet{file, 1 + strings.Count(before, "\n"), code.Text})
		}
	}
	return found
}

// source returns s as a Go file of its own, whose errors name s's document.
func (s snippet) source() (string, error) {
	position := fmt.Sprintf("//line %s:%d\n", s.file, s.line)
	_, wrong := parser.ParseFile(token.NewFileSet(), "", s.code, parser.ParseComments)
	if wrong == nil || strings.HasPrefix(s.code, "package ") {
		return position + s.code, nil
	}
	const clause = "package snippet;"
	if parsed, err := parser.ParseFile(token.NewFileSet(), "", clause+s.code, 0); err == nil {
		return clause + s.imports(parsed) + "\n" + position + s.code, nil
	}
	const function = clause + "func _() {\n"
	parsed, err := parser.ParseFile(token.NewFileSet(), "", function+s.code+"\n}", 0)
	if err != nil {
		return "", fmt.Errorf("%s:%d: neither a program, nor declarations, nor statements: %w", s.file, s.line, err)
	}
	body := parsed.Decls[0].(*ast.FuncDecl).Body
	uses, last := usesOf(body), len(s.code)
	results, end := "", ""
	if returnsValue(body) {
		results, end = "error ", "return nil"
	}
	if n := len(body.List); n > 0 {
		if _, ok := body.List[n-1].(*ast.ReturnStmt); ok { // nothing may follow it
			last, end = int(body.List[n-1].Pos())-1-len(function), ""
		}
	}
	return clause + s.imports(parsed) + "\nfunc _() " + results + "{\n" + position + s.code[:last] + uses + s.code[last:] + end + "\n}\n", nil
}

// imports returns the import clauses that the fragment leaves out.
func (s snippet) imports(parsed *ast.File) string {
	known := map[string]string{"altertable": sdkImport}
	for _, path := range snippetImports {
		known[path[strings.LastIndex(path, "/")+1:]] = path
	}
	for _, own := range parsed.Imports {
		path, _ := strconv.Unquote(own.Path.Value)
		maps.DeleteFunc(known, func(_, of string) bool { return of == path })
	}
	used := map[string]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if name, ok := selector.X.(*ast.Ident); ok && name.Obj == nil && known[name.Name] != "" {
				used[known[name.Name]] = true
			}
		}
		return true
	})
	clauses := ""
	for _, path := range slices.Sorted(maps.Keys(used)) {
		name := ""
		if path == sdkImport {
			name = "altertable "
		}
		clauses += "import " + name + strconv.Quote(path) + ";"
	}
	return clauses
}

// usesOf returns statements that use the variables which the body itself
// declares: a fragment often ends before it does.
func usesOf(body *ast.BlockStmt) string {
	var names []string
	for _, statement := range body.List {
		if assign, ok := statement.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
			for _, left := range assign.Lhs {
				if name := left.(*ast.Ident).Name; name != "_" && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	uses := ""
	for _, name := range names {
		uses += "_ = " + name + ";"
	}
	return uses
}

// returnsValue reports whether the body itself, not a function in it, returns a value.
func returnsValue(body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if statement, ok := n.(*ast.ReturnStmt); ok && len(statement.Results) > 0 {
			found = true
		}
		_, function := n.(*ast.FuncLit)
		return !function
	})
	return found
}

// documents returns the names of the module's documents: what is in a module of
// its own is not the root's to compile.
func documents(t *testing.T) []string {
	var found []string
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			if filepath.Ext(path) == ".md" {
				found = append(found, path)
			}
			return err
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); path != "." && (err == nil || entry.Name()[0] == '.') {
			return fs.SkipDir
		}
		return nil
	}))
	return found
}

func readFile(t *testing.T, name string) string {
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// vetSnippets compiles and vets the snippets, each as a package of a module that
// uses this one, and returns what the go command says.
func vetSnippets(t *testing.T, snippets []snippet) (string, error) {
	root, err := filepath.Abs(".")
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	module := strings.Replace(readFile(t, "go.mod"), "module "+sdkImport, "module snippets", 1)
	write("go.mod", module+"\nrequire "+sdkImport+" v0.0.0\nreplace "+sdkImport+" => "+strconv.Quote(filepath.ToSlash(root))+"\n")
	write("go.sum", readFile(t, "go.sum"))
	for i, s := range snippets {
		s.file = filepath.Join(root, s.file)
		source, err := s.source()
		if err != nil {
			return "", err
		}
		write(fmt.Sprintf("s%d/snippet.go", i), source)
		if !strings.HasPrefix(s.code, "package ") {
			write(fmt.Sprintf("s%d/prelude.go", i), snippetPrelude)
		}
	}
	command := exec.Command("go", "vet", "./...")
	command.Dir = dir
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "GOPROXY=off")
	out, err := command.CombinedOutput()
	return string(bytes.ReplaceAll(out, []byte(root+string(filepath.Separator)), nil)), err
}

func TestSnippetsCompile(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command")
	}
	snippets := docSnippets(t, "doc.go", readFile(t, "doc.go"))
	for _, document := range documents(t) {
		snippets = append(snippets, markdownSnippets(document, readFile(t, document))...)
	}
	out, err := vetSnippets(t, snippets)
	assert.NoError(t, err, "\n%s", out)
}

func TestSnippetsThatDoNotCompileAreNamed(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command")
	}
	for name, test := range map[string]struct{ code, want string }{
		"program":      {"package main\n\nfunc main() { undefinedA() }\n", "README.md:13: undefined: undefinedA"},
		"declaration":  {"func handle() {\n\tclient.Trak()\n}\n", "README.md:12: client.Trak undefined"},
		"statements":   {"err := client.Close()\nreturn client.Shutdown(1)\n", "README.md:12:"},
		"vet":          {"ctx, _ = context.WithTimeout(ctx, time.Second)\n", "README.md:11: the cancel function"},
		"syntax":       {"if {\n", "README.md:11: neither a program"},
		"program, too": {"package main\n\nfunc main() {\n", "README.md:13:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := vetSnippets(t, markdownSnippets("README.md", strings.Repeat("text\n", 9)+"```go\n"+test.code+"```\n"))
			require.Error(t, err)
			assert.Contains(t, out+err.Error(), test.want)
		})
	}
}

func TestMarkdownSnippets(t *testing.T) {
	t.Parallel()
	text := "# Title\r\n```sh\r\ngo\r\n```\r\n- item\r\n\r\n  ```go\r\n  if x {\r\n  \ty()\r\n\r\n  }\r\n  ```\r\n```go\r\nz()\r\n```\r\n"
	assert.Equal(t, []snippet{
		{"a.md", 8, "if x {\n\ty()\n\n}\n"},
		{"a.md", 14, "z()\n"},
	}, markdownSnippets("a.md", text))
}
