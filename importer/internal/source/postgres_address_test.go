package source

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPostgresAddress(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://me@db.internal/app":                     "the Postgres database app at db.internal",
		"postgresql://me:a%2Fb@db:5433/app?sslmode=require": "the Postgres database app at db:5433",
		"postgres://": "the Postgres database",
		"postgres:///app?host=/run/db&user=me&password=s%2Fd": "the Postgres database app",
		"postgres://me:secret@[::1]:5432/app":                 "the Postgres database app at [::1]:5432",
	} {
		s, err := Find(Spec{Paths: []string{address}})
		require.NoError(t, err, address)
		assert.Equal(t, want, s.Name)
		paths, err := Expand([]string{address}, nil)
		require.NoError(t, err, "it is no pattern")
		assert.Equal(t, []string{address}, paths)
	}
	for _, address := range []string{"postgres://me:12/secret@db/app", "postgres://me:12#secret@db/app", "postgres://me:12?secret@db/app", "postgres://me:secret%zz@db/app"} {
		_, err := Find(Spec{Paths: []string{address}})
		require.Error(t, err, address)
		assert.Contains(t, err.Error(), "with % escapes")
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestWithDefaults(t *testing.T) {
	for _, c := range []struct{ address, variable, want string }{
		{"postgres://h/d", "", "postgres://h/d?application_name=n&connect_timeout=20"},
		{"postgres://h/d?sslmode=disable", "", "postgres://h/d?sslmode=disable&application_name=n&connect_timeout=20"},
		{"postgres://h/d?connect_timeout=1&application_name=me", "", "postgres://h/d?connect_timeout=1&application_name=me"},
		{"postgres://h/d", "PGCONNECT_TIMEOUT", "postgres://h/d?application_name=n"},
		{"postgres://", "PGSERVICE", "postgres://?application_name=n"},
		{"postgres://?service=s", "", "postgres://?service=s&application_name=n"},
	} {
		assert.Equal(t, c.want, withDefaults(c.address, "n", func(name string) (string, bool) { return "1", name == c.variable }))
	}
}
