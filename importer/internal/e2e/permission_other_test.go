//go:build !unix

package e2e

import "testing"

func (w *world) asNobody(t *testing.T) func(args ...string) result {
	t.Helper()
	t.Skip("files of this system have no mode")
	return nil
}
