package deliver

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// addIdentify adds an identify whose one trait has its own name, so that a lost one
// is missed.
func (m *memory) addIdentify(person string) {
	n := len(m.rows)
	at := time.Date(2024, 1, 1, 0, 0, n, 0, time.UTC).Format(time.RFC3339)
	m.add(record.Identify, fmt.Sprintf(`{"timestamp":%q,"distinct_id":%q,"traits":{"t%d":1}}`, at, person, n), "")
	m.rows[n].Person = person
}

// The platform ignores an identify that is older than what it has. So one that the
// client gives up among others must not be passed by a newer one of the person.
func TestNoIdentifyPassesOneThatIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &memory{chunk: 60}
		const batch, people = 200, 60
		for n := range 12 * batch {
			if n >= batch && n < batch+80 {
				rows.add(record.Identify, `{"distinct_id":"u1","traits":{"a":1e}}`, "")
				rows.rows[n].Person = "u1"
				continue
			}
			rows.addIdentify(fmt.Sprintf("u%d", n%people))
		}
		i := newImporter(t, rows)
		i.o.batchSize = batch
		i.srv.Always(altertabletest.Delay(50 * time.Millisecond))
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, len(rows.rows)-80, result.Delivered)
		traits := 0
		for p := range people {
			person, ok := i.srv.Identity("production", fmt.Sprintf("u%d", p))
			require.True(t, ok)
			traits += len(person.Traits)
		}
		assert.Equal(t, len(rows.rows)-80, traits, "an older identify that came later was ignored")
	})
}
