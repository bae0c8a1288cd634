package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFaultsByTheirReason(t *testing.T) {
	for query, reason := range map[string]string{
		"status=401":                            "unauthorized",
		"status=400&code=environment-not-found": "no_environment",
		"status=429":                            "limited",
		"status=429&rate=0":                     "limited",
		"status=422":                            "refused",
		"status=503":                            "errored",
		"status=hang":                           "unanswered",
	} {
		t.Run(query, func(t *testing.T) {
			virtually(t, "", func(t *testing.T) {
				s := start(t, 0)
				s.setFault(query)
				s.order(1)
				time.Sleep(10 * time.Second)
				got := s.scrape()
				for _, other := range []string{"unauthorized", "no_environment", "limited", "refused", "errored", "unanswered"} {
					count := got[`requests_failed_total{reason="`+other+`"}`]
					assert.Equal(t, other == reason, count > 0, "%s: %v", other, count)
				}
				s.clearFaults()
				_, err := s.end()
				require.NoError(t, err)
			})
		})
	}
}

// The last fault counts, and what an earlier one kept waiting goes on.
func TestFaultsReplaceEachOther(t *testing.T) {
	virtually(t, "", func(t *testing.T) {
		s := start(t, 0)
		s.setFault("status=hang")
		s.order(1)
		time.Sleep(2 * time.Second)
		assert.Equal(t, 1.0, s.scrape()["requests_in_flight"])
		s.setFault("status=503")
		s.order(1)
		time.Sleep(2 * time.Second)
		replaced := s.scrape()
		assert.Equal(t, 1.0, replaced[delivered])
		assert.NotZero(t, replaced[errored])
		s.clearFaults()
		_, err := s.end()
		require.NoError(t, err)
		assert.EqualValues(t, 2, s.service.client.Stats().Delivered)
	})
}

// A limit is learnt: everything is delivered, and few requests are too many.
func TestRateLimit(t *testing.T) {
	virtually(t, "", func(t *testing.T) {
		s := start(t, 200*time.Millisecond)
		s.setFault("status=429&rate=0.5")
		time.Sleep(5 * time.Minute)
		got := s.scrape()
		limited := got[`requests_failed_total{reason="limited"}`]
		assert.NotZero(t, limited)
		assert.Less(t, limited, got["requests_total"]/10)
		assert.Less(t, got[oldestAge], 30.0)
		_, err := s.end()
		require.NoError(t, err)
		stats := s.service.client.Stats()
		assert.Equal(t, stats.Accepted, stats.Delivered)
	})
}

func TestBadFaults(t *testing.T) {
	const statuses, rates, names = "want 400 to 599, or hang alone", "want 0.001 to 1000 a second, or 0 for none", "want status, code or rate"
	virtually(t, "", func(t *testing.T) {
		s := start(t, 0)
		s.setFault("status=503")
		for query, text := range map[string]string{
			"":                            `status "": ` + statuses,
			"status=":                     `status "": ` + statuses,
			"status=503.0":                `status "503.0": ` + statuses,
			"status=200":                  `status "200": ` + statuses,
			"status=399":                  `status "399": ` + statuses,
			"status=600":                  `status "600": ` + statuses,
			"status=-503":                 `status "-503": ` + statuses,
			"status=99999999999999999999": `status "99999999999999999999": ` + statuses,
			"status=hang&rate=1":          `status "hang": ` + statuses,
			"status=503&status=401":       "parameter status is there 2 times: want it once",
			"stauts=503":                  `parameter "stauts": ` + names,
			"status=503&%00%ff=1":         `parameter "\x00\xff": ` + names,
			"status=429&rate=-1":          `rate "-1": ` + rates,
			"status=429&rate=1001":        `rate "1001": ` + rates,
			"status=429&rate=1e-9":        `rate "1e-9": ` + rates,
			"status=429&rate=NaN":         `rate "NaN": ` + rates,
			"status=429&rate=Inf":         `rate "Inf": ` + rates,
			"status=429&rate=":            `rate "": ` + rates,
			"status=503&rate=1":           `rate "1": only status 429 has one`,
			"status=%zz":                  `query "status=%zz": invalid URL escape "%zz"`,
			"status=503;rate=1":           `query "status=503;rate=1": invalid semicolon separator in query`,
		} {
			status, got := s.do(http.MethodPost, "/faults?"+query)
			assert.Equal(t, http.StatusBadRequest, status, query)
			assert.Equal(t, text+"\n", got, query)
		}
		s.order(1)
		time.Sleep(2 * time.Second)
		assert.NotZero(t, s.scrape()[errored], "the fault that was there goes on")
		s.clearFaults()
		_, err := s.end()
		require.NoError(t, err)
	})
}
