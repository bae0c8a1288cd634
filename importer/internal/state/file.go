package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// What the names of the files beside the state's have behind its own: that of the
// lock, and of the state that replaces it. A killed process leaves them.
const (
	LockSuffix = ".lock"
	NextSuffix = ".tmp"
)

const (
	format     = 1
	syncEvery  = time.Second
	minCompact = 100 << 10 // a file below it is not written anew
)

// A header is the first line.
type header struct {
	Format   int               `json:"altertable_import"`
	Source   string            `json:"source"`
	Messages int64             `json:"messages"`
	Digest   string            `json:"digest"`
	Engine   string            `json:"engine"`
	Mapping  string            `json:"mapping"`
	Flags    map[string]string `json:"flags,omitempty"`
	Target   string            `json:"target"`
	Key      string            `json:"key"`

	RejectsBeside bool `json:"rejects_beside,omitempty"`
}

// A noted is any other line.
type noted struct {
	Done       []int64          `json:"done,omitempty"` // first and last of each range
	Delivered  int64            `json:"delivered"`
	Bytes      int64            `json:"bytes"`
	Seconds    float64          `json:"seconds"`
	Rejects    int64            `json:"rejects"`
	RejectsSum string           `json:"rejects_sum,omitempty"`
	Rejected   map[string]int64 `json:"rejected,omitempty"`
	Issued     int64            `json:"issued"`
	Unsure     int64            `json:"unsure,omitempty"`
	Twice      int64            `json:"twice,omitempty"`
	Chain      string           `json:"chain,omitempty"`
	Finished   bool             `json:"finished,omitempty"`
}

// read fills s with what the file says. It returns nil if there is no file, or one
// of a process that was killed before it wrote a line.
func (s *State) read() (*header, error) {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, unread(s.path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file; name another one with -state", s.path)
	}
	text, err := os.ReadFile(s.path)
	if err != nil {
		return nil, unread(s.path, err)
	}
	if len(text) == 0 {
		return nil, nil
	}
	first, rest, whole := bytes.Cut(text, []byte("\n"))
	var h header
	if err := json.Unmarshal(first, &h); !whole || err != nil || h.Format == 0 {
		return nil, fmt.Errorf("%s is not the state of an import; name another file with -state", s.path)
	}
	if h.Format != format {
		return nil, fmt.Errorf("%s is of a newer version of this command; install that, or name another file with -state", s.path)
	}
	s.size = int64(len(first) + 1)
	return &h, s.readNotes(rest, h.Messages)
}

// RejectsBeside returns what the file at path says of the file of rejects. Without a
// file that is a state, it is not known.
func RejectsBeside(path string) (beside, known bool) {
	file, err := os.Open(path)
	if err != nil {
		return false, false
	}
	defer func() { _ = file.Close() }()
	var h header
	err = json.NewDecoder(io.LimitReader(file, 1<<20)).Decode(&h)
	return h.RejectsBeside, err == nil && h.Format == format
}

func (s *State) readNotes(text []byte, messages int64) error {
	var ranges []Range
	for number := 2; ; number++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			break // torn, or the end
		}
		var n noted
		err := json.Unmarshal(line, &n)
		if err == nil {
			err = n.check(messages)
		}
		if err != nil {
			return fmt.Errorf("%s is damaged in line %d; delete it to start at the first row, or name another file with -state", s.path, number)
		}
		for i := 0; i < len(n.Done); i += 2 {
			ranges = append(ranges, Range{n.Done[i], n.Done[i+1]})
		}
		s.last, s.ended = n.note(), s.ended || n.Finished
		s.size += int64(len(line) + 1)
		text = rest
	}
	s.done, s.compact = merge(nil, ranges), s.size
	return nil
}

// check refuses what no note says.
func (n *noted) check(messages int64) error {
	bad := len(n.Done)%2 != 0 || n.Issued < 0 || n.Issued > messages || n.Rejects < 0
	for i := 0; !bad && i < len(n.Done); i += 2 {
		bad = n.Done[i] < 0 || n.Done[i+1] < n.Done[i] || n.Done[i+1] >= messages
	}
	if bad {
		return errors.New("out of range")
	}
	return nil
}

func (n *noted) note() Note {
	return Note{
		Delivered: n.Delivered, Bytes: n.Bytes, Seconds: n.Seconds, Rejects: n.Rejects, RejectsSum: n.RejectsSum, Rejected: n.Rejected,
		Issued: n.Issued, Unsure: n.Unsure, Twice: n.Twice, Chain: n.Chain,
	}
}

// line returns the line that notes the last note, with these ranges.
func (s *State) line(done []Range) ([]byte, error) {
	l := &s.last
	n := noted{
		Delivered: l.Delivered, Bytes: l.Bytes, Seconds: l.Seconds, Rejects: l.Rejects, RejectsSum: l.RejectsSum, Rejected: l.Rejected,
		Issued: l.Issued, Unsure: l.Unsure, Twice: l.Twice, Chain: l.Chain, Finished: s.ended,
	}
	for _, r := range done {
		n.Done = append(n.Done, r.First, r.Last)
	}
	text, err := json.Marshal(&n)
	return append(text, '\n'), err
}

// append opens the file for the notes of this run, without what is torn.
func (s *State) append() error {
	file, err := os.OpenFile(s.path, os.O_WRONLY, 0)
	if err == nil {
		s.file = file
		err = file.Truncate(s.size)
	}
	return Unwritten(s.path, err)
}

// write appends the last note.
func (s *State) write(done []Range) error {
	if s.path == "" {
		return nil
	}
	text, err := s.line(done)
	if err == nil {
		_, err = s.file.WriteAt(text, s.size)
	}
	if err != nil {
		_ = s.file.Truncate(s.size) // of half a line
		s.err = s.told(err)
		return s.err
	}
	s.size += int64(len(text))
	switch now := time.Now(); {
	case s.size > max(minCompact, 4*s.compact):
		s.err = s.rewrite()
	case now.Sub(s.synced) >= syncEvery:
		s.synced = now
		s.err = s.sync()
	}
	return s.err
}

// sync stores for good what was written. A file that somebody has deleted or
// replaced meanwhile is written anew: without it all would be sent again.
func (s *State) sync() error {
	opened, err := s.file.Stat()
	found, err2 := os.Stat(s.path)
	if err == nil && (err2 != nil || !os.SameFile(opened, found)) {
		return s.rewrite()
	}
	return s.told(s.file.Sync())
}

// rewrite writes the file anew: the header, and one note of all that is done. A
// process killed meanwhile leaves either file whole.
func (s *State) rewrite() error {
	head, err := json.Marshal(&header{
		Format: format, Source: s.about.Source, Messages: s.about.Messages, Digest: s.about.Digest, Engine: s.about.Engine,
		Mapping: s.about.Mapping, Flags: hashAll(s.about.Flags), Target: s.about.Target, Key: s.about.Key, RejectsBeside: s.about.RejectsBeside,
	})
	if err != nil {
		return err
	}
	note, err := s.line(s.done)
	if err != nil {
		return err
	}
	text := append(append(head, '\n'), note...)
	if err := s.replace(text); err != nil {
		return err
	}
	s.size, s.compact, s.synced = int64(len(text)), int64(len(text)), time.Now()
	return s.append()
}

// replace puts another file of this text in the place of the state's.
func (s *State) replace(text []byte) error {
	next := s.path + NextSuffix // whoever has the lock writes it
	_ = os.Remove(next)
	file, err := os.OpenFile(next, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return Unwritten(s.path, err)
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if s.file != nil {
		_ = s.file.Close() // an open file cannot be replaced on Windows
		s.file = nil
	}
	if err == nil {
		err = os.Rename(next, s.path)
	}
	if err != nil {
		_ = os.Remove(next)
		return s.told(err)
	}
	syncDir(filepath.Dir(s.path))
	return nil
}

// syncDir makes a renaming last. Not all systems can.
func syncDir(path string) {
	if dir, err := os.Open(path); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
}

// told returns the sentence for a file that cannot be written any more.
func (s *State) told(err error) error {
	return show.Unwritten(s.path, err, "run the same command again, which sends again what was delivered since it was written last")
}

// Unwritten returns the sentence for a state that cannot be made or opened at path,
// and nil for nil.
func Unwritten(path string, err error) error {
	return show.Unwritten(path, err, "name another file with -state, which notes what was delivered")
}

func unread(path string, err error) error {
	return fmt.Errorf("%s cannot be read: %w: name another file with -state", path, show.Cause(err))
}
