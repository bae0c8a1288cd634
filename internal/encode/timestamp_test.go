package encode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTimestampHasThreeDecimalsOrSix(t *testing.T) {
	for want, at := range map[string]time.Time{
		`"2023-01-01T12:00:00.000Z"`:    time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC),
		`"2023-01-01T12:00:00.120Z"`:    time.Date(2023, 1, 1, 12, 0, 0, 120_000_000, time.UTC),
		`"2023-01-01T12:00:00.120001Z"`: time.Date(2023, 1, 1, 12, 0, 0, 120_001_999, time.UTC),
		`"0001-01-01T00:00:00.000Z"`:    time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		`"9999-12-31T23:59:59.999999Z"`: time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
	} {
		assert.Equal(t, want, string(Timestamp(nil, at.UnixMicro())))
	}
}

func FuzzTimestamp(f *testing.F) {
	f.Fuzz(func(t *testing.T, micros int64) {
		at := time.UnixMicro(micros).UTC()
		if year := at.Year(); year < 1 || year > 9999 {
			return
		}
		layout := `"2006-01-02T15:04:05.000Z"`
		if at.Nanosecond()%1_000_000 != 0 {
			layout = `"2006-01-02T15:04:05.000000Z"`
		}
		assert.Equal(t, at.Format(layout), string(Timestamp(nil, micros)))
	})
}
