//go:build !unix

package altertable_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain is that of spool_kill_test.go, without the processes that are killed.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
