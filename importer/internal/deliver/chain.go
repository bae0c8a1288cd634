package deliver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/zeebo/xxh3"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// A digest identifies a row by its endpoint and message.
type digest = xxh3.Uint128

func digestOf(row *record.Row) digest {
	var seed uint64
	if row.Endpoint != "" {
		seed = uint64(row.Endpoint[0])
	}
	return xxh3.Hash128Seed(row.Message, seed)
}

// A chain identifies rows and their order, from the first one on. It grows row by
// row, so that each note can have it.
type chain [16]byte

// add makes c the chain of one more row.
func (c *chain) add(d digest) {
	var text [32]byte
	copy(text[:16], c[:])
	one := d.Bytes()
	copy(text[16:], one[:])
	sum := sha256.Sum256(text[:])
	copy(c[:], sum[:16])
}

func (c *chain) String() string { return hex.EncodeToString(c[:]) }

// parseChain reads what String returned.
func parseChain(text string) (c chain, ok bool) {
	read, err := hex.DecodeString(text)
	if err != nil || len(read) != len(c) {
		return c, false
	}
	return chain(read), true
}

var errEnough = errors.New("enough")

// Verify returns the chain of the rows before position upTo. If a
// state.ChangedError has it as Prefix, these are the rows of the runs before, and
// state.Force may go on at its Next:
//
//	prefix, err := deliver.Verify(ctx, stage, changed.Next)
//	next := int64(0)
//	if err == nil && prefix != "" && prefix == changed.Prefix {
//		next = changed.Next
//	}
//	st, err := state.Force(path, about, next)
//
// It is empty if there are fewer rows, and for upTo 0. It reads rows as Run does,
// and sends nothing.
func Verify(ctx context.Context, rows Rows, upTo int64) (string, error) {
	if upTo <= 0 {
		return "", nil
	}
	c, n := chain{}, int64(0)
	err := rows.Read(ctx, 0, func(some []record.Row) error {
		for i := range some {
			c.add(digestOf(&some[i]))
			if n++; n == upTo {
				return errEnough
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		return c.String(), nil
	case err != nil:
		return "", err
	}
	return "", nil
}
