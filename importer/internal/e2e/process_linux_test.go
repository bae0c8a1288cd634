package e2e

import (
	"os/exec"
	"runtime"
	"syscall"
)

// The command ends with the tests, however they end: it would try for a day to reach
// a server that is gone. Linux ends a process with the thread that started it, so
// that one is kept.
func init() {
	commands, errs := make(chan *exec.Cmd), make(chan error)
	go func() {
		runtime.LockOSThread()
		for cmd := range commands {
			if cmd.SysProcAttr == nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
			errs <- cmd.Start()
		}
	}()
	startCommand = func(cmd *exec.Cmd) error {
		commands <- cmd
		return <-errs
	}
}
