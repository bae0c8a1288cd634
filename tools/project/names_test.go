package project

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// natsqueue and the relay are modules of their own, and have the names of streams
// and subjects, and the rule for tenants, each.
func TestNatsqueueAndRelayMeanTheSameNames(t *testing.T) {
	queue := declarations(t, "natsqueue/names.go")
	relay := declarations(t, "relay/internal/broker/names.go")
	for ours, theirs := range map[string]string{
		"streamOf": "Stream", "subjectOf": "Subject", "maxMessage": "MaxMessage",
		"tenantPattern": "tenantPattern", "isTenant": "isTenant",
	} {
		require.NotEmpty(t, queue[ours], ours)
		assert.Equal(t, relay[theirs], queue[ours], "natsqueue's %s and the relay's %s", ours, theirs)
	}
}

// declarations returns the bodies of functions and the values of constants and
// variables in a file.
func declarations(t *testing.T, name string) map[string]string {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, file(t, name), parser.SkipObjectResolution)
	require.NoError(t, err)
	all := map[string]string{}
	say := func(name string, node any) {
		var text bytes.Buffer
		require.NoError(t, printer.Fprint(&text, set, node))
		all[name] = text.String()
	}
	for _, declaration := range parsed.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			say(d.Name.Name, d.Body)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if value, ok := spec.(*ast.ValueSpec); ok && len(value.Values) == 1 {
					say(value.Names[0].Name, value.Values[0])
				}
			}
		}
	}
	return all
}
