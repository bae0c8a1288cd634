package altertable_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// recorder is a server that keeps what it gets.
type recorder struct {
	mu     sync.Mutex
	bodies []byte
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	_ = request.Body.Close() // it returns nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(append(r.bodies, body...), '\n')
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, err
}

// intact returns the messages of a segment that are without an outcome,
// according to docs/spool-format.md.
func intact(text []byte, header string) (messages []string) {
	body, ok := bytes.CutPrefix(text, []byte(header))
	if !ok {
		return nil
	}
	bySeq, done := map[uint32][]string{}, map[uint32]bool{}
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if len(line) < 11 || !bytes.EqualFold(line[1:11], fmt.Appendf(nil, " %08x ", crc32.Checksum(line[11:], crc32.MakeTable(crc32.Castagnoli)))) {
			continue
		}
		var seq, last uint32
		if _, err := fmt.Sscanf(string(line[11:]), "%d ", &seq); line[0] == 'm' && err == nil {
			bySeq[seq] = append(bySeq[seq], string(bytes.SplitN(line[11:], []byte(" "), 4)[3]))
		} else if _, err := fmt.Sscanf(string(line[11:]), "%d-%d", &seq, &last); line[0] == 'd' && err == nil {
			done[seq] = true
		}
	}
	for seq, all := range bySeq {
		if !done[seq] {
			messages = append(messages, all...)
		}
	}
	return messages
}

// FuzzDamage changes a segment in one place, and checks that every intact line
// is delivered, and nothing else.
func FuzzDamage(f *testing.F) {
	f.Add(uint16(0), uint16(0), []byte{})
	f.Add(uint16(300), uint16(5), []byte("\n"))
	f.Add(uint16(900), uint16(10_000), []byte("m 00000000 7 track 1 {}"))
	f.Add(uint16(100), uint16(1), []byte("d 00000000 0-4294967295\n"))
	options := func(dir string, server http.RoundTripper) []altertable.Option {
		return []altertable.Option{altertable.WithSpool(dir), altertable.WithHTTPClient(&http.Client{Transport: server}),
			altertable.WithMaxBatchSize(1), altertable.WithLogger(slog.New(slog.DiscardHandler))}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	dir := f.TempDir()
	dead, err := altertable.New("key", options(dir, hung{})...)
	require.NoError(f, err)
	for _, name := range numbered(6) {
		require.NoError(f, dead.Track(f.Context(), event(name)))
	}
	require.NoError(f, dead.Shutdown(ended))
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.spool"))
	require.NoError(f, err)
	text, err := os.ReadFile(paths[0])
	require.NoError(f, err)
	// An outcome, as the client notes it.
	text = fmt.Appendf(text, "d %08x 1-1\n", crc32.Checksum([]byte("1-1"), crc32.MakeTable(crc32.Castagnoli)))
	instance, header, _ := strings.Cut(filepath.Base(filepath.Dir(paths[0])), "-")
	instance, header = instance+"-"+header, "altertable-spool 1 "+instance+"\n"

	f.Fuzz(func(t *testing.T, at, size uint16, with []byte) {
		from := min(int(at), len(text))
		damaged := bytes.Join([][]byte{text[:from], with, text[min(from+int(size), len(text)):]}, nil)
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, instance), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, instance, "00000001.spool"), damaged, 0o600))
		server := new(recorder)
		client, err := altertable.New("key", options(dir, server)...)
		require.NoError(t, err)
		require.NoError(t, client.Close())
		var got []string
		for body := range strings.Lines(string(server.bodies)) {
			got = append(got, strings.TrimSuffix(strings.TrimPrefix(body, "["), "]\n"))
		}
		assert.ElementsMatch(t, intact(damaged, header), got)
		assert.Zero(t, client.Stats().Queued)
	})
}
