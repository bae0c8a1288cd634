package chaos

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var long = flag.Bool("long", os.Getenv("ALTERTABLE_RELAY_LONG") != "", "run the long form, which takes more than an hour")

// binaries is where the processes are built. It is written before the tests run.
var binaries string

func TestMain(m *testing.M) {
	if text := os.Getenv(planVariable); text != "" {
		os.Exit(produce(text))
	}
	flag.Parse()
	moreAtOnce()
	dir, err := os.MkdirTemp("", "altertable-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // a temporary directory
	os.Exit(code)
}

// moreAtOnce has more tests run in parallel than there are CPUs, unless the caller
// says how many: most of the time they wait.
func moreAtOnce() {
	const name, least = "test.parallel", 8
	given := runtime.GOMAXPROCS(0) >= least
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if !given {
		_ = flag.Set(name, strconv.Itoa(least)) // the flag is there
	}
}

var (
	relayBinary = sync.OnceValues(func() (string, error) {
		return build("altertable-relay", "github.com/altertable-ai/altertable-go/relay")
	})
	natsBinary = sync.OnceValues(func() (string, error) { return build("nats-server", "github.com/nats-io/nats-server/v2") })
)

// producerBinary is this one, except where that has the race detector in it.
var producerBinary = sync.OnceValues(func() (string, error) {
	if !raceEnabled {
		return os.Executable()
	}
	return run("chaos.test", "test", "-c", "-race=false", ".")
})

// build returns the path of the program, which has no race detector in it.
func build(name, source string) (string, error) { return run(name, "build", source) }

// run has the go command, which takes -o, write a program of that name.
func run(name, command string, args ...string) (string, error) {
	path := filepath.Join(binaries, name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", append([]string{command, "-o", path}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s %v: %w\n%s", command, args, err, out)
	}
	return path, nil
}

func built(t *testing.T, binary func() (string, error)) string {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	return path
}

// form returns the first value in the short form and the second in the long one.
func form[T any](short, longer T) T {
	if *long {
		return longer
	}
	return short
}

func needLong(t *testing.T) {
	t.Helper()
	if !*long {
		t.Skip("only with -long")
	}
}
