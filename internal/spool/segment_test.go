package spool

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// intact returns the messages of a segment that are without an outcome,
// according to docs/spool-format.md.
func intact(text []byte) (messages []string) {
	body, ok := bytes.CutPrefix(text, []byte("altertable-spool 1 "+tenant+"\n"))
	if !ok {
		return nil
	}
	bySeq, done := map[uint32][]string{}, seqSet(nil)
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if len(line) < 11 || !bytes.EqualFold(line[1:11], fmt.Appendf(nil, " %08x ", crc32.Checksum(line[11:], crc32.MakeTable(crc32.Castagnoli)))) {
			continue
		}
		var seq uint32
		if _, err := fmt.Sscanf(string(line[11:]), "%d ", &seq); line[0] == 'm' && err == nil {
			bySeq[seq] = append(bySeq[seq], string(bytes.SplitN(line[11:], []byte(" "), 4)[3]))
		} else if line[0] == 'd' {
			for text := range bytes.SplitSeq(line[11:], []byte(",")) {
				var r seqRange
				_, err := fmt.Sscanf(string(text), "%d-%d", &r.first, &r.last)
				if err == nil {
					done = append(done, r)
				}
			}
		}
	}
	for seq, all := range bySeq {
		if !slices.ContainsFunc(done, func(r seqRange) bool { return r.first <= seq && seq <= r.last }) {
			messages = append(messages, all...)
		}
	}
	return messages
}

// FuzzDamage changes a segment in one place, and checks that every intact line
// is read, and nothing else.
func FuzzDamage(f *testing.F) {
	dead, _ := open(f, f.TempDir())
	messages := put(f, dead, numbered(6)...)
	dead.Done([]Ref{messages[1].Ref})
	text, err := os.ReadFile(dead.segments[0].path())
	require.NoError(f, err)
	instance := dead.instance.name

	f.Fuzz(func(t *testing.T, at, size uint16, with []byte) {
		from := min(int(at), len(text))
		damaged := bytes.Join([][]byte{text[:from], with, text[min(from+int(size), len(text)):]}, nil)
		dir := t.TempDir()
		path := filepath.Join(dir, instance, "00000001.spool")
		require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
		leaveLock(t, filepath.Dir(path))
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		s, _ := open(t, dir)
		unread := s.Unread()
		read := take(t, s)
		var got []string
		for _, m := range read {
			got = append(got, string(m.JSON))
		}
		assert.ElementsMatch(t, intact(damaged), got)
		assert.Equal(t, len(got), unread.Count)
		s.Done(refs(read))
		assert.Empty(t, s.segments)
	})
}

// A line without an end gets one before what is written next.
func TestWrite(t *testing.T) {
	spool, _ := open(t, t.TempDir())
	s, err := createSegment(spool.instance, position{name: "1.spool"}, tenant)
	require.NoError(t, err)
	require.NoError(t, s.write([]byte("one\n"), true))
	s.seal()
	require.NoError(t, s.write([]byte("two\n"), false), "it is opened when need be")
	s.torn = true
	require.NoError(t, s.write([]byte("three\n"), false))
	text, err := os.ReadFile(s.path())
	require.NoError(t, err)
	assert.Equal(t, segmentMagic+tenant+"\none\ntwo\n\nthree\n", string(text))
	assert.EqualValues(t, len(text), s.size)
}
