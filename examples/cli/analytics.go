package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// A real tool calls New, not NewFromEnv: the ALTERTABLE_ variables may be those of
// its user's own service. It has an ingestion key compiled in: such a key can
// write and never read, so it may be public. This one stands in for it.
const ingestionKey = "pk_example_cli"

// newClient returns a client with the compiled-in key, or, so that the example can
// be tried out, with what the environment says.
func newClient(opts ...altertable.Option) (*altertable.Client, error) {
	if isOffline() {
		return altertable.New(ingestionKey, opts...)
	}
	return altertable.NewFromEnv(opts...)
}

// The files belong to this name, whatever the key. So a release with another
// key delivers what earlier ones have left.
const spoolName = "cli"

// spoolMaxBytes is what a machine that is never online keeps at most: some
// 10,000 runs. Later ones are not recorded.
const spoolMaxBytes = 4 << 20

// recordTimeout is how long a run waits for its disk at most: a home directory
// may be on a network volume that hangs.
const recordTimeout = 2 * time.Second

const notice = `
cli records how it is used, to become better: the command's name, its exit status
and duration, the version of cli, operating system and architecture, whether it
runs in CI, and a random id of this installation. It never records arguments,
names of files or their content. Set DO_NOT_TRACK=1 or EXAMPLE_CLI_NO_ANALYTICS=1
to turn that off. "cli deliver" shows what there is. This text does not appear again.

`

// A commandRun is all that is told about a run, besides the version and the system.
type commandRun struct {
	command  string
	status   int
	duration time.Duration
}

// optedOut reports whether the user wants nothing to be recorded. Runs in CI are
// recorded, and say so: each may have a new home directory, and so a new id,
// and must not be counted as a person.
func optedOut() bool { return isSet("DO_NOT_TRACK") || isSet("EXAMPLE_CLI_NO_ANALYTICS") }

func isSet(variable string) bool {
	switch strings.ToLower(os.Getenv(variable)) {
	case "", "0", "false":
		return false
	}
	return true
}

// recordInTime records r, unless the user opted out. The event is not worth
// more than recordTimeout.
func recordInTime(r commandRun, stderr io.Writer) error {
	if optedOut() {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		dir, err := dataDir()
		if err == nil {
			err = (&recorder{dir: dir, stderr: stderr, start: startDelivery}).record(r)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(recordTimeout):
		return errors.New("the disk takes too long")
	}
}

// dataDir returns where the files of all runs are. EXAMPLE_CLI_DIR is for tests.
func dataDir() (string, error) {
	if dir := os.Getenv("EXAMPLE_CLI_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "altertable-example-cli"), err
}

func spoolDir(dir string) string { return filepath.Join(dir, "spool") }

// A recorder writes what is known of a run to disk.
type recorder struct {
	dir    string
	stderr io.Writer
	start  func(dir string) error // starts a process that delivers
}

// record leaves r on disk, and starts its delivery now and then. The first run
// starts none: who reads the notice can opt out before anything leaves the machine.
func (rec *recorder) record(r commandRun) error {
	if err := os.MkdirAll(rec.dir, 0o700); err != nil {
		return err
	}
	id, first, err := rec.installation()
	if err != nil {
		return err
	}
	if first {
		fmt.Fprint(rec.stderr, notice)
	}
	if err := rec.track(id, r); err != nil {
		return err
	}
	if due, err := rec.claimDelivery(); !due || first {
		return err
	}
	return rec.start(rec.dir)
}

// installation returns the random id of this installation. The first run makes
// it: the file is linked into its place as a whole, so that of two runs at the
// same time one is the first, and the other one reads its id.
func (rec *recorder) installation() (id string, first bool, err error) {
	file := filepath.Join(rec.dir, "anonymous_id")
	if text, err := os.ReadFile(file); !errors.Is(err, fs.ErrNotExist) {
		return string(text), false, err
	}
	f, err := os.CreateTemp(rec.dir, "new_id_") // 0600
	if err != nil {
		return "", false, err
	}
	defer os.Remove(f.Name())
	id = altertable.NewAnonymousID()
	_, err = f.WriteString(id)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", false, err
	}
	err = os.Link(f.Name(), file)
	if errors.Is(err, fs.ErrExist) {
		text, err := os.ReadFile(file)
		return string(text), false, err
	}
	return id, err == nil, err
}

// track writes the event to the spool. The client has no network: a process of
// its own delivers.
func (rec *recorder) track(id string, r commandRun) error {
	client, err := newClient(
		altertable.WithSpool(spoolDir(rec.dir), altertable.SpoolName(spoolName), altertable.SpoolWriteOnly(), altertable.SpoolMaxBytes(spoolMaxBytes)),
		altertable.WithRelease(version),
		altertable.WithEventIDs(), // a delivery that is killed may repeat events
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		return err
	}
	err = client.Track(context.Background(), altertable.Track{
		Event:      "command_run",
		DistinctID: id,
		Properties: altertable.Properties{
			"command":     r.command,
			"status":      r.status,
			"duration_ms": r.duration.Milliseconds(),
			"os":          runtime.GOOS,
			"arch":        runtime.GOARCH,
			"ci":          isSet("CI"),
		},
	})
	return errors.Join(err, client.Close())
}
