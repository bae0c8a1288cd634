package main

import (
	"database/sql"
	"errors"
	"fmt"

	_ "github.com/duckdb/duckdb-go/v2" // makes the files

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// events is a SELECT of so many events of a year: one person for every hundred, and
// 8 properties of all types. The times are not in order.
const events = `SELECT
	CASE i %% 4 WHEN 0 THEN 'checkout_completed' WHEN 1 THEN 'signed_up' WHEN 2 THEN 'plan_upgraded' ELSE 'report_exported' END AS event,
	'user_' || (hash(i) %% greatest(%[1]d // 100, 1)) AS distinct_id,
	TIMESTAMP '2025-01-01' + to_milliseconds((hash(i + 1) %% 31536000000)::BIGINT) AS timestamp,
	'plan_' || (i %% 5) AS plan,
	(i %% 977)::INTEGER AS seats,
	(i %% 10000) / 100.0 AS price,
	i %% 3 = 0 AS trial,
	'https://app.example.com/reports/' || (i %% 5000) AS url,
	'campaign ' || (i %% 40) AS campaign,
	['de', 'fr', 'us', 'br', 'in'][i %% 5 + 1] AS country,
	uuid()::VARCHAR AS order_id
FROM range(%[1]d) AS t(i)`

func makeFiles(n int, csv, parquet string) (err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	query := fmt.Sprintf(events, n)
	for _, statement := range []string{
		fmt.Sprintf("COPY (%s) TO %s (FORMAT parquet)", query, duck.Quote(parquet)),
		fmt.Sprintf("COPY (FROM %s) TO %s (FORMAT csv, HEADER)", duck.Quote(parquet), duck.Quote(csv)),
	} {
		if _, err := db.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}
