//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detach gives the child a session of its own: no signal of the terminal
// reaches it, neither an interrupt nor the end of the terminal.
func detach(child *exec.Cmd) {
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}
