package altertable_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// declarations returns what the package's files declare, without tests.
func declarations(t *testing.T, dir string) []ast.Decl {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var found []ast.Decl
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			found = append(found, file.Decls...)
		}
	}
	return found
}

// optionNames returns the names of the functions that return an option.
func optionNames(t *testing.T, dir string) []string {
	var names []string
	for _, declaration := range declarations(t, dir) {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || !function.Name.IsExported() || function.Recv != nil || function.Type.Results.NumFields() != 1 {
			continue
		}
		if result, ok := function.Type.Results.List[0].Type.(*ast.Ident); ok && strings.HasSuffix(result.Name, "Option") {
			names = append(names, function.Name.Name)
		}
	}
	return names
}

func TestReadmeHasEveryOption(t *testing.T) {
	t.Parallel()
	readme, options := readFile(t, "README.md"), optionNames(t, ".")
	require.Contains(t, options, "WithEnvironment")
	require.Contains(t, options, "SpoolName")
	for _, name := range options {
		assert.Regexp(t, `(?m)^\|.*`+"`"+name+`\(`, readme, "the table of options lacks %s", name)
	}
	known := slices.Concat(options, optionNames(t, "altertabletest"))
	for _, match := range regexp.MustCompile("`((?:With|Spool)[A-Z]\\w+)").FindAllStringSubmatch(readme, -1) {
		if name := match[1]; name != "SpoolBytes" { // a number of Stats
			assert.True(t, slices.Contains(known, name), "README.md names %s, which is no option", name)
		}
	}
}

func TestReadmeHasEveryVariable(t *testing.T) {
	t.Parallel()
	variable := regexp.MustCompile(`ALTERTABLE_[A-Z_]+`)
	read := variable.FindAllString(readFile(t, "env.go"), -1)
	named := variable.FindAllString(readFile(t, "README.md"), -1)
	require.NotEmpty(t, read)
	for _, name := range read {
		assert.Contains(t, named, name, "README.md lacks a variable that NewFromEnv reads")
	}
	for _, name := range named {
		assert.Contains(t, read, name, "README.md names a variable that NewFromEnv does not read")
	}
}

func TestReadmeHasEveryErrorAndNumber(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "README.md")
	for _, declaration := range declarations(t, ".") {
		general, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				if name := spec.Names[0].Name; regexp.MustCompile(`^Err[A-Z]`).MatchString(name) && name != "ErrBodyReadAfterClose" {
					assert.Contains(t, readme, "| `"+name+"` |", "the table of errors lacks it")
				}
			case *ast.TypeSpec:
				if regexp.MustCompile(`^[A-Z]\w+Error$`).MatchString(spec.Name.Name) {
					assert.Contains(t, readme, "| `*"+spec.Name.Name+"` |", "the table of errors lacks it")
				}
				if fields, ok := spec.Type.(*ast.StructType); ok && spec.Name.Name == "Stats" {
					for _, field := range fields.Fields.List {
						for _, name := range field.Names {
							assert.Regexp(t, `(?m)^\|.*`+"`"+name.Name+"`", readme, "the table of numbers lacks %s", name.Name)
						}
					}
				}
			}
		}
	}
}

// anchors returns the anchors of a document's headings, as GitHub makes them.
func anchors(text string) []string {
	var found []string
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if heading := strings.TrimLeft(line, "#"); !fenced && heading != line {
			heading = strings.ToLower(strings.TrimSpace(heading))
			heading = regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(heading, "")
			found = append(found, "#"+strings.ReplaceAll(heading, " ", "-"))
		}
	}
	return found
}

func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("local"); err != nil {
		t.Skip("this is no clone: the go command leaves modules within a module out")
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, document := range documents(t) {
		text := readFile(t, document)
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			path, anchor, hasAnchor := strings.Cut(match[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := document
			if path != "" {
				target = filepath.Join(filepath.Dir(document), filepath.FromSlash(path))
				_, err := os.Stat(target)
				assert.NoError(t, err, "%s has a link to it", document)
				if err != nil {
					continue
				}
			}
			if hasAnchor {
				assert.Contains(t, anchors(readFile(t, target)), "#"+anchor, "%s has a link to it", document)
			}
		}
	}
}

// One style for the names of events, in the documents and in this package's Examples.
func TestEventsHaveNamesOfOneStyle(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Glob("example*_test.go")
	require.NoError(t, err)
	event, count := regexp.MustCompile(`\bEvent:\s*"([^"]*)"`), 0
	for _, name := range slices.Concat(documents(t), examples, []string{"doc.go"}) {
		for _, match := range event.FindAllStringSubmatch(readFile(t, name), -1) {
			count++
			assert.Regexp(t, `^[a-z]+(_[a-z]+)+$`, match[1], name)
		}
	}
	assert.Greater(t, count, 10)
}
