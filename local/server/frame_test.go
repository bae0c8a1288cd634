package server

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestFrames(t *testing.T) {
	var wire bytes.Buffer
	large := bytes.Repeat([]byte("large"), 100_000)
	require.NoError(t, writeFrame(&wire, 1, callQuery, []byte("a"), nil, []byte("b")))
	require.NoError(t, writeFrame(&wire, 1<<63, answerDone))
	require.NoError(t, writeFrame(&wire, 3, answerPart, large, []byte("r")))
	whole := bytes.Clone(wire.Bytes())
	for _, want := range []frame{{1, callQuery, []byte("ab")}, {1 << 63, answerDone, []byte{}}, {3, answerPart, append(large, 'r')}} {
		got, err := readFrame(&wire)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := readFrame(&wire)
	assert.Equal(t, io.EOF, err)

	for _, torn := range [][]byte{whole[:3], whole[:4], whole[:7], whole[:len(whole)-1]} {
		r := bytes.NewReader(torn)
		for err = nil; err == nil; {
			_, err = readFrame(r)
		}
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	for _, malformed := range [][]byte{{0, 0, 0, 0}, {1, 0, 0, 0, 5}, {3, 0, 0, 0, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff}} {
		_, err := readFrame(bytes.NewReader(malformed))
		assert.ErrorIs(t, err, errFrame)
	}
}

func TestPackedValues(t *testing.T) {
	instants := []time.Time{{}, at(1), at(2).Add(123456789), time.Unix(0, 1).UTC(), time.Unix(-1, 999_999_999).UTC(), earliest, latest}
	var p packer
	for _, instant := range instants {
		p.instant(instant)
	}
	p.instant(time.Date(-2_000_000, 1, 1, 0, 0, 0, 0, time.UTC))
	p.instant(time.Date(2_000_000, 1, 1, 0, 0, 0, 0, time.UTC))
	p.texts([]string{"", "a", "\x00\xff"})
	p.texts(nil)
	u := unpacker{rest: p.data}
	for _, instant := range append(instants, earliest, latest) {
		assert.Equal(t, instant, u.instant())
	}
	assert.Equal(t, []string{"", "a", "\x00\xff"}, u.texts())
	assert.Empty(t, u.texts())
	assert.NoError(t, u.err)
	assert.Empty(t, u.rest)
}

// FuzzFrames reads whatever may come as every kind of payload: nothing panics,
// and nothing takes more memory than was sent.
func FuzzFrames(f *testing.F) {
	var p packer
	p.event(&altertabletest.Event{Event: "e", DistinctID: "u", Timestamp: at(1)})
	events := batch{count: 1, events: p.data, changes: changes{
		identities: []identityRow{rowOf(altertabletest.Identity{DistinctID: "u", Aliases: []string{"a"}})},
		formers:    []idRow{{identityKey{"production", "a"}, "u"}},
		ids:        []idRow{{identityKey{"production", "u"}, "u"}},
	}.pack()}
	var wire bytes.Buffer
	require.NoError(f, writeFrame(&wire, 7, callApply, events.frame()...))
	f.Add(wire.Bytes())
	var answer packer
	answer.columns(cells{{column{"one", "INTEGER"}, asText}})
	answer.bool(true)
	answer.text("1")
	answer.bool(false)
	answer.bool(true)
	wire.Reset()
	require.NoError(f, writeFrame(&wire, 7, answerDone, answer.data))
	f.Add(wire.Bytes())
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := bytes.NewReader(wire)
		for {
			got, err := readFrame(r)
			if err != nil {
				return
			}
			u := unpacker{rest: got.payload}
			u.bool()
			for n := u.count(); n > 0 && u.err == nil; n-- {
				u.event()
			}
			u.changes()
			for u = (unpacker{rest: got.payload}); len(u.rest) > 0 && u.err == nil; {
				_, _ = u.storedEvent()
			}
			for u = (unpacker{rest: got.payload}); len(u.rest) > 0 && u.err == nil; {
				u.identity()
			}
			u = unpacker{rest: got.payload}
			if found, err := u.result(); err == nil {
				for _, row := range found.Rows {
					assert.Len(t, row, len(found.Columns))
				}
			}
		}
	})
}
