package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func basic(user, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

// lines posts a body with credentials, and returns the status and the lines.
func (r *running) lines(body string, change ...func(*http.Request)) (int, []string) {
	r.t.Helper()
	if change == nil {
		change = append(change, basic("any", "any"))
	}
	status, answer := r.do(http.MethodPost, "/query", body, change...)
	return status, strings.SplitAfter(answer, "\n")
}

// statement returns the rows of a statement as JSON, after the two lines before
// them, with members of the body besides it.
func (r *running) statement(sql string, members map[string]any) []string {
	r.t.Helper()
	request := map[string]any{"statement": sql}
	for name, value := range members {
		request[name] = value
	}
	body, err := json.Marshal(request)
	require.NoError(r.t, err)
	status, lines := r.lines(string(body))
	require.Equal(r.t, http.StatusOK, status, lines)
	require.Greater(r.t, len(lines), 2, lines)
	require.Empty(r.t, lines[len(lines)-1], "the last line ends too")
	return lines[:len(lines)-1]
}

func metadataOf(t *testing.T, line string) (m map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(line), &m))
	return m
}

const anUUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

func TestStatement(t *testing.T) {
	r := startLocal(t, Config{})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/query",
		strings.NewReader(`{"statement": " SELECT event, 12345678901234567890 AS n FROM altertable.analytics.events; "}`))
	require.NoError(t, err)
	r.post("/track", `{"environment":"production","event":"<a & b>","distinct_id":"u","properties":{}}`)
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.SetBasicAuth("any", "any")
	resp, err := r.http.Do(request)
	require.NoError(t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "application/x-ndjson", resp.Header.Get("Content-Type"))
	assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
	assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))

	lines := strings.Split(string(answer), "\n")
	require.Len(t, lines, 4)
	assert.Regexp(t, `^\{"statement":"SELECT event, 12345678901234567890 AS n FROM altertable.analytics.events;",`+
		`"rows_limit":null,"rows_offset":null,"init_time_ms":[1-9][0-9]*,"connections_errors":\{\},`+
		`"session_id":"`+anUUID+`","query_id":"`+anUUID+`","worker_slug":"altertable-local"\}$`, lines[0])
	assert.Equal(t, `[{"name":"event","type":"VARCHAR"},{"name":"n","type":"DECIMAL(38, 0)"}]`, lines[1])
	assert.Equal(t, `["<a & b>",12345678901234567890]`, lines[2])
	assert.Empty(t, lines[3])

	assert.Len(t, r.statement("SELECT 1 WHERE false", nil), 2, "an empty result has its columns")
	assert.Equal(t, "[null,null]\n", r.statement("SELECT NULL, NULL::VARCHAR", nil)[2])
	assert.Equal(t, `[{"name":"explain_key","type":"VARCHAR"},{"name":"explain_value","type":"VARCHAR"}]`+"\n", r.statement("EXPLAIN SELECT 1", nil)[1])
}

// The queries of the documentation, as its own clients get them.
func TestDocumentedStatements(t *testing.T) {
	r := startLocal(t, Config{})
	assert.Len(t, r.statement(identitiesQuery, nil), 2)
	r.post("/track", `{"environment":"production","event":"signed_up","distinct_id":"`+documentedUser+`","properties":{"seats":5},"timestamp":"2026-01-02T12:00:00.5Z"}`)
	r.post("/identify", `{"environment":"production","distinct_id":"`+documentedUser+`","traits":{"plan":"pro"},"timestamp":"2026-01-02T12:00:01.123456789Z"}`)
	lines := r.statement(identitiesQuery, nil)
	require.Len(t, lines, 3)
	assert.Equal(t, `[{"name":"distinct_id","type":"VARCHAR"},{"name":"email","type":"VARCHAR"},{"name":"plan","type":"VARCHAR"},{"name":"updated_at","type":"TIMESTAMP WITH TIME ZONE"}]`+"\n", lines[1])
	assert.Equal(t, `["`+documentedUser+`",null,"pro","2026-01-02T12:00:01.123456Z"]`+"\n", lines[2])
	lines = r.statement(eventsQuery, nil)
	require.Len(t, lines, 3)
	assert.Equal(t, `["signed_up",{"seats":5},"2026-01-02T12:00:00.500Z",null,"pro"]`+"\n", lines[2])
}

// What is wrong with the SQL is the second line, as the specification has it.
func TestStatementErrors(t *testing.T) {
	r := startLocal(t, Config{})
	for sql, message := range map[string]string{
		"SELEC 1":                               `syntax error at or near "SELEC"`,
		"SELECT * FROM nothing_here":            "Catalog Error: Table with name nothing_here does not exist!",
		"DROP VIEW altertable.analytics.events": "only one SELECT",
		"SELECT 1; SELECT 2":                    "only one SELECT",
		"":                                      "only one SELECT",
		"SELECT error('line\nbreak \u2028')::VARCHAR": "line\nbreak \u2028",
		"SELECT 'x'::INTEGER":                         "Could not convert",
	} {
		for _, members := range []map[string]any{nil, {"offset": 3}, {"limit": 0}} {
			if strings.HasPrefix(sql, "SELECT ") && members != nil {
				continue // what is not read is not computed
			}
			lines := r.statement(sql, members)
			require.Len(t, lines, 2, sql)
			assert.Equal(t, strings.TrimSpace(sql), metadataOf(t, lines[0])["statement"])
			var second map[string]string
			require.NoError(t, json.Unmarshal([]byte(lines[1]), &second))
			require.Len(t, second, 1)
			assert.Contains(t, second["error"], message)
		}
	}
}

func TestStatementRequests(t *testing.T) {
	r := startLocal(t, Config{})
	for _, tt := range []struct {
		body   string
		status int
		text   string
	}{
		{``, 400, "not a JSON object"},
		{`nope`, 400, "not a JSON object"},
		{`[]`, 400, "not a JSON object"},
		{`"statement"`, 400, "not a JSON object"},
		{`{"statement": "SELECT 1"} x`, 400, "not a JSON object"},
		{`{}`, 400, `expected {"statement": "..."}`},
		{`null`, 400, `expected {"statement": "..."}`},
		{`{"statement": null}`, 400, `expected {"statement": "..."}`},
		{`{"statement": 1}`, 400, `expected {"statement": "..."}`},
		{`{"STATEMENT": "SELECT 1"}`, 400, `expected {"statement": "..."}`},
		{`{"statement": "SELECT 1", "sql": "SELECT 2"}`, 400, "not both"},
		{`{"statement": "SELECT 1", "sql": 1}`, 400, "not both"},
		{`{"statement": "SELECT '\u0000'"}`, 400, "NUL"},
		{"{\"statement\": \"SELECT '\xff'\"}", 400, "not UTF-8"},
		{`{"statement": "SELECT '` + strings.Repeat("x", 256<<10) + `'"}`, 413, "256 KiB"},
	} {
		status, lines := r.lines(tt.body)
		assert.Equal(t, tt.status, status, tt.body)
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], tt.text)
		assert.NotContains(t, lines[0], "{\"error\"", "text, which is what the clients show")
	}
	status, lines := r.lines(`{"statement": "SELECT 1", "sql": null}`)
	assert.Equal(t, http.StatusOK, status, lines)
	long := `{"statement": "SELECT length('` + strings.Repeat("x", 255<<10) + `')"}`
	status, lines = r.lines(long)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, fmt.Sprintf("[%d]\n", 255<<10), lines[2])
	status, lines = r.lines(`{"statement": "SELECT 1"}`, basic("u", "p"), func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") })
	assert.Equal(t, http.StatusUnsupportedMediaType, status)
	assert.Equal(t, []string{"expected Content-Type: application/json"}, lines)
}

// A line is a line to every client: to the official Python one too, which takes
// more characters for the end of one than JSON escapes.
func TestStatementLines(t *testing.T) {
	r := startLocal(t, Config{})
	const ends = "\u0085\u2028\u2029\r\n\v\f\x1c\x1d\x1e"
	encoded, err := json.Marshal("SELECT '" + ends + "' AS \"" + ends + "\", json_object('k', '" + ends + "'), '{\n\"a\":\n1}'::JSON")
	require.NoError(t, err)
	status, answer := r.do(http.MethodPost, "/query", `{"statement": `+string(encoded)+`}`, basic("u", "p"))
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, 3, strings.Count(answer, "\n"))
	assert.NotContains(t, answer, "\u0085")
	assert.False(t, strings.ContainsAny(strings.ReplaceAll(answer, "\n", ""), ends))
	var row []any
	require.NoError(t, json.Unmarshal([]byte(strings.Split(answer, "\n")[2]), &row))
	assert.Equal(t, []any{ends, map[string]any{"k": ends}, map[string]any{"a": 1.0}}, row)
}

// What was cut does not look complete.
func TestStatementWithTooManyRows(t *testing.T) {
	r := startLocal(t, Config{})
	lines := r.statement("FROM range(10001)", nil)
	require.Len(t, lines, 2+10_000+1)
	assert.Equal(t, "[9999]\n", lines[10_001])
	assert.Contains(t, lines[10_002], `{"error":"there are more rows`)
	assert.Len(t, r.statement("FROM range(10000)", nil), 2+10_000)

	lines = r.statement("SELECT repeat('x', 1000000) FROM range(45)", nil)
	assert.Less(t, len(lines), 60)
	assert.Contains(t, lines[len(lines)-1], `{"error":"there are more rows`)
	lines = r.statement("SELECT repeat('x', 1000000) FROM range(45)", map[string]any{"limit": 100})
	assert.Contains(t, lines[len(lines)-1], `{"error":"there are more rows`, "within the limit")
	lines = r.statement("SELECT repeat('x', 1000000) FROM range(45)", map[string]any{"offset": 35, "limit": 100})
	assert.Len(t, lines, 2+10)
}

// A client that leaves takes its query with it.
func TestStatementOfAClientThatLeaves(t *testing.T) {
	r := startLocal(t, Config{})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err := statement{text: "SELECT 1"}.run(ctx, r.database)
	var refused *sqlError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "canceled", refused.Code)

	for range 2 * readers {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		require.NoError(t, err)
		_, err = io.WriteString(conn, request(`{"statement": "SELECT max(hash(range)) FROM range(2000000000)"}`))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	assert.Equal(t, "[1]\n", r.statement("SELECT 1", nil)[2])

	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://")) // leaves in the middle of the rows
	require.NoError(t, err)
	_, err = io.WriteString(conn, request(`{"statement": "SELECT repeat('x', 100000) FROM range(50)"}`))
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, "200 OK")
	require.NoError(t, conn.Close())
	assert.Equal(t, "[1]\n", r.statement("SELECT 1", nil)[2])
}

func request(body string) string {
	return fmt.Sprintf("POST /query HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic dTpw\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestStatementsAtOnce(t *testing.T) {
	r := startLocal(t, Config{})
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			for i := range 5 {
				body := fmt.Sprintf(`{"statement": "SELECT %d, %d FROM range(1000)", "offset": %d}`, n, i, n)
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/query", bytes.NewBufferString(body))
				if !assert.NoError(t, err) {
					return
				}
				request.Header.Set("Content-Type", "application/json")
				request.SetBasicAuth("u", "p")
				resp, err := r.http.Do(request)
				if !assert.NoError(t, err) {
					return
				}
				answer, err := io.ReadAll(resp.Body)
				assert.NoError(t, err)
				assert.NoError(t, resp.Body.Close())
				assert.Equal(t, 1000-n, strings.Count(string(answer), fmt.Sprintf("\n[%d,%d]", n, i)))
			}
		})
	}
	all.Wait()
}

// A slow reader has a minute for each part, not for all of them.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

func TestStatementOfASlowReader(t *testing.T) {
	w := &deadlines{ResponseWriter: httptest.NewRecorder()}
	out := newLines(w)
	for range 10 {
		out.write(strings.Repeat("x", 50<<10))
	}
	out.flush()
	require.GreaterOrEqual(t, len(w.set), 8)
	for _, deadline := range w.set {
		assert.WithinDuration(t, time.Now().Add(time.Minute), deadline, 30*time.Second)
	}
}

// Nobody encodes rows that nobody reads.
type gone struct {
	http.ResponseWriter
	writes int
}

func (g *gone) Write([]byte) (int, error) {
	g.writes++
	return 0, net.ErrClosed
}

func TestLinesThatNobodyReads(t *testing.T) {
	w := &gone{ResponseWriter: httptest.NewRecorder()}
	out := newLines(w)
	for range 10 {
		out.write(strings.Repeat("x", 100<<10))
	}
	assert.NotPanics(t, func() { out.write(func() {}) }, "it is not even encoded")
	out.flush()
	assert.ErrorIs(t, out.err, net.ErrClosed)
	assert.Equal(t, 1, w.writes)
}
