package message

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// content returns the SHA-1 of a row's values, one after another, except where the
// row is from. Names of columns are no part of it. Each value begins with a letter
// for its kind; integers are of 8 bytes, big endian; texts have their length in
// front. So no two different rows are the same bytes, and none of it may change.
func (d *draft) content() [sha1.Size]byte {
	raw := d.s.raw[:0]
	for i, v := range d.values {
		switch d.m.columns[i].Role {
		case Number, File, BadTime:
		default:
			raw = appendContent(raw, v)
		}
	}
	d.s.raw = raw
	return sha1.Sum(raw)
}

func appendContent(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, 0)
	case string:
		return appendContentText(dst, 's', v)
	case bool:
		if v {
			return append(dst, 'b', 1)
		}
		return append(dst, 'b', 0)
	case int64:
		return appendContentInt(dst, 'i', uint64(v))
	case int32:
		return appendContentInt(dst, 'i', uint64(v))
	case int16:
		return appendContentInt(dst, 'i', uint64(v))
	case int8:
		return appendContentInt(dst, 'i', uint64(v))
	case uint64:
		return appendContentInt(dst, 'u', v)
	case uint32:
		return appendContentInt(dst, 'u', uint64(v))
	case uint16:
		return appendContentInt(dst, 'u', uint64(v))
	case uint8:
		return appendContentInt(dst, 'u', uint64(v))
	case float64:
		return appendContentInt(dst, 'f', math.Float64bits(v))
	case float32:
		return appendContentInt(dst, 'f', math.Float64bits(float64(v)))
	case time.Time:
		return appendContentTime(dst, v)
	case []byte:
		return append(appendContentInt(dst, 'x', uint64(len(v))), v...)
	}
	return appendContentOther(dst, v)
}

func appendContentOther(dst []byte, v any) []byte {
	switch v := v.(type) {
	case duckdb.Decimal:
		return appendContentText(append(dst, 'd', v.Scale), 's', v.Value.String())
	case *big.Int:
		return appendContentText(dst, 'n', v.String())
	case duckdb.Interval:
		dst = appendContentInt(dst, 'v', uint64(v.Months))
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.Days))
		return binary.BigEndian.AppendUint64(dst, uint64(v.Micros))
	case duckdb.Union:
		return appendContent(appendContentText(dst, 'U', v.Tag), v.Value)
	case []any:
		dst = appendContentInt(dst, 'l', uint64(len(v)))
		for _, element := range v {
			dst = appendContent(dst, element)
		}
		return dst
	case map[string]any:
		dst = appendContentInt(dst, 'm', uint64(len(v)))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			dst = appendContent(appendContentText(dst, 's', name), v[name])
		}
		return dst
	case duckdb.OrderedMap:
		keys, values := v.Keys(), v.Values()
		dst = appendContentInt(dst, 'o', uint64(len(keys)))
		for i, key := range keys {
			dst = appendContent(appendContent(dst, key), values[i])
		}
		return dst
	case duckdb.Bit:
		return appendContentText(dst, 's', v.String())
	}
	return appendContentText(dst, '?', fmt.Sprint(v))
}

func appendContentInt(dst []byte, kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, kind), n)
}

func appendContentText(dst []byte, kind byte, s string) []byte {
	return append(appendContentInt(dst, kind, uint64(len(s))), s...)
}

func appendContentTime(dst []byte, t time.Time) []byte {
	_, offset := t.Zone()
	dst = appendContentInt(dst, 't', uint64(t.Unix()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
	return binary.BigEndian.AppendUint32(dst, uint32(int32(offset)))
}
