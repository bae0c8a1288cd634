package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// TestDatabaseAgreesWithTheAPI sends whatever may come, and compares at moments
// of chance what SQL says with what the API's server knows. Engines are killed at
// others, and all is forgotten now and then.
func TestDatabaseAgreesWithTheAPI(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			c := Config{Environments: []string{"production", "staging"}}
			if seed%2 == 1 {
				c.Data = filepath.Join(t.TempDir(), "data.duckdb")
			}
			r := startLocal(t, c)
			quiet(r)
			client := r.api.HTTPClient()
			send := func(path, body string) {
				status, answer := (&running{t: t, Server: r.Server, http: client}).post(path, body)
				require.Equal(t, 200, status, answer)
			}
			id := func() string { return fmt.Sprint("id-", random.IntN(12)) }
			for n := range 400 {
				environment := []string{"production", "staging"}[random.IntN(5)/4]
				at := fmt.Sprintf("2026-01-02T12:00:%02d.%09dZ", random.IntN(60), random.IntN(1e9))
				switch head := fmt.Sprintf(`{"environment":%q,"timestamp":%q,"distinct_id":%q,`, environment, at, id()); random.IntN(40) {
				default:
					send("/track", head+fmt.Sprintf(`"event":"e%d","properties":{"n":%d}}`, n, n))
				case 3, 4, 5, 10, 11, 12, 13, 14, 15, 16:
					send("/identify", head+fmt.Sprintf(`"traits":{"t%d":%d}}`, random.IntN(3), n))
				case 6, 7, 17, 18, 19, 20:
					send("/identify", head+fmt.Sprintf(`"traits":{"linked":%d},"anonymous_id":%q,"device_id":"device-%d"}`, n, id(), random.IntN(3)))
				case 8, 21, 22, 23:
					send("/alias", head+fmt.Sprintf(`"new_user_id":%q}`, id()))
				case 0:
					send("/track", fmt.Sprintf(`{"environment":%q,"event":"anonymous","anonymous_id":%q,"properties":{}}`, environment, id()))
				case 1:
					send("/track", fmt.Sprintf(`{"environment":%q,"event":"nobody","distinct_id":"","properties":{}}`, environment))
				case 2:
					if random.IntN(4) == 0 { // more often nothing would be left to compare
						r.api.Reset()
					}
				case 9:
					r.database.engine.kill() // whatever it is doing
					if random.IntN(2) == 0 {
						compare(t, r)
					}
				case 24, 25:
					compare(t, r)
				}
			}
			compare(t, r)
		})
	}
}

func compare(t *testing.T, r *running) {
	t.Helper()
	require.NoError(t, r.database.catchUp())
	r.rows("SELECT 1") // by an engine that was not killed
	stored, err := r.database.identities()
	require.NoError(t, err)
	restored := altertabletest.NewServer(altertabletest.WithIdentities(stored...), altertabletest.WithoutListener())
	defer restored.Close()
	require.Equal(t, r.api.Identities(), restored.Identities())

	var rows [][]*string
	require.NoError(t, json.Unmarshal([]byte(r.rows(`SELECT environment, distinct_id, anonymous_id, identity_id, identity_traits::VARCHAR FROM events`)), &rows))
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for _, row := range rows {
		environment, id, owner, traits := text(row[0]), text(row[1]), row[3], row[4]
		if id == "" {
			id = text(row[2])
		}
		identity, known := r.api.Identity(environment, id)
		known = known && id != ""
		assert.Equal(t, known, traits != nil)
		switch {
		case known:
			assert.Equal(t, identity.DistinctID, text(owner))
			assert.JSONEq(t, jsonText(identity.Traits), text(traits))
		case id != "":
			assert.Equal(t, id, text(owner))
		default:
			assert.Nil(t, owner)
		}
	}
}
