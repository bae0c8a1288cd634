package main

import (
	"errors"
	"io"
	"runtime"
	"syscall"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A results is standard output. Writing to it never fails, so that an import goes on
// whatever becomes of its report: failed says at the end what went wrong. Nothing is
// written behind an error.
type results struct {
	to  io.Writer
	err error // the first one
}

// Write keeps the error.
func (r *results) Write(p []byte) (int, error) {
	if r.err == nil {
		_, r.err = r.to.Write(p)
	}
	return len(p), nil
}

// failed returns a sentence if not all was written. A reader that goes away, as
// head does, has read what it wanted.
func (r *results) failed() error {
	if r.err == nil || isClosedPipe(r.err) {
		return nil
	}
	return show.Unwritten("standard output", r.err, "make room, and run the same command again, which sends nothing twice")
}

func isClosedPipe(err error) bool {
	if errors.Is(err, io.ErrClosedPipe) || errors.Is(err, syscall.EPIPE) {
		return true
	}
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // what Windows says
	return runtime.GOOS == "windows" && (errors.Is(err, brokenPipe) || errors.Is(err, noData))
}
