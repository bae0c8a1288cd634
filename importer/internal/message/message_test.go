package message_test

import (
	"database/sql/driver"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// at is 2024-01-05T10:00:00Z.
const at = int64(1704448800000000)

// col is a VARCHAR.
func col(name string, role message.Role) message.Column {
	return message.Column{Name: name, Role: role}
}

// track has the columns of a track, and those that are given.
func track(more ...message.Column) []message.Column {
	return append([]message.Column{col("event", message.Event), col("distinct_id", message.DistinctID),
		col("timestamp", message.Timestamp)}, more...)
}

func mapped(columns []message.Column, o message.Options, values ...driver.Value) record.Row {
	m := message.New(columns, o).Map(values)
	return new(message.Numberer).Number(&m)
}

func TestTrackOfColumns(t *testing.T) {
	row := mapped(track(col("plan", message.Other)), message.Options{As: "track", Environment: "production"}, "signed_up", "u_1", at, "pro")
	assert.Empty(t, row.Reason)
	t.Log(string(row.Message))
}

func BenchmarkMap(b *testing.B) {
	var more []message.Column
	for _, name := range []string{"plan", "price", "count", "country", "url", "paid", "referrer", "version"} {
		more = append(more, col(name, message.Other))
	}
	m := message.New(track(more...), message.Options{As: "track", Environment: "production"})
	values := []driver.Value{"checkout_completed", "user_123456", at, "pro", 19.99, int64(3), "DE", "https://example.com/checkout", true, "newsletter", "2.1.0"}
	var n message.Numberer
	b.ReportAllocs()
	for b.Loop() {
		row := m.Map(values)
		n.Number(&row)
	}
}
