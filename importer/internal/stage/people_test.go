package stage

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPeopleAreCounted(t *testing.T) {
	const query = `SELECT 'signed_up' AS event, CASE WHEN range % 4 = 0 THEN 'system' WHEN range % 4 = 1 THEN 'u' || range || '@example.com' END AS distinct_id,
		'a' || range AS anonymous_id, '2026-01-01' AS timestamp FROM range(2000)`
	for name, query := range map[string]string{"columns": query, "json": "SELECT to_json(q)::VARCHAR AS _json FROM (" + query + ") q"} {
		t.Run(name, func(t *testing.T) {
			s := build(t, query, Options{})
			p, err := s.People(context.Background(), false)
			require.NoError(t, err)
			assert.Equal(t, People{Count: 1501, Emails: 500, Constants: []Constant{{Rows: 500}}}, p)
			p, err = s.People(context.Background(), true)
			require.NoError(t, err)
			assert.Equal(t, "system", p.Constants[0].ID)
		})
	}
}

func TestFewPeople(t *testing.T) {
	s := build(t, "SELECT 'u1' AS distinct_id FROM range(999)", Options{})
	p, err := s.People(context.Background(), true)
	require.NoError(t, err)
	assert.Equal(t, People{Count: 1}, p)
	s = build(t, "SELECT 'u1' AS distinct_id LIMIT 0", Options{})
	p, err = s.People(context.Background(), true)
	require.NoError(t, err)
	assert.Zero(t, p)
}
