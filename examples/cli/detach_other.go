//go:build !unix && !windows

package main

import "os/exec"

// detach does nothing: such a system has no clients with a spool, and so no child
// that delivers what they left.
func detach(*exec.Cmd) {}
