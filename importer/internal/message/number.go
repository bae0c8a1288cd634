package message

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// namespace is that of the ids. It never changes, nor does what is hashed: the
// same row has the same id in every version, or a second import would double
// what the first one brought.
var namespace = [16]byte{0x5b, 0x1f, 0x0c, 0x8e, 0x7a, 0x63, 0x4d, 0x52, 0x9c, 0x1e, 0xd4, 0x36, 0x88, 0xf0, 0x2b, 0x97}

// A Numberer gives each track its $event_id: the UUIDv5 of the row's content and
// of how many equal rows there were before. It has to see rows in the order of
// the stage, in which equal rows follow one another.
type Numberer struct {
	content [sha1.Size]byte
	equal   uint64 // rows with this content, so far
}

// Number completes a row. m is not to be used afterwards.
func (n *Numberer) Number(m *Mapped) record.Row {
	if n.equal == 0 || n.content != m.content {
		n.content, n.equal = m.content, 0
	}
	if m.gap > 0 {
		putUUID(m.Message[m.gap:], n.content, n.equal)
	}
	n.equal++
	return m.Row
}

const (
	noID       = "00000000-0000-0000-0000-000000000000" // where an id will be
	uuidLength = len(noID)
)

// putUUID writes the UUIDv5 of the content and the number of equal rows before.
func putUUID(dst []byte, content [sha1.Size]byte, before uint64) {
	var name [len(namespace) + len(content) + 8]byte
	copy(name[:], namespace[:])
	copy(name[len(namespace):], content[:])
	binary.BigEndian.PutUint64(name[len(namespace)+len(content):], before)
	sum := sha1.Sum(name[:])
	sum[6] = sum[6]&0x0f | 0x50 // version 5
	sum[8] = sum[8]&0x3f | 0x80 // of RFC 9562
	putHex(dst, sum[:16])
}

// putHex writes 16 bytes as a UUID.
func putHex(dst, id []byte) {
	_ = dst[uuidLength-1]
	at := 0
	for _, part := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:16]} {
		at += hex.Encode(dst[at:], part)
		if at < uuidLength {
			dst[at] = '-'
			at++
		}
	}
}
