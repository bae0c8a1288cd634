package stage

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

func TestOrigin(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT * FROM 'it''s.csv'":            "'it''s.csv'",
		"select *\n from users ":               "users",
		`SELECT * FROM "app"."my users"`:       `app."my users"`,
		`SELECT * FROM "a""b"`:                 `"a""b"`,
		`SELECT * FROM "order"`:                `"order"`,
		"SELECT id FROM users":                 "...",
		"SELECT * FROM users WHERE NOT hidden": "...",
		"SELECT * FROM a, b":                   "...",
		"":                                     "source",
	} {
		assert.Equal(t, want, origin(&source.Source{SQL: query}), query)
	}
	assert.Equal(t, "source", origin(&source.Source{SQL: "SELECT id FROM read_csv('a.csv')", Path: "a.csv"}), "it has a file")
}

func TestIdentifier(t *testing.T) {
	for name, want := range map[string]string{
		"id": "id", "_a1": "_a1", "User": "User", "1a": `"1a"`, "a b": `"a b"`, `a"b`: `"a""b"`, "größe": `"größe"`, "Order": `"Order"`, "": `""`,
	} {
		assert.Equal(t, want, identifier(name), name)
	}
}
