package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// benchMessage is of 350 bytes.
func benchMessage() Message {
	const head, tail = `{"environment":"production","event":"checkout","properties":{"text":"`, `"}}`
	return Message{Accepted: start, JSON: []byte(head + strings.Repeat("x", 350-len(head)-len(tail)) + tail)}
}

// BenchmarkOpen adopts a million messages.
func BenchmarkOpen(b *testing.B) {
	const n = 1_000_000
	dir := b.TempDir()
	dead, _ := openWith(b, Config{Dir: dir, Tenant: tenant, MaxBytes: 1 << 30})
	m := benchMessage()
	for range n {
		require.NoError(b, dead.Append(&m))
	}
	dead.Close()
	for b.Loop() {
		s, err := Open(Config{Dir: dir, Tenant: tenant, MaxBytes: 1 << 30})
		require.NoError(b, err)
		require.Equal(b, n, s.Unread().Count)
		s.Close()
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkAppend(b *testing.B) {
	s, _ := open(b, b.TempDir())
	m := benchMessage()
	b.ReportAllocs()
	for b.Loop() {
		if s.Append(&m) != nil {
			b.StopTimer()
			s.Close()
			s, _ = open(b, b.TempDir())
			b.StartTimer()
			continue
		}
		s.Advance(&m)
	}
}

// BenchmarkPwrite is the system's part of BenchmarkAppend.
func BenchmarkPwrite(b *testing.B) {
	file, err := os.Create(filepath.Join(b.TempDir(), "file"))
	require.NoError(b, err)
	defer func() { _ = file.Close() }()
	line := appendMessage(nil, &Message{Accepted: start, JSON: benchMessage().JSON})
	at := int64(0)
	for b.Loop() {
		if at > maxSegmentSize {
			at = 0
		}
		n, err := file.WriteAt(line, at)
		if err != nil {
			b.Fatal(err)
		}
		at += int64(n)
	}
}

func BenchmarkDone(b *testing.B) {
	s, _ := open(b, b.TempDir())
	m := benchMessage()
	refs := make([]Ref, 100)
	b.ReportAllocs()
	for b.Loop() {
		for i := range refs {
			if err := s.Append(&m); err != nil {
				b.Fatal(err)
			}
			s.Advance(&m)
			refs[i] = m.Ref
		}
		s.Done(refs)
	}
}

// BenchmarkWriteOnly is the whole life of a write-only spool, beside instances of others.
func BenchmarkWriteOnly(b *testing.B) {
	dir := b.TempDir()
	for range 3 {
		put(b, first(open(b, dir)), "e")
	}
	cfg := Config{Dir: dir, Tenant: tenant, MaxBytes: 1 << 30, WriteOnly: true}
	m := benchMessage()
	for b.Loop() {
		s, err := Open(cfg)
		if err == nil {
			m.Accepted = m.Accepted.Add(time.Millisecond)
			err = s.Append(&m)
		}
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

func first(s *Spool, _ []error) *Spool { return s }
