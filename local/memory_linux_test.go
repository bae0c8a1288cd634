package main

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A value that DuckDB does not count among its memory is refused all the same,
// and the process lives on.
func TestMemoryOfFunctions(t *testing.T) {
	p := startProcess(t, build(t, "."))
	for _, sql := range []string{
		`SELECT len(range(1000000000))`,
		`SELECT len(list_transform(range(1000000000), lambda x: x + 1))`,
	} {
		status, answer := p.ask(sql)
		assert.Equal(t, http.StatusBadRequest, status, sql)
		assert.Contains(t, answer, "Out of Memory Error", sql)
	}
	assert.JSONEq(t, `[[1]]`, p.rows("SELECT 1"))
	_, err := p.end(syscall.SIGTERM)
	assert.NoError(t, err)
}
