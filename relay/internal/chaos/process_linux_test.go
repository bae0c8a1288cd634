package chaos

import (
	"os/exec"
	"runtime"
	"syscall"
)

// The processes end with this one, however it ends. Linux ends them with the thread
// that started them, so that one is kept.
func init() {
	commands, errs := make(chan *exec.Cmd), make(chan error)
	go func() {
		runtime.LockOSThread()
		for cmd := range commands {
			errs <- cmd.Start()
		}
	}()
	startCommand = func(cmd *exec.Cmd) error {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		commands <- cmd
		return <-errs
	}
}
