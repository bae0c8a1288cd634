package stage

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

var eventID = regexp.MustCompile(`"\$event_id":"([^"]+)"`)

// ids are the $event_ids of rows.
func ids(t testing.TB, rows []record.Row) (list []string) {
	t.Helper()
	for _, row := range rows {
		found := eventID.FindSubmatch(row.Message)
		require.NotNil(t, found)
		list = append(list, string(found[1]))
	}
	return list
}

const fewInstants = `SELECT (range + 1)::BIGINT AS _row, ['signed_up', 'plan_upgraded'][1 + range %% 2] AS event, 'u' || (range %% 3)::VARCHAR AS distinct_id,
	TIMESTAMP '2026-01-01' + to_days((range %% 2)::INTEGER) AS timestamp FROM range(%d)`

func TestIDsAreTheSameFromEveryPosition(t *testing.T) {
	s := build(t, fmt.Sprintf(fewInstants, 60), Options{})
	s.chunkBytes = 700 // about seven rows
	all := ids(t, read(t, s, 0))
	distinct := map[string]bool{}
	for _, id := range all {
		distinct[id] = true
	}
	require.Len(t, distinct, len(all))
	for position := range s.Messages {
		require.Equal(t, all[position:], ids(t, read(t, s, position)))
	}
	s.chunkBytes = chunkBytes
	require.Equal(t, all, ids(t, read(t, s, 0)))
}

func TestIDsDoNotDependOnTheOrderOfTheSource(t *testing.T) {
	query := fmt.Sprintf(fewInstants, 3000)
	forward := ids(t, read(t, build(t, query, Options{}), 0))
	backward := ids(t, read(t, build(t, "SELECT * FROM ("+query+") ORDER BY _row DESC", Options{}), 0))
	assert.ElementsMatch(t, forward, backward)
}

// DuckDB takes zeros of both signs for equal, and so on; their rows are not.
func TestIDsOfRowsThatAreEqualForDuckDBAlone(t *testing.T) {
	for _, value := range []string{"CASE WHEN range % 2 = 0 THEN -0.0::DOUBLE ELSE 0.0 END", "CASE WHEN range % 2 = 0 THEN INTERVAL 1 MONTH ELSE INTERVAL 30 DAYS END",
		"{'a': [CASE WHEN range % 2 = 0 THEN -0.0::FLOAT ELSE 0.0 END]}"} {
		s := build(t, "SELECT range AS _row, 'signed_up' AS event, 'u1' AS distinct_id, '2026-01-01' AS timestamp, "+value+" AS x FROM range(6)", Options{})
		distinct := map[string]bool{}
		for _, id := range ids(t, read(t, s, 0)) {
			distinct[id] = true
		}
		assert.Len(t, distinct, 6, value)
	}
}

func TestChunksFollowOneAnother(t *testing.T) {
	s := build(t, fmt.Sprintf(fewInstants, chunkRows+5), Options{})
	for from, want := range map[int64]chunk{0: {0, chunkRows}, 5: {5, chunkRows + 5}, chunkRows: {chunkRows, chunkRows + 5}, chunkRows + 5: {chunkRows + 5, chunkRows + 5}} {
		c, err := s.chunk(t.Context(), from)
		require.NoError(t, err)
		assert.Equal(t, want, c)
	}
	assert.Len(t, read(t, s, chunkRows-5), 10)
	assert.Len(t, read(t, s, chunkRows+4), 1)
	assert.Empty(t, read(t, s, chunkRows+5))
	assert.Empty(t, read(t, s, -1))
}

func TestFewRows(t *testing.T) {
	for _, n := range []int{0, 1} {
		s := build(t, fmt.Sprintf(fewInstants, n), Options{})
		assert.Len(t, read(t, s, 0), n)
		assert.Equal(t, int64(n), s.Messages)
		_, err := s.Digest(context.Background(), s.Messages)
		require.NoError(t, err)
	}
}

func TestHugeRowsAreReadOneByOne(t *testing.T) {
	s := build(t, fmt.Sprintf(`SELECT range + 1 AS _row, 'u' || range AS distinct_id, repeat('x', CASE WHEN range %% 10 = 3 THEN %d ELSE 1 END) AS note FROM range(60)`, 3<<20), Options{})
	s.chunkBytes = 4 << 20
	require.NoError(t, s.Read(context.Background(), 0, func(rows []record.Row) error {
		bytes := 0
		for _, row := range rows {
			bytes += len(row.Message)
		}
		require.Less(t, bytes, 5<<20)
		return nil
	}))
	assert.Equal(t, int64(60), order(read(t, s, 0))[59])
}

func TestAReadEndsWithWhatYieldReturns(t *testing.T) {
	s := build(t, fmt.Sprintf(fewInstants, 500), Options{})
	s.chunkBytes = 500
	full := errors.New("full")
	calls := 0
	err := s.Read(context.Background(), 0, func([]record.Row) error {
		if calls++; calls == 3 {
			return full
		}
		return nil
	})
	require.ErrorIs(t, err, full)
	assert.Equal(t, 3, calls)
	assert.Len(t, read(t, s, 0), 500)
}

func TestAReadEndsWithItsContext(t *testing.T) {
	s := build(t, fmt.Sprintf(fewInstants, 500), Options{})
	s.chunkBytes = 500
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Read(ctx, 0, func([]record.Row) error { cancel(); return nil })
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Read(ctx, 0, func([]record.Row) error { return nil }), context.Canceled)
	assert.Len(t, read(t, s, 0), 500)
}

func TestAPanicOfYieldIsTheCallers(t *testing.T) {
	s := build(t, fmt.Sprintf(fewInstants, 500), Options{})
	s.chunkBytes = 500
	assert.Panics(t, func() { _ = s.Read(context.Background(), 0, func([]record.Row) error { panic("yield") }) })
	assert.Len(t, read(t, s, 0), 500)
}

func TestARowThatPanicsIsRefused(t *testing.T) {
	s := build(t, fmt.Sprintf(fewInstants, 5), Options{})
	s.mapper = nil
	rows := read(t, s, 0)
	require.Len(t, rows, 5)
	assert.Equal(t, reasonPanic, rows[4].Reason)
	assert.NotZero(t, rows[4].Number)
	s.shape.values = []string{"1"}
	err := s.Read(context.Background(), 0, func([]record.Row) error { return nil })
	require.ErrorContains(t, err, "bug")
}

func TestAReadSaysThatTheDatabaseIsGone(t *testing.T) {
	db := openSource(t, fmt.Sprintf(fewInstants, 5))
	s := buildIn(t, db, Options{})
	exec(t, db, "DROP TABLE sorted")
	require.Error(t, s.Read(context.Background(), 0, func([]record.Row) error { return nil }))
	require.NoError(t, db.DB.Close())
	require.Error(t, s.Read(context.Background(), 0, func([]record.Row) error { return nil }))
}

// Rows of which DuckDB's 2,048 do not fit its memory are sorted and read all the same.
func TestThousandsOfLongRows(t *testing.T) {
	const rows, size = 4096, 20_000
	for name, query := range map[string]string{
		"columns": "SELECT range::BIGINT + 1 AS _row, 'signed_up' AS event, 'u' || range AS distinct_id, TIMESTAMP '2026-01-01' - to_seconds(range) AS timestamp, repeat(md5(range::VARCHAR), %[2]d // 32) AS text FROM range(%[1]d)",
		"JSON":    `SELECT range::BIGINT + 1 AS _row, '{"event":"signed_up","timestamp":"2026-01-01","distinct_id":"u' || range || '","text":"' || repeat(md5(range::VARCHAR), %[2]d // 32) || '"}' AS _json FROM range(%[1]d)`,
	} {
		db := openSource(t, fmt.Sprintf(query, rows, size))
		exec(t, db, "SET GLOBAL memory_limit = '30MB'")
		s := buildIn(t, db, Options{As: "track"})
		exec(t, db, "SET GLOBAL memory_limit = '30MB'") // as if the sort had just fitted
		n := 0
		require.NoError(t, s.Read(t.Context(), 0, func(read []record.Row) error {
			n += len(read)
			for _, row := range read {
				require.Empty(t, row.Reason, name)
				require.Greater(t, len(row.Message), size, name)
			}
			return nil
		}), name)
		assert.Equal(t, rows, n, name)
	}
}
