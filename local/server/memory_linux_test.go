package server

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A value that DuckDB does not count among its memory is refused all the same,
// and everybody else goes on.
func TestMemoryOfFunctions(t *testing.T) {
	p := startProcess(t, build(t, ".."))
	stop := sendAlways(p.running)
	for _, sql := range []string{
		`SELECT len(range(1000000000))`,
		`SELECT len(list_transform(range(1000000000), lambda x: x + 1))`,
		`SELECT list(a.range || repeat('x', 1000)) FROM range(100000) a, range(100000) b`,
		`SELECT repeat(repeat('x', 1000000), 4000)`,
	} {
		status, answer := p.ask(sql)
		assert.Equal(t, http.StatusBadRequest, status, sql)
		assert.Regexp(t, `Out of Memory Error|engine-crashed|timeout|larger than 32 MiB|Cannot create a string`, answer, sql)
	}
	requireStored(p.running, stop())
	_, err := p.end(syscall.SIGTERM)
	assert.NoError(t, err)
}
