//go:build unix

package broker

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// child stores messages until it is killed, and prints the id of each that was acknowledged.
func child(dir string) {
	b, err := Open(Options{Data: dir, Compress: true}, Tenant{Name: "acme", MaxBytes: 1 << 30})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	<-b.Started()
	prefix, text := os.Getenv("BROKER_TEST_PREFIX"), strings.Repeat("altertable ", 1000)
	var running sync.WaitGroup
	for worker := range 4 {
		running.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", prefix, worker, i)
				_, err := b.JetStream().Publish(context.Background(), Subject("acme", "track"), []byte(id+" "+text), jetstream.WithMsgID(id))
				if err == nil {
					_, _ = os.Stdout.WriteString(id + "\n")
				}
			}
		})
	}
	running.Wait()
}

// runChild kills the child once it has stored n messages, and returns their ids.
func runChild(t *testing.T, dir, prefix string, n int) (ids []string) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "BROKER_TEST_CHILD="+dir, "BROKER_TEST_PREFIX="+prefix)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		ids = append(ids, lines.Text())
		if len(ids) == n {
			require.NoError(t, c.Process.Signal(syscall.SIGKILL))
		}
	}
	require.Error(t, c.Wait())
	return ids
}

// What had an acknowledgment is there after kill -9, again and again.
func TestKill(t *testing.T) {
	rounds := 5
	if n, err := strconv.Atoi(os.Getenv("BROKER_TEST_KILLS")); err == nil {
		rounds = n
	}
	dir := t.TempDir()
	var ids []string
	for i := range rounds {
		ids = append(ids, runChild(t, dir, fmt.Sprint(i), 50+i*37%100)...)
	}
	b := open(t, Options{Data: dir}, Tenant{Name: "acme", MaxBytes: 1 << 30})
	stored := make(map[string]int)
	c, err := b.JetStream().Consumer(t.Context(), Stream("acme"), EventsConsumer)
	require.NoError(t, err)
	for n := int(messages(t, b, "acme")); n > 0; {
		batch, err := c.Fetch(n, jetstream.FetchMaxWait(5*time.Second), jetstream.FetchPriorityGroup(Group))
		require.NoError(t, err)
		for m := range batch.Messages() {
			stored[m.Headers().Get(jetstream.MsgIDHeader)]++
			require.NoError(t, m.Ack())
			n--
		}
	}
	for _, id := range ids {
		assert.Equal(t, 1, stored[id], id)
	}
	t.Log(len(ids), "acknowledged,", len(stored), "stored")
}

func TestKilledRelayLeavesNoLock(t *testing.T) {
	dir := t.TempDir()
	runChild(t, dir, "a", 1)
	open(t, Options{Data: dir})
}
