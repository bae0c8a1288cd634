package main

import (
	"encoding/binary"
	"fmt"
	"os"
)

// A journal has the events of a database in memory, for an engine that has to
// begin again. Its file has no name where the system can do without, so that
// nothing is left behind. The database's engineMu guards it.
type journal struct {
	file *os.File
	name string // to be removed at close; empty if it is already
	size int64
}

const headSize = 16 // of a batch: the number of its events and that of its bytes

func newJournal() (*journal, error) {
	file, err := os.CreateTemp("", "altertable-local-")
	if err != nil {
		return nil, fmt.Errorf("no temporary file for the events: %w", err)
	}
	j := &journal{file: file, name: file.Name()}
	if os.Remove(j.name) == nil { // some systems do not remove what is open
		j.name = ""
	}
	return j, nil
}

// add takes the events of a batch. After an error the journal is as before.
func (j *journal) add(count int, events []byte) error {
	if count == 0 {
		return nil
	}
	head := make([]byte, headSize)
	binary.LittleEndian.PutUint64(head, uint64(count))
	binary.LittleEndian.PutUint64(head[8:], uint64(len(events)))
	for at, piece := range [][]byte{head, events} {
		if _, err := j.file.WriteAt(piece, j.size+int64(at*headSize)); err != nil {
			return fmt.Errorf("events cannot be kept for another engine: %w", err)
		}
	}
	j.size += int64(headSize + len(events))
	return nil
}

// replay calls each with the batches in order.
func (j *journal) replay(each func(batch) error) error {
	head := make([]byte, headSize)
	for at := int64(0); at < j.size; {
		if _, err := j.file.ReadAt(head, at); err != nil {
			return err
		}
		events := make([]byte, binary.LittleEndian.Uint64(head[8:]))
		if _, err := j.file.ReadAt(events, at+headSize); err != nil {
			return err
		}
		at += int64(headSize + len(events))
		count := int(binary.LittleEndian.Uint64(head))
		if err := each(batch{count: count, events: events, changes: changes{}.pack()}); err != nil {
			return err
		}
	}
	return nil
}

// forget empties the journal.
func (j *journal) forget() error {
	j.size = 0
	return j.file.Truncate(0)
}

func (j *journal) close() error {
	err := j.file.Close()
	if j.name != "" {
		_ = os.Remove(j.name)
	}
	return err
}
