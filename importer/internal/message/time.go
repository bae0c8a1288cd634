package message

import (
	"strconv"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// appendTime appends a DATE, a TIME or a TIMESTAMP, as ISO 8601.
func appendTime(dst []byte, t time.Time, kind duckdb.Type) ([]byte, string) {
	switch kind {
	case duckdb.TYPE_TIME:
		return t.AppendFormat(dst, `"15:04:05.999999999"`), ""
	case duckdb.TYPE_TIME_TZ:
		return t.AppendFormat(dst, `"15:04:05.999999999Z07:00"`), ""
	}
	t = t.UTC()
	if year := t.Year(); year < 1 || year > 9999 { // infinity too
		return append(dst, "null"...), outOfYears
	}
	switch {
	case kind == duckdb.TYPE_DATE:
		return t.AppendFormat(dst, `"2006-01-02"`), ""
	case t.Nanosecond()%1000 != 0:
		return t.AppendFormat(dst, `"2006-01-02T15:04:05.000000000Z"`), ""
	}
	return encode.Timestamp(dst, t.UnixMicro()), ""
}

// appendInterval appends an ISO 8601 duration. DuckDB keeps months, days and
// microseconds apart: a day may have 23 hours. Each part has its own sign.
func appendInterval(dst []byte, v duckdb.Interval) []byte {
	dst = append(dst, 'P')
	begin := len(dst)
	dst = appendPart(dst, int64(v.Months)/12, 'Y')
	dst = appendPart(dst, int64(v.Months)%12, 'M')
	dst = appendPart(dst, int64(v.Days), 'D')
	if v.Micros == 0 && len(dst) > begin {
		return dst
	}
	dst = append(dst, 'T')
	begin = len(dst)
	const minute, hour = 60e6, 3600e6
	dst = appendPart(dst, v.Micros/hour, 'H')
	dst = appendPart(dst, v.Micros%hour/minute, 'M')
	micros := v.Micros % minute
	if micros == 0 && len(dst) > begin {
		return dst
	}
	if micros < 0 {
		dst, micros = append(dst, '-'), -micros
	}
	dst = strconv.AppendFloat(dst, float64(micros)/1e6, 'f', -1, 64)
	return append(dst, 'S')
}

func appendPart(dst []byte, n int64, unit byte) []byte {
	if n == 0 {
		return dst
	}
	return append(strconv.AppendInt(dst, n, 10), unit)
}
