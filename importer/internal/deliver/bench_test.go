package deliver

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

// BenchmarkRun sends events of 8 properties to a server that costs nothing.
func BenchmarkRun(b *testing.B) {
	rows := &memory{chunk: 40_960}
	for n := range b.N {
		rows.add(record.Track, fmt.Sprintf(`{"environment":"production","event":"checkout_completed","properties":{"$event_id":"7c9e6679-7425-40de-944b-e07fc1f9%04x","$lib":"altertable-import","$lib_version":"0.2.0","$ip":0,"plan":"pro","seats":%d,"price":12.50,"trial":false,"url":"https://app.example.com/reports/17","campaign":"campaign 17","country":"de","order_id":"0f8fad5b-d9cb-469f-a165-70867728950e"},"distinct_id":"user_%d","timestamp":"2025-01-01T12:00:00.000Z"}`, n%65536, n%977, n%1000), "")
	}
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		_, _ = copyAll(io.Discard, r.Body)
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"ok":true}`))}, nil
	})}
	st, err := state.Open(filepath.Join(b.TempDir(), "state"), state.Import{Rows: int64(b.N)})
	require.NoError(b, err)
	defer st.Close()
	b.ReportAllocs()
	b.ResetTimer()
	result, err := Run(b.Context(), b.Context(), rows, st, nil, Options{Key: "key", BaseURL: "https://localhost", httpClient: client, Logger: slog.New(slog.DiscardHandler)}, nil)
	b.StopTimer()
	require.NoError(b, err)
	require.True(b, result.Finished)
}
