package source

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChooseRelation(t *testing.T) {
	relations := []*relation{
		{schema: "app", name: "users", readable: true}, {schema: "public", name: "Users", visible: true, readable: true},
		{schema: "public", name: "users", visible: true, readable: true}, {schema: "public", name: "hidden", visible: true},
	}
	for table, want := range map[string]*relation{
		"users": relations[2], "Users": relations[1], "USERS": relations[1], "app.users": relations[0], "public.users": relations[2], "APP.users": relations[0], "hidden": relations[3],
	} {
		got, err := (&Source{Name: "s", spec: Spec{Table: table}}).chooseRelation(relations)
		require.NoError(t, err, table)
		assert.Same(t, want, got, table)
	}
	_, err := (&Source{Name: "s", spec: Spec{Table: "none"}}).chooseRelation(relations)
	assert.EqualError(t, err, "s has no table none; it has app.users, Users, users")
	_, err = (&Source{Name: "s"}).chooseRelation(relations)
	assert.ErrorContains(t, err, "s has 3 tables")
	one, err := (&Source{Name: "s"}).chooseRelation([]*relation{relations[3], relations[0]})
	require.NoError(t, err)
	assert.Equal(t, `"app"."users"`, one.sql())
}

func TestRelationQuery(t *testing.T) {
	r := &relation{schema: "a", name: `b "c`, readable: true, columns: []pgColumn{{name: "id", kind: "int8"}, {name: "tags", kind: "array", element: "text", depth: 1}}}
	assert.Equal(t, `SELECT "id", "tags" FROM postgres_db."a"."b ""c"`, r.query(true))
	assert.Contains(t, r.query(false), `to_json("tags")::text AS "tags"`)
	r.columns = append(r.columns, pgColumn{name: "n", kind: "numeric", modifier: 12<<16 | 2 + 4})
	assert.Equal(t, `SELECT "id", "tags", "n"::DECIMAL(12, 2) AS "n" FROM postgres_query('postgres_db', 'SELECT "id", "tags", "n"::text AS "n" FROM "a"."b ""c"')`, r.query(true))
	assert.Contains(t, r.query(false), `"n"::JSON AS "n"`)
	r.readable = false
	assert.Equal(t, `SELECT * FROM postgres_db."a"."b ""c"`, r.query(true))
	for modifier, want := range map[int][2]int{-1: {0, 0}, 38<<16 + 4: {38, 0}, 39<<16 + 4: {0, 0}, 3<<16 | 5 + 4: {0, 0}, 10<<16 | 2046 + 4: {0, 0}} {
		precision, scale := pgColumn{modifier: modifier}.digits()
		assert.Equal(t, want, [2]int{precision, scale}, modifier)
	}
}
