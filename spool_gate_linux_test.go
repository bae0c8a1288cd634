package altertable_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// A gate stands between this process and the files below a directory. It lets
// calls to the kernel pass, fail or hang, as a bad disk does: the kernel asks it
// about each one (seccomp, "user notification"). It stays until the process
// ends, so it belongs in a child, whose GOMAXPROCS leaves it a processor.
type gate struct {
	dir      string
	listener uintptr
	memory   *os.File // this process's own

	mu     sync.Mutex
	judge  func(call fileCall) verdict // nil: all calls pass
	hung   []uint64                    // calls that wait
	caught chan struct{}               // gets one when a call hangs and it has room
}

// A fileCall is one call to the kernel about a file below the gate's directory.
type fileCall struct {
	op     string // "open", "read", "write", "sync", "remove", "rename" or "mkdir"
	path   string
	writes bool // it changes the file system, if it succeeds

	creates bool // it opens a file that may not exist yet
}

type verdict struct {
	err  syscall.Errno
	hang bool
}

var fileCalls = map[uintptr]string{
	syscall.SYS_OPENAT: "open", syscall.SYS_PREAD64: "read", syscall.SYS_PWRITE64: "write", syscall.SYS_FSYNC: "sync",
	syscall.SYS_UNLINKAT: "remove", renameCall: "rename", syscall.SYS_MKDIRAT: "mkdir",
}

// What of linux/seccomp.h and linux/filter.h is needed.
const (
	seccompSetFilter       = 1
	seccompFlags           = 1<<0 | 1<<3 | 1<<4 // for all threads; with a listener
	seccompNotify          = 0x7fc00000
	seccompAllow           = 0x7fff0000
	seccompReceive         = 0xc0502100
	seccompSend            = 0xc0182101
	seccompContinue        = 1
	prSetNoNewPrivs        = 38
	openat2                = 437
	bpfLoadNumber          = 0x20
	bpfJumpEqual           = 0x15
	bpfReturn              = 0x06
	currentDir       int32 = -100
)

var seccompNumber = map[string]uintptr{"amd64": 317, "arm64": 277, "386": 354, "arm": 383, "riscv64": 277, "loong64": 277, "ppc64le": 358, "s390x": 348}

type (
	bpfLine struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	bpfProgram struct {
		length uint16
		lines  *bpfLine
	}
	notification struct {
		id         uint64
		pid, flags uint32
		number     int32
		arch       uint32
		ip         uint64
		args       [6]uint64
	}
	notificationAnswer struct {
		id    uint64
		value int64
		errno int32
		flags uint32
	}
)

// newGate puts a gate before dir, for the rest of this process.
func newGate(t *testing.T, dir string) *gate {
	t.Helper()
	require.NotEmpty(t, os.Getenv(childTest), "in a child only")
	dir, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	g := &gate{dir: dir, caught: make(chan struct{}, 1)}
	g.memory, err = os.Open("/proc/self/mem")
	require.NoError(t, err)
	program := []bpfLine{{code: bpfLoadNumber}}
	for number := range fileCalls {
		program = append(program, bpfLine{bpfJumpEqual, 0, 1, uint32(number)}, bpfLine{code: bpfReturn, k: seccompNotify})
	}
	program = append(program, bpfLine{code: bpfReturn, k: seccompAllow})
	filter := bpfProgram{uint16(len(program)), &program[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, _, errno := syscall.Syscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0)
	require.Zero(t, errno, errno.Error())
	g.listener, _, errno = syscall.Syscall(seccompNumber[runtime.GOARCH], seccompSetFilter, seccompFlags, uintptr(unsafe.Pointer(&filter)))
	require.Zero(t, errno, "seccomp: %v", errno)
	go g.serve()
	return g
}

// set has judge decide from now on, and lets go what hung.
func (g *gate) set(judge func(call fileCall) verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.judge = judge
	for _, id := range g.hung {
		g.answer(notificationAnswer{id: id, flags: seccompContinue})
	}
	g.hung = nil
}

// open lets everything pass.
func (g *gate) open() { g.set(nil) }

// hang has such operations hang from now on.
func (g *gate) hang(op string) {
	g.set(func(call fileCall) verdict { return verdict{hang: call.op == op} })
}

// fail has such operations fail from now on.
func (g *gate) fail(err syscall.Errno, op string) {
	g.set(func(call fileCall) verdict {
		if call.op == op {
			return verdict{err: err}
		}
		return verdict{}
	})
}

// awaitHung waits until an operation hangs, or that takes too long.
func (g *gate) awaitHung(t *testing.T) {
	t.Helper()
	select {
	case <-g.caught:
	case <-time.After(time.Minute):
		require.Fail(t, "no operation hangs")
	}
}

// serve answers the kernel. It makes none of the calls that the kernel asks about.
func (g *gate) serve() {
	for {
		var n notification
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, g.listener, seccompReceive, uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // the caller was interrupted, and asks again
		}
		g.decide(&n)
	}
}

func (g *gate) decide(n *notification) {
	g.mu.Lock()
	defer g.mu.Unlock()
	answer := notificationAnswer{id: n.id, flags: seccompContinue}
	if call, ok := g.callOf(n); ok && g.judge != nil {
		v := g.judge(call)
		switch {
		case v.hang:
			g.hung = append(g.hung, n.id)
			select {
			case g.caught <- struct{}{}:
			default:
			}
			return
		case v.err != 0:
			answer = notificationAnswer{id: n.id, errno: -int32(v.err)}
		}
	}
	g.answer(answer)
}

func (g *gate) answer(answer notificationAnswer) {
	// An error says that the caller was interrupted, and asks again.
	_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, g.listener, seccompSend, uintptr(unsafe.Pointer(&answer)))
}

// callOf tells what the kernel asks about, if that is below the directory.
func (g *gate) callOf(n *notification) (call fileCall, ok bool) {
	call.op = fileCalls[uintptr(n.number)]
	switch call.op {
	case "read", "write", "sync":
		call.writes = call.op == "write"
		call.path = descriptorPath(int32(n.args[0]))
	default:
		call.writes = call.op != "open" || n.args[2]&(syscall.O_WRONLY|syscall.O_RDWR|syscall.O_CREAT|syscall.O_TRUNC) != 0
		call.creates = call.op == "open" && n.args[2]&syscall.O_CREAT != 0
		if call.path = g.text(n.args[1]); !filepath.IsAbs(call.path) {
			call.path = filepath.Join(descriptorPath(int32(n.args[0])), call.path)
		}
	}
	return call, call.path == g.dir || strings.HasPrefix(call.path, g.dir+"/")
}

func descriptorPath(fd int32) string {
	if fd == currentDir {
		path, _ := os.Readlink("/proc/self/cwd")
		return path
	}
	path, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(fd)))
	return path
}

// text reads a string at an address of this process, other than by the calls
// that the kernel asks about.
func (g *gate) text(address uint64) string {
	buffer := make([]byte, 4096)
	part := syscall.Iovec{Base: &buffer[0]}
	part.SetLen(len(buffer))
	n, _, errno := syscall.Syscall6(syscall.SYS_PREADV, g.memory.Fd(), uintptr(unsafe.Pointer(&part)), 1, uintptr(address), uintptr(address>>32), 0)
	if errno != 0 {
		return ""
	}
	text, _, _ := bytes.Cut(buffer[:n], []byte{0})
	return string(text)
}

// create makes an empty file, by a call that passes the gate.
func create(path string) {
	how := struct{ flags, mode, resolve uint64 }{syscall.O_CREAT | syscall.O_WRONLY, 0o600, 0}
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return
	}
	_, _, _ = syscall.Syscall6(openat2, 0, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
}
