package stage

import (
	"context"
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

var benchRows = flag.Int("rows", 20_000, "rows of a benchmark")

// history is n events of eight properties.
func history(n int) string {
	return fmt.Sprintf(`SELECT (range + 1)::BIGINT AS _row,
		['signed_up', 'plan_upgraded', 'checkout_completed', 'page_viewed'][1 + range %% 4] AS event,
		'user_' || (hash(range) %% 50000)::VARCHAR AS distinct_id,
		TIMESTAMP '2025-01-01' + to_seconds((hash(range + 1) %% 31536000)::BIGINT) AS timestamp,
		'pro' AS plan, (range %% 100)::INTEGER AS seats, (range %% 977) / 10 AS amount, range %% 3 = 0 AS trial,
		'https://example.com/page/' || (range %% 500)::VARCHAR AS url, 'Mozilla/5.0 (X11; Linux x86_64)' AS agent,
		'en-GB' AS locale, 'campaign_' || (range %% 40)::VARCHAR AS campaign
		FROM range(%d)`, n)
}

// asText is a query whose columns are all text, as those of CSV.
func asText(query string) string {
	return "SELECT _row, COLUMNS(* EXCLUDE (_row))::VARCHAR FROM (" + query + ")"
}

// asJSON is a query of JSON lines.
func asJSON(query string) string {
	return "SELECT _row, to_json(q)::VARCHAR AS _json FROM (SELECT * EXCLUDE (_row), _row FROM (" + query + ")) AS q"
}

func BenchmarkStage(b *testing.B) {
	for _, form := range []struct {
		name  string
		query string
		text  bool
	}{
		{"typed", history(*benchRows), false},
		{"text", asText(history(*benchRows)), true},
		{"json", asJSON(history(*benchRows)), false},
	} {
		b.Run(form.name, func(b *testing.B) {
			db := openSource(b, form.query)
			ctx := context.Background()
			for range b.N {
				s, err := Build(ctx, db, &source.Source{Name: "data", Text: form.text}, Options{keep: true})
				require.NoError(b, err)
				bytes := 0
				require.NoError(b, s.Read(ctx, 0, func(rows []record.Row) error {
					for _, row := range rows {
						bytes += len(row.Message)
					}
					return nil
				}))
				_, err = s.Digest(ctx, s.Rows)
				require.NoError(b, err)
				exec(b, db, "DROP TABLE sorted")
				b.SetBytes(int64(bytes))
			}
			b.ReportMetric(float64(*benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
