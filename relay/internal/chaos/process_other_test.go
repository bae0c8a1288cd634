//go:build !unix

package chaos

import "testing"

func needSignals(t *testing.T) {
	t.Helper()
	t.Skip("this system has no SIGSTOP and no SIGTERM")
}

func (p *process) pause()     {}
func (p *process) resume()    {}
func (p *process) terminate() {}
