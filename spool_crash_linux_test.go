package altertable_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// The environment of a child that dies at one of its changes to the disk.
const (
	crashAt   = "ALTERTABLE_TEST_CHILD_CRASH_AT"
	crashWhen = "ALTERTABLE_TEST_CHILD_CRASH_WHEN" // "before change" or "after creation"
)

// A client is killed before each single change that it makes to the disk, from
// New to Shutdown, and after each file that it creates. What it accepted is
// delivered, nothing is left, and there is nothing to report.
func TestKillBeforeEachChange(t *testing.T) {
	for name, opts := range map[string][]altertable.SpoolOption{
		"one file":   nil,
		"many files": {altertable.SpoolMaxBytes(64 << 10)},
		"write-only": {altertable.SpoolWriteOnly()},
	} {
		t.Run(name, func(t *testing.T) {
			if dir := os.Getenv(childTest); dir != "" {
				liveUntilKilled(t, dir, altertable.WithSpool(dir, opts...))
				return
			}
			for _, when := range []string{"before change", "after creation"} {
				for n, survived := 1, false; !survived; n++ {
					require.Less(t, n, 500)
					survived = killOnce(t, when, n)
				}
			}
		})
	}
}

// killOnce kills one child, and checks what becomes of its messages.
func killOnce(t *testing.T, when string, n int) (survived bool) {
	t.Helper()
	dir, left := t.TempDir(), numberedFrom(100, 8)
	synctest.Test(t, func(t *testing.T) { strandedAs(t, "altertabletest-key", spoolURL, manyFiles(dir), left...) })
	told, survived := lifeUntil(t, dir, when, n)
	synctest.Test(t, func(t *testing.T) {
		next, srv, l := newSpoolClient(t, dir)
		pass(5 * time.Minute)
		require.NoError(t, next.Close())
		for _, name := range stored(srv) {
			told["delivered "+name] = true
		}
		for _, name := range append(left, accepted(told)...) {
			assert.True(t, told["delivered "+name], "%s, killed %s %d", name, when, n)
		}
		assert.Empty(t, l.errs, "killed %s %d", when, n)
		assert.Empty(t, files(t, dir), "killed %s %d", when, n)
	})
	return survived
}

// accepted returns the names that a child told to be accepted.
func accepted(told map[string]bool) (names []string) {
	for line := range told {
		if name, ok := strings.CutPrefix(line, "accepted "); ok {
			names = append(names, name)
		}
	}
	return names
}

// lifeUntil runs a child until it dies at its nth change to the disk, and returns
// the lines that it told, and whether it came to its end.
func lifeUntil(t *testing.T, dir, when string, n int) (told map[string]bool, survived bool) {
	t.Helper()
	name := strings.Split(t.Name(), "/")
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+name[0]+"$/^"+name[1]+"$", "-test.count=1", "-test.timeout=100s")
	cmd.Env = append(os.Environ(), childTest+"="+dir, crashAt+"="+strconv.Itoa(n), crashWhen+"="+when, "GOMAXPROCS=4")
	out, err := cmd.CombinedOutput()
	told = map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		told[lines.Text()] = true
	}
	if survived = told["end"]; !survived {
		require.Error(t, err)
		require.Equal(t, syscall.SIGKILL, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(), "%s", out)
	}
	return told, survived
}

// liveUntilKilled is the child: it adopts, tracks, delivers and ends.
func liveUntilKilled(t *testing.T, dir string, spool altertable.Option) {
	n, err := strconv.ParseInt(os.Getenv(crashAt), 10, 64)
	require.NoError(t, err)
	gate := newGate(t, dir)
	var changes atomic.Int64
	gate.set(func(call fileCall) verdict {
		creation := os.Getenv(crashWhen) == "after creation"
		if counts := creation && call.creates || !creation && call.writes; !counts || changes.Add(1) != n {
			return verdict{}
		}
		if creation {
			create(call.path)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it is the end
		return verdict{hang: true}
	})
	synctest.Test(t, func(t *testing.T) {
		client, _, _ := newSpoolClient(t, dir, spool, altertable.WithMaxBatchSize(3), altertable.WithMaxQueueSize(6),
			altertable.WithHTTPClient(&http.Client{Transport: roundTrip(tellStored)}))
		for _, name := range numbered(8) {
			if assert.NoError(t, client.Track(t.Context(), event(name))) {
				fmt.Println("accepted " + name)
			}
		}
		assert.NoError(t, client.Flush(t.Context()))
		track(t, client, "last")
		assert.NoError(t, client.Shutdown(within(t, time.Minute)))
	})
	gate.open()
	if !t.Failed() {
		fmt.Println("end")
	}
}

// tellStored tells what a request brings, and answers that all is well.
func tellStored(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	_ = r.Body.Close() // it returns nil
	var messages []json.RawMessage
	if json.Unmarshal(text, &messages) != nil {
		messages = []json.RawMessage{text} // a single one stands alone
	}
	for _, name := range names(messages) {
		fmt.Println("delivered " + name)
	}
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, err
}
