// Package bigfile makes large files of events, for tests and benchmarks. The same
// number of rows is the same data in every run and format.
package bigfile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

// A row is an event of one of 50,000 people. The times are not in order, as in
// the exports of most tools. The number n is in every row, and in no two.
const events = `SELECT
	(['page_viewed', 'checkout_completed', 'plan_upgraded', 'signed_up'])[1 + i %% 4] AS event,
	'person_' || (i * 7919) %% 50000 AS distinct_id,
	strftime(make_timestamp(1700000000000000 + (i * 104729) %% 31536000000 * 1000), '%%Y-%%m-%%dT%%H:%%M:%%S.%%gZ') AS timestamp,
	i AS n,
	(i * 31) %% 97 AS seats,
	((i * 17) %% 100000) / 100 AS amount,
	(['free', 'team', 'business'])[1 + i %% 3] AS plan,
	i %% 5 = 0 AS trial,
	'/products/' || (i * 13) %% 4000 AS path,
	(['DE', 'FR', 'JP', 'BR', 'US', 'KE', 'IN'])[1 + i %% 7] AS country,
	md5(i::VARCHAR) AS token
FROM range(%d) AS rows(i)`

// Events writes a file of rows events with eight properties. Its name says what it
// is: .csv, .tsv, .ndjson, .json (one array) or .parquet, and behind that of a text
// file perhaps .gz or .zst.
func Events(ctx context.Context, path string, rows int64) error {
	return write(ctx, path, rows)
}

// Query is the SELECT of DuckDB that has the rows of Events.
func Query(rows int64) string { return fmt.Sprintf(events, rows) }

// EventsOfSize writes a file of about so many bytes, and returns how many rows it
// has. The file that is there afterwards may be a tenth smaller or larger.
func EventsOfSize(ctx context.Context, path string, bytes int64) (rows int64, err error) {
	const sample = 200_000 // two row groups of Parquet
	if err := Events(ctx, path, sample); err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if info.Size() == 0 {
		return 0, errors.New("the sample is empty")
	}
	rows = max(1, int64(float64(bytes)/float64(info.Size())*sample))
	return rows, Events(ctx, path, rows)
}

func write(ctx context.Context, path string, rows int64) (err error) {
	format, err := options(path)
	if err != nil {
		return err
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, fmt.Sprintf("COPY (%s) TO '%s' (%s)", Query(rows), strings.ReplaceAll(path, "'", "''"), format))
	return err
}

// options are those of COPY for a file of that name.
func options(path string) (string, error) {
	name, compression := strings.ToLower(filepath.Base(path)), ""
	if base, ok := strings.CutSuffix(name, ".gz"); ok {
		name, compression = base, ", COMPRESSION gzip"
	} else if base, ok := strings.CutSuffix(name, ".zst"); ok {
		name, compression = base, ", COMPRESSION zstd"
	}
	formats := map[string]string{
		".csv": "FORMAT csv, HEADER", ".tsv": `FORMAT csv, HEADER, DELIMITER '\t'`,
		".ndjson": "FORMAT json", ".json": "FORMAT json, ARRAY", ".parquet": "FORMAT parquet",
	}
	format, ok := formats[filepath.Ext(name)]
	if !ok || compression != "" && format == formats[".parquet"] {
		return "", fmt.Errorf("no format is known for the name %s", filepath.Base(path))
	}
	return format + compression, nil
}
