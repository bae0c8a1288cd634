package survey

import (
	"fmt"
	"testing"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

func BenchmarkAdd(b *testing.B) {
	rows := make([]record.Row, 5000)
	for i := range rows {
		rows[i] = track(int64(i+1), fmt.Sprintf("u_%d", i*7%3000), fmt.Sprintf("event_%d", i%12), "2026-01-02 08:00:00")
	}
	v := newSurvey(&stage.Stage{})
	b.ReportAllocs()
	for i := range b.N {
		v.add(&rows[i%len(rows)])
	}
}
