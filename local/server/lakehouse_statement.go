package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A statement is what the platform's clients ask for.
type statement struct {
	text          string
	limit, offset *uint64
	sessionID     string
	queryID       string
	elsewhere     string // why it cannot be run here, or empty
}

// parseStatement takes the members that the platform knows. It ignores those
// that change nothing here. What would change the answer and is not here is no
// bad request, but an error of the query, as it is there of a catalog that does
// not exist.
func parseStatement(body queryBody) (statement, *refusal) {
	text, refused := body.text("statement")
	if refused != nil {
		return statement{}, refused
	}
	p := members{body: body}
	q := statement{
		text:      text,
		limit:     p.count("limit"),
		offset:    p.count("offset"),
		sessionID: p.string("session_id"),
		queryID:   strings.ToLower(p.string("query_id")),
	}
	if absent := p.absent("format", "default"); absent != "" {
		p.refuse(absent) // there is no other form of an error either
	}
	q.elsewhere = cmp.Or(p.absent("catalog", "altertable"), p.absent("schema", "analytics"),
		p.absent("dialect", "duckdb"), p.absent("timezone", "UTC", "Etc/UTC"))
	for _, name := range []string{"requested_by", "compute_size"} {
		p.string(name)
	}
	for _, name := range []string{"visible", "sanitize", "ephemeral", "cache"} {
		p.bool(name)
	}
	if q.sessionID == "" {
		q.sessionID = newUUID()
	}
	if !uuid.MatchString(q.queryID) {
		q.queryID = newUUID()
	}
	return q, p.refused
}

// members reads a body's members. The first that is wrong refuses it.
type members struct {
	body    queryBody
	refused *refusal
}

func (m *members) refuse(message string) {
	if m.refused == nil {
		m.refused = badRequest(message)
	}
}

func (m *members) string(name string) (value string) {
	if m.body.has(name) && json.Unmarshal(m.body[name], &value) != nil {
		m.refuse(name + " must be a string")
	}
	return value
}

func (m *members) bool(name string) {
	var value bool
	if m.body.has(name) && json.Unmarshal(m.body[name], &value) != nil {
		m.refuse(name + " must be true or false")
	}
}

func (m *members) count(name string) *uint64 {
	if !m.body.has(name) {
		return nil
	}
	n, err := strconv.ParseUint(string(m.body[name]), 10, 63)
	if err != nil {
		m.refuse(name + " must be a whole number, 0 or more")
	}
	return &n
}

// absent returns what to say of another value than those that exist here, of
// which the first is the default.
func (m *members) absent(name string, values ...string) string {
	value := m.string(name)
	if value == "" || slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, value) }) {
		return ""
	}
	return fmt.Sprintf("altertable-local has no %s other than %s", name, values[0])
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// run returns the rows from the offset on, limit of them at most. The result is
// truncated if rows are missing that were asked for.
func (q statement) run(ctx context.Context, d *database) (*result, error) {
	if q.elsewhere != "" {
		return nil, &sqlError{"bad-request", q.elsewhere}
	}
	text, skip := q.text, uint64(0)
	if q.offset != nil && *q.offset > 0 {
		// The database answers so many rows and no more: it has to skip the others.
		if table := canonical(ctx, d, q.text); table != "" {
			text = fmt.Sprintf("SELECT * FROM (%s) LIMIT %d OFFSET %d", table, maxRows+1, *q.offset)
		} else {
			skip = *q.offset
		}
	}
	found, err := d.query(ctx, text)
	if err != nil {
		return nil, err
	}
	found.Rows = found.Rows[min(skip, uint64(len(found.Rows))):]
	if q.limit != nil && *q.limit <= uint64(len(found.Rows)) {
		found.Rows, found.Truncated = found.Rows[:*q.limit], false
	}
	return found, nil
}

// canonical returns a SELECT as DuckDB itself writes it, without a semicolon or
// a comment at the end, so that it can stand in another. It returns nothing for
// what is not one SELECT.
func canonical(ctx context.Context, d *database, text string) string {
	found, err := d.query(ctx, `SELECT CASE WHEN json_array_length(tree, '$.statements') = 1 THEN json_deserialize_sql(tree) END
		FROM (SELECT json_serialize_sql(`+literal(text)+`) AS tree)`)
	var written string
	if err != nil || json.Unmarshal(found.Rows[0][0], &written) != nil {
		return ""
	}
	return written
}
