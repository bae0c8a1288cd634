package stage

import (
	"fmt"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// An instant is SQL for a timestamp: that of a time, in microseconds since 1970,
// and where this is NULL that of a number. Either may be empty.
type instant struct{ time, number string }

// instantOf returns false for types that are no timestamp. Without a zone a
// timestamp is in UTC.
func instantOf(t duckdb.TypeInfo, name string) (instant, bool) {
	switch t.InternalType() {
	case duckdb.TYPE_TIMESTAMP, duckdb.TYPE_TIMESTAMP_TZ, duckdb.TYPE_TIMESTAMP_S, duckdb.TYPE_TIMESTAMP_MS, duckdb.TYPE_TIMESTAMP_NS:
		return instant{time: "epoch_us(" + name + ")"}, true
	case duckdb.TYPE_DATE:
		return instant{time: "epoch_us(TRY_CAST(" + name + " AS TIMESTAMP))"}, true
	case duckdb.TYPE_TINYINT, duckdb.TYPE_SMALLINT, duckdb.TYPE_INTEGER, duckdb.TYPE_BIGINT, duckdb.TYPE_UTINYINT,
		duckdb.TYPE_USMALLINT, duckdb.TYPE_UINTEGER, duckdb.TYPE_UBIGINT, duckdb.TYPE_HUGEINT, duckdb.TYPE_UHUGEINT,
		duckdb.TYPE_FLOAT, duckdb.TYPE_DOUBLE, duckdb.TYPE_DECIMAL:
		return instant{number: decimal(name)}, true
	case duckdb.TYPE_VARCHAR, duckdb.TYPE_ENUM:
		return textInstant(name + "::VARCHAR"), true
	}
	return instant{}, false
}

// textInstant reads ISO 8601, and numbers: DuckDB takes no text for a time that
// is digits alone. A text with the name of a zone is cast apart from all others:
// DuckDB takes that zone for those that follow and have none.
func textInstant(name string) instant {
	text := "trim(" + name + ")"
	matches := func(pattern string) string { return "regexp_matches(" + text + ", '" + pattern + "')" }
	cast := func(condition, text string) string {
		return "TRY_CAST(CASE WHEN " + condition + " THEN " + text + " END AS TIMESTAMPTZ)"
	}
	plain := "NOT " + matches(inZone+"|"+noOffset)
	full := "regexp_replace(regexp_replace(" + text + ", '" + spacedOffset + "', '\\1'), '" + noSeconds + "', '\\1:00\\2')"
	return instant{time: "epoch_us(coalesce(" + cast(plain, text) + ", " + cast(matches(inZone), text) + ", " + cast(plain, full) + "))", number: decimal(text)}
}

const (
	// offset is one as ISO 8601 writes it.
	offset = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
	// spacedOffset is that of "2026-03-04 10:00:00 +0100", as many programs write
	// it, and noSeconds that of "2026-03-04T10:00Z", as Java does. DuckDB takes
	// neither.
	spacedOffset = " " + offset
	noSeconds    = "([T ][0-9]{2}:[0-9]{2})" + offset
	// noOffset is what DuckDB takes for one, although no place has it: 16 hours or
	// more, or 60 minutes. It would move the time by days.
	noOffset = ":[0-9.]+ ?[+-](1[6-9]|[2-9][0-9]|[0-9]{2}:?[6-9][0-9]|[0-9]{2}:[0-9]{2}:[6-9][0-9])[0-9:]*$"
	// inZone are letters that ISO 8601 has not, and each name of a zone has.
	inZone = "[A-SU-Ya-su-y]"
)

// decimal keeps the digits behind the point, which a float has no room for.
func decimal(name string) string { return "TRY_CAST(" + name + " AS DECIMAL(28, 9))" }

// scaled brings the column number to microseconds. A number is one of seconds
// below 1e11, of milliseconds below 1e14, of microseconds below 1e17, and of
// nanoseconds from there: in each unit that is from March 1973 to the year 5138.
// The sign does not matter. Eight digits are more likely a date as 20260304 than
// a second of the years 1970 to 1973, and nobody would see which one was meant.
func scaled() string {
	within := func(bound int64) string { return fmt.Sprintf("number > -%d AND number < %d", bound, bound) }
	return fmt.Sprintf("CASE WHEN number BETWEEN 10000000 AND 99999999 THEN NULL WHEN %s THEN TRY_CAST(floor(number * 1000000) AS BIGINT) WHEN %s THEN TRY_CAST(floor(number * 1000) AS BIGINT) "+
		"WHEN %s THEN TRY_CAST(floor(number) AS BIGINT) ELSE TRY_CAST(number AS BIGINT) // 1000 END", within(1e11), within(1e14), within(1e17))
}

// layers adds the column stamp to an inner query. Each step is a query of its own:
// DuckDB would work out a repeated expression again for each branch of a CASE.
func (i instant) layers(from string) string {
	time, number := "NULL::BIGINT", "NULL::DECIMAL(28, 9)"
	if i.time != "" {
		time = i.time
	}
	if i.number != "" {
		number = i.number
	}
	from = "(SELECT *, " + time + " AS time FROM " + from + ")"
	from = "(SELECT *, CASE WHEN time IS NULL THEN " + number + " END AS number FROM " + from + ")"
	from = "(SELECT *, coalesce(time, " + scaled() + ") AS instant FROM " + from + ")"
	return fmt.Sprintf("(SELECT *, CASE WHEN instant BETWEEN %d AND %d THEN instant END AS stamp FROM %s)", int64(record.FirstTime), int64(record.LastTime), from)
}
