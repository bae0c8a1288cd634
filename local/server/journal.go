package server

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
)

// A journal has the events of a database in memory, for an engine that has to
// begin again. Its file has no name where the system can do without, so that
// nothing is left behind. What the file does not take, since the disk is full,
// say, stays in memory. The database's engineMu guards it.
type journal struct {
	file *os.File // nil if there is none
	name string   // to be removed at close; empty if it is already
	size int64
	rest []batch // those after the file's
	log  func(sentence string)
}

const headSize = 16 // of a batch: the number of its events and that of its bytes

func newJournal(log func(sentence string)) *journal {
	j := &journal{log: log}
	file, err := os.CreateTemp("", "altertable-local-")
	if err != nil {
		j.miss(err)
		return j
	}
	j.file, j.name = file, file.Name()
	if os.Remove(j.name) == nil { // some systems do not remove what is open
		j.name = ""
	}
	return j
}

// miss tells why there is no file, or not for all.
func (j *journal) miss(err error) {
	j.log(fmt.Sprintf("no temporary file for the events, which take more memory instead: %v", err))
}

// add takes the events of a batch.
func (j *journal) add(count int, events []byte) {
	if count == 0 {
		return
	}
	if j.file != nil && len(j.rest) == 0 {
		err := j.write(count, events)
		if err == nil {
			return
		}
		j.miss(err)
	}
	j.rest = append(j.rest, batch{count: count, events: bytes.Clone(events), changes: changes{}.pack()})
}

// write appends to the file. After an error the journal is as before.
func (j *journal) write(count int, events []byte) error {
	head := make([]byte, headSize)
	binary.LittleEndian.PutUint64(head, uint64(count))
	binary.LittleEndian.PutUint64(head[8:], uint64(len(events)))
	for at, piece := range [][]byte{head, events} {
		if _, err := j.file.WriteAt(piece, j.size+int64(at*headSize)); err != nil {
			return err
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
	for _, b := range j.rest {
		if err := each(b); err != nil {
			return err
		}
	}
	return nil
}

// forget empties the journal.
func (j *journal) forget() {
	j.size, j.rest = 0, nil
	if j.file != nil {
		_ = j.file.Truncate(0) // what is there is written over
	}
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	if j.name != "" {
		_ = os.Remove(j.name)
	}
	return err
}
