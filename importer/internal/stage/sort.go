package stage

import (
	"fmt"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// The table sorted has, besides the mapping's columns c0, c1 and so on:
//
//	rank          the endpoint's rank in the order of sending; 0: refused already
//	stamp         the timestamp in microseconds since 1970
//	bad_time      the text of a timestamp that is none
//	row, file     where the row is from
//	reason, raw   of a refused row
//	hash          of all that makes the row's content
//	size          about how many bytes it has
//	person, zone (the environment), endpoint: of JSON alone
//
// Its rowid is the row's position.

// sortSQL makes the table. Equal tracks are neighbours, as they are numbered:
// rows at the same instant are sorted by their hash. The others keep the order of
// the source.
func (sh *shape) sortSQL(o Options, torn bool) string {
	kept := sh.rows(o)
	if torn {
		kept += "\nUNION ALL BY NAME\nSELECT 0 AS rank, row, file, coalesce(reason, 'it cannot be read') AS reason, line AS raw, " +
			"hash(line, reason) AS hash, coalesce(strlen(line), 0) AS size, rowid - (1::BIGINT << 60) AS seq FROM torn"
	}
	// A NULL costs a sort as much as a value does.
	nulls := ""
	for _, role := range []message.Role{message.File, message.Reason, message.Raw} {
		if !torn && !sh.has(role) {
			nulls += ", NULL::VARCHAR AS " + ownNames[role]
		}
	}
	return "CREATE TABLE sorted AS SELECT *" + nulls + " FROM (SELECT * EXCLUDE (seq) FROM (\n" + kept + "\n) ORDER BY " + sortKey + ")"
}

// sortKey is rank, stamp with NULLs at the end, hash for tracks, and seq. In
// 24 bytes, and one more for each value that may be NULL, a key needs no memory
// besides the row's. What is cut off of the hash and of seq decides nothing.
var sortKey = fmt.Sprintf("rank * (1::BIGINT << 61) + CASE WHEN rank > 0 THEN coalesce(stamp - %d, 1::BIGINT << 60) ELSE 0 END, ", int64(record.FirstTime)) +
	"CASE WHEN rank = 3 THEN (hash >> 1)::BIGINT ELSE seq END, " +
	"(CASE WHEN rank = 3 THEN seq ELSE (hash >> 1)::BIGINT END & 4294967295)::UINTEGER"

// rows are those of the mapping with all columns of the table.
func (sh *shape) rows(o Options) string {
	from := "(SELECT " + sh.seq() + " AS seq, * FROM " + sh.from() + ")"
	if paths := sh.paths(); paths != "" {
		from = "(SELECT *, TRY(json_extract_string(" + sh.column(message.JSON) + ", " + paths + ")) AS members FROM " + from + ")"
	}
	at, time := sh.time()
	badTime := "CASE WHEN stamp IS NULL THEN " + time + " END"
	from = at.layers(from)
	from = "(SELECT *, " + sh.rank() + " AS rank FROM " + from + ")"

	columns := []string{"seq", "stamp", badTime + " AS bad_time"}
	columns = append(columns, sh.origin()...)
	content := []string{"stamp", "rank", badTime}
	for i, c := range sh.columns {
		name := column(i)
		switch c.Role {
		case message.Number, message.File, message.Timestamp:
			continue
		case message.Reason, message.Raw:
			content = append(content, name)
			continue
		}
		columns = append(columns, value(c, name)+" AS "+name)
		content = append(content, hashed(c, name))
	}
	if sh.has(message.JSON) {
		columns = append(columns, sh.person()+" AS person", sh.zone()+" AS zone", sh.endpoint()+" AS endpoint")
	}
	reason := sh.column(message.Reason)
	if reason == "" {
		reason = "NULL"
	}
	columns = append(columns,
		"CASE WHEN "+reason+" IS NULL THEN rank ELSE 0 END::UTINYINT AS rank",
		"hash("+strings.Join(content, ", ")+") AS hash", sh.bytes()+" AS size")
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + from + sh.where(o)
}

// seq is the order of the source. Numbering the rows of a query keeps DuckDB from
// running it on several threads, so the rows' own numbers are taken where they
// are those of the whole source.
func (sh *shape) seq() string {
	if sh.has(message.Number) && !sh.has(message.File) && isInteger(sh.columns[sh.role[message.Number]].Type) {
		return sh.column(message.Number) + "::BIGINT"
	}
	return "row_number() OVER ()"
}

// origin says where a row is from, and why it is refused.
func (sh *shape) origin() []string {
	row := "seq"
	if c := sh.column(message.Number); c != "" {
		row = "coalesce(TRY_CAST(" + c + " AS BIGINT), seq)"
	}
	columns := []string{row + " AS row"}
	for _, role := range []message.Role{message.File, message.Reason, message.Raw} {
		if c := sh.column(role); c != "" {
			columns = append(columns, c+"::VARCHAR AS "+ownNames[role])
		}
	}
	return columns
}

// where leaves rows out. What has no timestamp is not left out by one: it is
// refused, or gets the time of sending.
func (sh *shape) where(o Options) string {
	var conditions []string
	if o.Only != nil {
		var ranks []string
		for rank, endpoint := range endpoints {
			if rank == 0 || o.Only[endpoint] {
				ranks = append(ranks, fmt.Sprint(rank))
			}
		}
		conditions = append(conditions, "rank IN ("+strings.Join(ranks, ", ")+")")
	}
	bound := func(comparison string, t time.Time) {
		if !t.IsZero() {
			conditions = append(conditions, fmt.Sprintf("(stamp IS NULL OR stamp %s %d)", comparison, t.UnixMicro()))
		}
	}
	bound(">=", o.Since)
	bound("<", o.Until)
	if conditions == nil {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// column is that of a role, or "".
func (sh *shape) column(role message.Role) string {
	if i, ok := sh.role[role]; ok {
		return column(i)
	}
	return ""
}

// rank is that of the row's own endpoint, and where it names none that of as.
func (sh *shape) rank() string {
	endpoint := sh.endpoint()
	if endpoint == "" {
		return fmt.Sprint(rankOf(sh.as))
	}
	sql := "CASE coalesce(" + endpoint + ", " + duck.Quote(sh.as) + ")"
	for rank, name := range endpoints[1:] {
		sql += fmt.Sprintf(" WHEN %s THEN %d", duck.Quote(name), rank+1)
	}
	return sql + " ELSE 0 END"
}
