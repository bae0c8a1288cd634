package message_test

import (
	"database/sql/driver"
	"testing"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
)

func BenchmarkMap(b *testing.B) {
	track := []message.Column{col("event", message.Event), col("distinct_id", message.DistinctID), col("timestamp", message.Timestamp)}
	values := []driver.Value{"checkout_completed", "user_123456", at}
	var typed []message.Column
	for _, name := range []string{"plan", "price", "count", "country", "url", "paid", "referrer", "version"} {
		typed = append(typed, message.Column{Name: name, Numeric: name == "price" || name == "count" || name == "paid"})
	}
	const properties = `"plan":"pro","price":19.99,"count":3,"country":"DE","url":"https://example.com/checkout","paid":true,"referrer":"newsletter","version":"2.1.0"`
	for name, c := range map[string]struct {
		columns []message.Column
		values  []driver.Value
	}{
		"typed":      {append(track, typed...), append(values, "pro", 19.99, int64(3), "DE", "https://example.com/checkout", true, "newsletter", "2.1.0")},
		"CSV":        {append(track, typed...), append(values, "pro", "19.99", "3", "DE", "https://example.com/checkout", "true", "newsletter", "2.1.0")},
		"properties": {append(track, col("properties", message.Properties)), append(values, "{"+properties+"}")},
		"JSON": {append(track, col("_json", message.JSON)),
			append(values, `{"event":"checkout_completed","distinct_id":"user_123456","timestamp":"2024-01-05T10:00:00Z",`+properties+"}")},
	} {
		b.Run(name, func(b *testing.B) {
			m := message.New(c.columns, message.Options{As: "track", Environment: "production"})
			var n message.Numberer
			b.ReportAllocs()
			for b.Loop() {
				row := m.Map(c.values)
				n.Number(&row)
			}
		})
	}
}
