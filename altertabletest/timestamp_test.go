package altertabletest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestTimestamps(t *testing.T) {
	noon := time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]time.Time{
		`"2023-01-01T12:00:00Z"`:             noon,
		`"2023-01-01T12:00:00.123456Z"`:      noon.Add(123456 * time.Microsecond),
		`"2023-01-01T14:00:00+02:00"`:        noon,
		`"2023-01-01T14:00:00.5+0200"`:       noon.Add(time.Second / 2),
		`"2023-01-01T14:00:00+02"`:           noon,
		`"2023-01-01T06:30:00-0530"`:         noon,
		`"2023-01-01T12:00:00"`:              noon,
		`"2023-01-01T12:00:00.25"`:           noon.Add(time.Second / 4),
		`"2023-01-01 12:00:00"`:              noon,
		`"2023-01-01 14:00:00.5+02:00"`:      noon.Add(time.Second / 2),
		`"2023-01-01"`:                       noon.Add(-12 * time.Hour),
		`1672574400000`:                      noon,
		`"2023-01-01T12:00:00,5Z"`:           {},
		`"2023-01-01 12:00:00,5"`:            {},
		`"2023-01-01T9:00:00Z"`:              {},
		`"2023-01-01T12:00Z"`:                {},
		`"2023-01-01T12"`:                    {},
		`"2023-01-01T"`:                      {},
		`"2023-01-01 "`:                      {},
		`"2023-01-01Z"`:                      {},
		`"2023-13-01T12:00:00Z"`:             {},
		`"2023-02-30"`:                       {},
		`"2023-1-1"`:                         {},
		`"2023-01-01T12:00:00 +02:00"`:       {},
		`"1672574400000"`:                    {},
		`"Sun, 01 Jan 2023 12:00:00 GMT"`:    {},
		`""`:                                 {},
		`"soon"`:                             {},
		`"2023-01-01T12:00:00Z and so on"`:   {},
		`"2023-01-01ä12:00:00"`:              {},
		`"2023-01-01T12:00:00.\u0660Z"`:      {},
		`"\u0660\u0660\u0660\u0660-01-01"`:   {},
		`"2023-01-01T12:00:00+2:00"`:         {},
		`"2023-01-01T12:00:00+02:00:00"`:     {},
		`"2023-01-01T12:00:00Z2023-01-01"`:   {},
		`"2023-01-0112:00:00"`:               {},
		`"2023-01-01T24:00:00Z"`:             {},
		`"2023-01-01T12:00:00.Z"`:            {},
		`"+2023-01-01T12:00:00Z"`:            {},
		`"2023-01-01T12:00:00\u0000"`:        {},
		`"2023-01-01T12:00:00.123456789Z"`:   noon.Add(123456789),
		`"2023-01-01T12:00:00.1234567891Z"`:  noon.Add(123456789),
		`"2023-01-01T12:00:60Z"`:             {},
		`"2023-01-01T12:00:00-00:00"`:        noon,
		`"2023-01-01T12:00:00+00"`:           noon,
		`"0001-01-01T00:00:01Z"`:             time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC),
		`"9999-12-31T23:59:59.999Z"`:         time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC),
		`"10000-01-01T00:00:00Z"`:            {},
		`"2023-01-01t12:00:00z"`:             {},
		`"2023-01-01  12:00:00"`:             {},
		`" 2023-01-01T12:00:00Z"`:            {},
		`"2023-001"`:                         {},
		`"20230101T120000Z"`:                 {},
		`"2023-W01-1"`:                       {},
		`"2023-01-01T12:00:00[Europe/Rome]"`: {},
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			srv := altertabletest.NewServer(altertabletest.WithoutListener())
			defer srv.Close()
			c := caller{t, srv.HTTPClient(), srv.URL}
			status, answer := c.post("/track", fmt.Sprintf(`{"environment":"production","event":"e","properties":{},"timestamp":%s}`, text))
			if want.IsZero() {
				assert.Equal(t, 400, status)
				assert.Contains(t, answer, "insert-failed")
				return
			}
			if assert.Equal(t, 200, status, answer) {
				assert.Equal(t, want, srv.Events()[0].Timestamp)
			}
		})
	}
}

// identify and alias read a timestamp as track does.
func TestTimestampsOfUpdates(t *testing.T) {
	noon := time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC)
	bodies := map[string]string{
		"/identify": `{"environment":"production","distinct_id":"u","timestamp":%s}`,
		"/alias":    `{"environment":"production","distinct_id":"u","new_user_id":"v","timestamp":%s}`,
	}
	for path, body := range bodies {
		t.Run(path, func(t *testing.T) {
			o := observe(t)
			for text, want := range map[string]time.Time{
				`"2023-01-01T14:00:00.5+0200"`: noon.Add(time.Second / 2),
				`"2023-01-01T14:00:00+02"`:     noon,
				`"2023-01-01T12:00:00"`:        noon,
				`"2023-01-01 12:00:00"`:        noon,
				`"2023-01-01"`:                 noon.Add(-12 * time.Hour),
				`1672574400000`:                noon,
			} {
				assert.Equal(t, want, o.send(step{path, fmt.Sprintf(body, text)}).Timestamp, text)
			}
			u := o.send(step{path, fmt.Sprintf(body, "null")})
			assert.Equal(t, u.ReceivedAt, u.Timestamp)
			for _, text := range []string{`"2023-01-01T12:00:00,5Z"`, `"1672574400000"`, `""`} {
				status, answer := o.post(path, fmt.Sprintf(body, text))
				assert.Equal(t, 400, status, text)
				assert.Contains(t, answer, path[1:]+"-failed")
			}
		})
	}
}

func TestTimestampsOfOtherTypes(t *testing.T) {
	o := observe(t)
	for text, want := range map[string]int64{
		`0`: 0, `-1`: -1000, `-0`: 0, `1672574400`: 1672574400000, `99999999999`: 99999999999000, `100000000000`: 100000000000,
		`1672574400000`: 1672574400000, `-100000000000`: -100000000000, `253402300799999`: 253402300799999,
	} {
		status, answer := o.post("/track", trackBody(`"timestamp":`+text+`,`))
		assert.Equal(t, 200, status, answer)
		events := o.srv.Events()
		assert.Equal(t, want, events[len(events)-1].Timestamp.UnixMilli(), text)
	}
	for _, text := range []string{`1.5`, `1e3`, `1672574400000.0`, `9223372036854775808`, `true`, `{}`, `[]`} {
		status, answer := o.post("/track", trackBody(`"timestamp":`+text+`,`))
		assert.Equal(t, 422, status, text)
		assert.Contains(t, answer, `field "timestamp" is neither a string nor an integer`)
	}
}
