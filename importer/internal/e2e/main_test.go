package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

var withRace = flag.Bool("with-race", false, "build the command with the race detector, which makes the tests three times as slow")

// binary is the command. It is written before the tests run.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	moreAtOnce()
	dir, err := os.MkdirTemp("", "altertable-e2e-")
	if err == nil {
		binary, err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir) // a temporary directory
		os.Exit(code)
	}))
}

// moreAtOnce has more tests run in parallel than there are CPUs, unless the caller
// says how many: for a part of the time they wait.
func moreAtOnce() {
	const name, least = "test.parallel", 4
	given := runtime.GOMAXPROCS(0) >= least
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if !given {
		_ = flag.Set(name, strconv.Itoa(least)) // the flag is there
	}
}

func build(dir string) (string, error) {
	path := filepath.Join(dir, "altertable-import")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	args := []string{"build", "-o", path, "-race=" + strconv.FormatBool(*withRace)}
	cmd := exec.Command("go", append(args, "github.com/altertable-ai/altertable-go/importer")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return path, nil
}
