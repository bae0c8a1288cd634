package encode

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// benchProperties are those of a purchase, with texts of usual lengths.
var benchProperties = map[string]any{
	"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
	"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
}

func benchmarkEncode(b *testing.B, properties map[string]any) {
	dst := make([]byte, 0, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Members(dst, properties, cap(dst)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkMarshal(b *testing.B, properties map[string]any) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(properties); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode8Properties(b *testing.B)      { benchmarkEncode(b, benchProperties) }
func BenchmarkJSONMarshal8Properties(b *testing.B) { benchmarkMarshal(b, benchProperties) }

// BenchmarkEncodeNested is a cart: lists of objects, tags, an instant.
func BenchmarkEncodeNested(b *testing.B) {
	line := func(i int) map[string]any {
		return map[string]any{"sku": fmt.Sprint("sku-", i), "price": 9.5 * float64(i), "tags": []string{"new", "sale"}}
	}
	cart := map[string]any{
		"cart":    map[string]any{"id": "cart_8f14e45fceea", "lines": []any{line(1), line(2), line(3)}},
		"at":      time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC),
		"weights": []float64{0.5, 12, 3.25},
	}
	b.Run("altertable", func(b *testing.B) { benchmarkEncode(b, cart) })
	b.Run("json.Marshal", func(b *testing.B) { benchmarkMarshal(b, cart) })
}

// BenchmarkEncodeProperties shows that a property costs the same among many.
func BenchmarkEncodeProperties(b *testing.B) {
	for _, n := range []int{4, 40, 400} {
		properties := make(map[string]any, n)
		for i := range n {
			properties[fmt.Sprintf("property_%d", i)] = i
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			benchmarkEncode(b, properties)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/property")
		})
	}
}

// BenchmarkEncodeValue covers the types that cost more than a number does.
func BenchmarkEncodeValue(b *testing.B) {
	for name, value := range map[string]any{
		"string": "cart_8f14e45fceea", "long": longText, "accents": "Am\u00e9lie No\u00ebl, Zo\u00eb",
		"float": 129.9, "time": time.Date(2023, 1, 1, 12, 0, 0, 123_000_000, time.UTC), "number": json.Number("129.90"),
		"raw": json.RawMessage(`{"a": [1, 2, "x"]}`), "named": plan("pro"), "pointer": pointer(5),
		"struct": struct {
			A string `json:"a"`
			B int    `json:"b"`
		}{"x", 1},
	} {
		b.Run(name, func(b *testing.B) { benchmarkEncode(b, map[string]any{"p": value}) })
	}
}

func BenchmarkTimestamp(b *testing.B) {
	dst := make([]byte, 0, 64)
	for b.Loop() {
		_ = Timestamp(dst, 1672574400123000)
	}
}

const longText = "The quick brown fox jumps over the lazy dog, again and again, until the reader of this line has had enough of it."
