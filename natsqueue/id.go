package natsqueue

import (
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"
)

// id returns the Nats-Msg-Id of a body. It is the same whenever this instance
// publishes the same body to the same endpoint, so a retry is stored once. A second
// with the same id, by chance, would be lost, so it has 128 bits.
func (q *queue) id(endpoint string, body []byte) string {
	var sum [16]byte
	for i, seed := range q.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		_, _ = h.WriteString(endpoint) // it returns no error
		_ = h.WriteByte(0)
		_, _ = h.Write(body)
		binary.BigEndian.PutUint64(sum[8*i:], h.Sum64())
	}
	return q.nonce + "-" + hex.EncodeToString(sum[:])
}
