package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile is far more than a configuration needs.
const maxFile = 1 << 20

// readFile puts the settings of the file into texts and c.from, and returns its tenants.
func readFile(c *Config, path, where string, texts map[string]string, wrong *problems) []tenantEntry {
	content, err := readAll(path, maxFile)
	if err != nil {
		wrong.add(where, err.Error())
		return nil
	}
	return parseFile(c, filepath.Base(path), content, texts, wrong)
}

// readAll reads a file of a bounded size. Its error is a sentence with the path.
func readAll(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", shown(path), cause(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a directory, not a file", shown(path))
	}
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read %s: %w", shown(path), cause(err))
	case int64(len(content)) > most:
		return nil, fmt.Errorf("%s is too large: %d bytes at most", shown(path), most)
	}
	return content, nil
}

// cause leaves the path out of an error of package os.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// A file is the configuration file while it is read.
type file struct {
	name  string
	wrong *problems
}

// add tells of something wrong in a line, which has a key or is below one.
func (f *file) add(line int, what, reason string) {
	where := fmt.Sprintf("%s:%d", f.name, line)
	if what != "" {
		where += ": " + what
	}
	f.wrong.add(where, reason)
}

// parseFile is readFile for the content.
func parseFile(c *Config, name string, content []byte, texts map[string]string, wrong *problems) []tenantEntry {
	f := &file{name, wrong}
	root, ok := f.parse(content)
	if !ok || root == nil {
		return nil
	}
	var tenants []tenantEntry
	for _, e := range f.entries(root, "") {
		switch s := settingOf(e.key); {
		case e.key == "tenants":
			tenants = f.tenants(e)
		case s == nil:
			f.unknown(e, "")
		default:
			if value, ok := f.value(e, s.list); ok {
				texts[s.name], c.from[s.name] = value, fmt.Sprintf("%s:%d: %s", name, e.line, s.name)
			}
		}
	}
	return tenants
}

// parse returns the file's one document, nil if it is empty.
func (f *file) parse(content []byte) (root ast.Node, ok bool) {
	defer func() {
		if recover() != nil { // the parser gives up so on some texts
			f.wrong.add(f.name, "is not YAML")
			root, ok = nil, false
		}
	}()
	content = bytes.TrimPrefix(content, []byte("\ufeff")) // as editors on Windows begin a file
	if isDeep(content) {
		f.wrong.add(f.name, "is no configuration: its lists are far too deep")
		return nil, false
	}
	parsed, err := parser.ParseBytes(content, 0, parser.AllowDuplicateMapKey())
	var syntax *yaml.SyntaxError
	switch {
	case errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil:
		f.add(syntax.Token.Position.Line, "", "is not YAML: "+withoutQuotes(syntax.Message))
	case err != nil:
		f.wrong.add(f.name, "is not YAML")
	case len(parsed.Docs) > 1 && parsed.Docs[1].Body != nil:
		f.wrong.add(f.name, "must be one document, has several: what begins with --- is another one")
	case len(parsed.Docs) == 0:
		return nil, true
	default:
		return parsed.Docs[0].Body, true
	}
	return nil, false
}

// isDeep reports whether a text has brackets, or dashes of lists in one line, that
// are deep enough to cost the parser gigabytes.
func isDeep(content []byte) bool {
	const most = 100 // a configuration needs five
	brackets := 0
	for _, c := range content {
		switch c {
		case '[', '{':
			brackets++
		case ']', '}':
			brackets = max(0, brackets-1)
		}
		if brackets > most {
			return true
		}
	}
	return bytes.Contains(content, bytes.Repeat([]byte("- "), most)) || bytes.Contains(content, bytes.Repeat([]byte("? "), most))
}

// withoutQuotes cuts a message of the parser before it repeats the file, in
// which there may be a key.
func withoutQuotes(message string) string {
	if i := strings.IndexAny(message, "\"`"); i >= 0 {
		message = strings.TrimSpace(message[:i]) + " ..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, message)
}

// An entry is a key with its value.
type entry struct {
	key  string // with - in place of _
	line int
	node ast.Node
}

// entries returns those of a mapping. what is its name, "" for the whole file.
func (f *file) entries(node ast.Node, what string) []entry {
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		f.add(lineOf(node), what, "must have keys with values, such as listen: :8480")
		return nil
	}
	var entries []entry
	seen := map[string]int{}
	for _, pair := range pairs {
		key, ok := scalar(pair.Key)
		line := lineOf(pair.Key)
		key = strings.ReplaceAll(key, "_", "-")
		switch first, again := seen[key]; {
		case !ok:
			f.add(line, what, "a key must be plain text")
		case again:
			f.add(line, join(what, key), fmt.Sprintf("is there twice: also in line %d", first))
		default:
			seen[key] = line
			entries = append(entries, entry{key, line, pair.Value})
		}
	}
	return entries
}

// join returns "tenants[0].name".
func join(what, key string) string {
	if what == "" {
		return nameOf(key)
	}
	return what + "." + nameOf(key)
}

// nameOf returns a key as errors repeat it.
func nameOf(key string) string {
	if settingOf(key) != nil || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && len(key) <= 40 {
		return key
	}
	return shown(key)
}

// unknown tells of a key that there is not.
func (f *file) unknown(e entry, what string) {
	reason := "is not a setting; the keys are the names of the flags, and tenants"
	if what != "" {
		reason = "is not a setting of a tenant: name, api-key-env, api-key-file, tokens, environments, origins, rate, max-bytes, max-in-flight"
	}
	switch e.key {
	case "api-key", "key", "apikey":
		reason = "a key does not belong in this file: write api_key_env with the name of a variable, or api_key_file, in a tenant"
	case "token", "relay-token":
		reason = "a token does not belong in this file: a tenant's tokens have the SHA-256 of each, or set " + tokenVariable
	case "tokens", "name", "environments", "origins", "api-key-env", "api-key-file":
		if what == "" {
			reason = "belongs to a tenant: tenants: [{name: shop, " + e.key + ": ...}]"
		}
	case configName:
		reason = "a file cannot name another one"
	}
	f.add(e.line, join(what, e.key), reason)
}

// value returns the text of a value, or of a list of them with commas between.
func (f *file) value(e entry, list bool) (string, bool) {
	if n, isList := e.node.(*ast.SequenceNode); isList && list {
		texts, ok := f.texts(n, e, e.key)
		return strings.Join(texts, ","), ok
	}
	return f.scalar(e, e.key)
}

func (f *file) scalar(e entry, what string) (string, bool) {
	text, ok := scalar(e.node)
	switch {
	case isNull(e.node):
		f.add(e.line, what, "has no value: leave the line out for the default")
	case !ok:
		f.add(e.line, what, "must be one plain value")
	default:
		return text, true
	}
	return "", false
}

// texts returns the texts of a list.
func (f *file) texts(node ast.Node, e entry, what string) (texts []string, ok bool) {
	list, isList := node.(*ast.SequenceNode)
	if !isList {
		f.add(e.line, what, "must be a list: [a, b]")
		return nil, false
	}
	ok = true
	for i, n := range list.Values {
		text, one := f.scalar(entry{line: lineOf(n), node: n}, indexed(what, i))
		texts, ok = append(texts, text), ok && one
	}
	return texts, ok
}

func isNull(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return node == nil || null
}

// scalar returns the text of a plain value as it is in the file: 0123 is no
// number here. Aliases, anchors and tags have none.
func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func lineOf(node ast.Node) int {
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return 1
	}
	return node.GetToken().Position.Line
}
