package altertable

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRetryAfter(t *testing.T) {
	const most = 9223372036 * time.Second
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	inAMinute := now.Add(time.Minute).Format(http.TimeFormat)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "007": 7 * time.Second, "+1": time.Second,
		"1.5": 1500 * time.Millisecond, "0.25": 250 * time.Millisecond, ".5": 500 * time.Millisecond, "2.": 2 * time.Second,
		"1.0000000019": time.Second + time.Nanosecond, "0.00000000001": 0,
		"soon": 0, "-7": 0, "-0": 0, "+-1": 0, "++1": 0, "+": 0, ".": 0, "1.5.2": 0, "1. 5": 0, "1 2": 0, "1s": 0, "\u0661": 0,
		"NaN": 0, "Inf": 0, "+Infinity": 0, "1e3": 0, "1e400": 0, "1E-400": 0, "0x10": 0, "0x1p4": 0, "1_000": 0, "0b1": 0,
		"99999999999999999999999":                        math.MaxInt64,
		"99999999999999999999999.5":                      math.MaxInt64,
		"1." + strings.Repeat("9", 900):                  2*time.Second - 1,
		strings.Repeat("9", 100_000):                     math.MaxInt64,
		"9223372035.999999999":                           9223372035*time.Second + 999999999,
		"9223372036":                                     most,
		"9223372036.999999999":                           most,
		"9223372037":                                     most,
		inAMinute:                                        time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat):    0,
		now.Add(2 * time.Second).Format(time.ANSIC):      2 * time.Second,
		"Friday, 02-Jan-26 03:04:35 GMT":                 30 * time.Second,
		"Fri, 31 Dec 9999 23:59:59 GMT":                  math.MaxInt64,
		"Sat, 01 Jan 0000 00:00:00 GMT":                  0,
		now.Add(time.Minute).Format(time.RFC3339):        0,
		now.Add(time.Hour).Format("02 Jan 06 15:04 MST"): 0,
		"1, 1":                            time.Second,
		"1,2, 3.5 ,soon":                  3500 * time.Millisecond,
		"-1, , 2":                         2 * time.Second,
		inAMinute + ", 7":                 time.Minute,
		"7, " + inAMinute:                 time.Minute,
		inAMinute + "," + inAMinute:       time.Minute,
		strings.Repeat(",", 10<<20) + "1": 0,
	} {
		name := header[:min(len(header), 40)]
		assert.Equal(t, want, parseRetryAfter(http.Header{"Retry-After": {header}}, now), name)
		assert.Equal(t, max(want, 3*time.Second), parseRetryAfter(http.Header{"Retry-After": {"3", header}}, now), name)
	}
	assert.Zero(t, parseRetryAfter(nil, now))
}

// A date is one of the server's clock, whatever the client's says.
func TestRetryAfterOfAnotherClock(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for date, want := range map[string]time.Duration{
		now.Add(-time.Minute).Format(http.TimeFormat): 2 * time.Minute,
		now.Add(30 * time.Second).Format(time.RFC850): 30 * time.Second,
		now.Add(2 * time.Minute).Format(time.ANSIC):   0,
		"Sat, 01 Jan 0000 00:00:00 GMT":               math.MaxInt64,
		"":                                            time.Minute,
		"yesterday":                                   time.Minute,
		now.Format(time.RFC3339):                      time.Minute,
	} {
		header := http.Header{"Date": {date}, "Retry-After": {now.Add(time.Minute).Format(http.TimeFormat)}}
		assert.Equal(t, want, parseRetryAfter(header, now), date)
		header.Set("Retry-After", "7")
		assert.Equal(t, 7*time.Second, parseRetryAfter(header, now), date)
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Fuzz(func(t *testing.T, header, date string) {
		wait := parseRetryAfter(http.Header{"Retry-After": {header}, "Date": {date}}, time.Now())
		require.GreaterOrEqual(t, wait, time.Duration(0))
		if strings.Trim(header, "0123456789") == "" && header != "" && len(header) < 10 {
			require.Zero(t, wait%time.Second)
		}
		for _, err := range []error{&APIError{RetryAfter: wait}, &NetworkError{&proxyRefusal{retryAfter: wait}}} {
			delay := nextDelay(defaultRetryPolicy.newSchedule(), err)
			require.GreaterOrEqual(t, delay, max(min(wait, maxRetryAfter), defaultRetryPolicy.InitialInterval/2))
			require.LessOrEqual(t, delay, maxRetryAfter)
		}
	})
}
