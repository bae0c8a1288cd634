package spool

import (
	"bytes"
)

const loadChunk = 256 << 10

// Load returns the JSON of messages without an outcome, in the order of refs.
// The error is one of Read's kind.
func (s *Spool) Load(refs []Ref) ([][]byte, error) {
	all := make([][]byte, len(refs))
	for from := 0; from < len(refs); {
		segment := refs[from].segment
		to := from
		for to < len(refs) && refs[to].segment == segment {
			to++
		}
		if err := segment.load(refs[from:to], all[from:to]); err != nil {
			return nil, &Error{"read", segment.path(), err}
		}
		from = to
	}
	return all, nil
}

// load finds the messages of refs. It begins where the last call ended, since
// messages are mostly asked for in their order.
func (s *segment) load(refs []Ref, all [][]byte) error {
	wanted := make(map[uint32]int, len(refs))
	first := refs[0].seq
	for i, ref := range refs {
		wanted[ref.seq] = i
		first = min(first, ref.seq)
	}
	if s.loaded.at > 0 && first >= s.loaded.seq {
		if err := s.loadFrom(s.loaded.at, wanted, all); err != nil {
			return err
		}
	}
	if len(wanted) > 0 {
		if err := s.loadFrom(0, wanted, all); err != nil {
			return err
		}
	}
	if len(wanted) > 0 {
		return errDamaged
	}
	return nil
}

// loadFrom looks for wanted messages from an offset on, and takes out of wanted
// what it finds.
func (s *segment) loadFrom(at int64, wanted map[uint32]int, all [][]byte) error {
	for len(wanted) > 0 && at < s.end() {
		text, err := s.readLines(at, loadChunk)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(text) {
			at += int64(len(line))
			kind, rest, ok := parseLine(bytes.TrimSuffix(line, newline))
			if !ok || kind != 'm' {
				continue
			}
			h, json, ok := parseHead(rest)
			i, isWanted := wanted[h.seq]
			if !ok || !isWanted {
				continue
			}
			all[i] = json
			delete(wanted, h.seq)
			if s.loaded = (mark{h.seq + 1, at}); len(wanted) == 0 {
				break
			}
		}
	}
	return nil
}
