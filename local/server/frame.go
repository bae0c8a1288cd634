package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A frame is what the parent and the engine tell each other: a call, or a part
// of its answer, which has the call's id. On the wire its length comes first.
type frame struct {
	id      uint64
	kind    kind
	payload []byte
}

type kind byte

const (
	callOpen kind = iota + 1
	callApply
	callQuery
	callIdentities
	callNewest
	callClose
	callPing
	cancelCall // what the call does is not needed any more; it is answered all the same

	answerPart   // another one follows
	answerDone   // the last one
	answerFailed // instead of the last one: a code, which may be empty, and a sentence
)

const (
	maxFrame  = 1 << 30
	maxFailed = 64 << 10 // bytes of a sentence
)

var errFrame = errors.New("a frame is malformed")

// writeFrame writes one frame, whose payload comes in pieces.
func writeFrame(w io.Writer, id uint64, k kind, pieces ...[]byte) error {
	head := make([]byte, 4, 4+binary.MaxVarintLen64+1)
	head = append(binary.AppendUvarint(head, id), byte(k))
	size := len(head) - 4
	for _, piece := range pieces {
		size += len(piece)
	}
	if size > maxFrame {
		return fmt.Errorf("a frame of %d bytes is too large", size)
	}
	binary.LittleEndian.PutUint32(head, uint32(size))
	if size <= 4096 {
		head = append(head, bytes.Join(pieces, nil)...)
		pieces = nil
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, piece := range pieces {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// readFrame reads one frame. Its error is io.EOF if there is none.
func readFrame(r io.Reader) (frame, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	size := int64(binary.LittleEndian.Uint32(head[:]))
	if size > maxFrame {
		return frame{}, errFrame
	}
	// The buffer grows with what is there, not with what the length promises.
	var body bytes.Buffer
	body.Grow(int(min(size, 4<<20)) + bytes.MinRead)
	if n, err := body.ReadFrom(io.LimitReader(r, size)); err != nil || n < size {
		return frame{}, errors.Join(io.ErrUnexpectedEOF, err)
	}
	u := unpacker{rest: body.Bytes()}
	f := frame{id: u.uint(), kind: kind(u.byte()), payload: u.rest}
	return f, u.err
}

// A packer encodes values one after the other; an unpacker reads them in the
// same order.
type packer struct{ data []byte }

func (p *packer) byte(b byte)   { p.data = append(p.data, b) }
func (p *packer) uint(n uint64) { p.data = binary.AppendUvarint(p.data, n) }
func (p *packer) text(s string) { p.data = append(binary.AppendUvarint(p.data, uint64(len(s))), s...) }

func (p *packer) bytes(b []byte) { p.data = append(binary.AppendUvarint(p.data, uint64(len(b))), b...) }

func (p *packer) bool(b bool) {
	if b {
		p.byte(1)
	} else {
		p.byte(0)
	}
}

func (p *packer) texts(texts []string) {
	p.uint(uint64(len(texts)))
	for _, s := range texts {
		p.text(s)
	}
}

// The database's timestamps count microseconds in 64 bits. Whatever lies
// outside is as far away as they reach.
var (
	earliest = time.Date(-290000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(294000, 1, 1, 0, 0, 0, 0, time.UTC)
)

func (p *packer) instant(t time.Time) {
	p.bool(!t.IsZero())
	if t.IsZero() {
		return
	}
	switch {
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	p.data = binary.AppendVarint(p.data, t.UnixMicro())
	p.uint(uint64(t.Nanosecond() % 1000))
}

// An unpacker returns zero values after its first error.
type unpacker struct {
	rest []byte
	err  error
}

func (u *unpacker) fail() {
	u.rest = nil
	if u.err == nil {
		u.err = errFrame
	}
}

func (u *unpacker) byte() byte {
	if len(u.rest) == 0 {
		u.fail()
		return 0
	}
	b := u.rest[0]
	u.rest = u.rest[1:]
	return b
}

func (u *unpacker) bool() bool { return u.byte() == 1 }

func (u *unpacker) uint() uint64 {
	n, size := binary.Uvarint(u.rest)
	if size <= 0 {
		u.fail()
		return 0
	}
	u.rest = u.rest[size:]
	return n
}

// count is a number of things that have a byte each at least.
func (u *unpacker) count() int {
	n := u.uint()
	if n > uint64(len(u.rest)) {
		u.fail()
		return 0
	}
	return int(n)
}

// bytes returns a part of what is unpacked.
func (u *unpacker) bytes() []byte {
	n := u.count()
	b := u.rest[:n:n]
	u.rest = u.rest[n:]
	return b
}

func (u *unpacker) text() string { return string(u.bytes()) }

func (u *unpacker) texts() []string {
	var texts []string
	for range u.count() {
		texts = append(texts, u.text())
	}
	return texts
}

func (u *unpacker) instant() time.Time {
	if !u.bool() {
		return time.Time{}
	}
	micros, size := binary.Varint(u.rest)
	if size <= 0 {
		u.fail()
		return time.Time{}
	}
	u.rest = u.rest[size:]
	return time.UnixMicro(micros).Add(time.Duration(u.uint() % 1000)).UTC()
}
