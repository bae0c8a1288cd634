package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// isStream reports whether the only path is something that can be read once, as a
// pipe that the shell makes of <(command).
func isStream(paths []string) bool {
	info, err := os.Stat(paths[0])
	return len(paths) == 1 && err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

func (s *Source) findStdin() error {
	if len(s.spec.Paths) > 1 {
		return errors.New("standard input (-) cannot be imported together with files: import one after the other")
	}
	if s.spec.Stdin == nil {
		return errors.New("there is no standard input")
	}
	if file, ok := s.spec.Stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return errors.New("the standard input is a terminal: pipe the data into the command, as in cat events.csv | altertable-import -")
	}
	return s.findPipe("standard input", "/dev/stdin", s.spec.Stdin, nil)
}

func (s *Source) findStream(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", path, show.Cause(err))
	}
	return s.findPipe(path, path, in, in)
}

// findPipe looks at the beginning of what can be read once. Load copies all of it
// to a file, and reads that.
func (s *Source) findPipe(name, path string, in io.Reader, c io.Closer) error {
	pipe := bufio.NewReaderSize(in, headSize)
	head, err := pipe.Peek(headSize)
	if err != nil && err != io.EOF {
		return fmt.Errorf("cannot read %s: %w", name, show.Cause(err))
	}
	if len(head) == 0 {
		return fmt.Errorf("%s is empty", name)
	}
	f := file{path: path, name: name, whole: err == io.EOF}
	if err := f.readHead(head); err != nil {
		return fmt.Errorf("cannot read %s: %w", name, show.Cause(err))
	}
	if err := f.findFormat(s.spec.Format); err != nil {
		return err
	}
	s.Name = name
	s.files = []file{f}
	if err := s.unite(); err != nil {
		return err
	}
	inner := s.loader
	s.loader = func(ctx context.Context, l *load) error {
		copied, err := l.copyPipe(ctx, pipe)
		if c != nil {
			_ = c.Close()
		}
		if err != nil {
			return err
		}
		defer func() { _ = os.Remove(copied) }()
		l.s.files[0].path = copied
		return inner(ctx, l)
	}
	return nil
}

// roomStep is how much is copied before the room is looked at again.
const roomStep = 64 << 20

func (l *load) copyPipe(ctx context.Context, in io.Reader) (path string, err error) {
	path = filepath.Join(l.db.Dir, "input")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for {
		// As much again is needed for the table.
		if err := l.db.Reserve(2*l.s.Bytes + roomStep); err != nil {
			return "", err
		}
		n, err := io.CopyN(out, in, roomStep)
		l.s.Bytes += n
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case err == io.EOF:
			return path, nil
		case err != nil:
			return "", fmt.Errorf("cannot copy %s: %w", l.s.Name, show.Cause(err))
		}
	}
}
