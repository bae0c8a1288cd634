package altertable

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseAnswer(t *testing.T) {
	for text, want := range map[string]answerFields{
		`{"ok":true,"task_id":"t1","error_code":null}`:                           {taskID: "t1"},
		`{"ok":false,"error_code":"environment-not-found"}`:                      {refused: true, code: "environment-not-found"},
		`{"error":"environment-not-found","message":"no","details":{}}`:          {code: "environment-not-found", message: "no"},
		`{"error":{"message":"Invalid API key","code":"AUTHENTICATION_ERROR"}}`:  {code: "AUTHENTICATION_ERROR", message: "Invalid API key"},
		`{"error_code":"c","message":"m"}`:                                       {code: "c", message: "m"},
		`{"ok":"false","error_code":7,"message":[],"error":null,"task_id":true}`: {},
		`[{"ok":false}]`: {}, `"text"`: {}, `null`: {}, ``: {}, `<html>`: {}, `{"ok":false`: {},
	} {
		assert.Equal(t, want, parseAnswer([]byte(text)), text)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"ok":false,"error_code":"x","error":{"code":"y"}}`))
	f.Add([]byte(`{"error":"x","message":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a := parseAnswer(text)
		var members map[string]any
		if json.Unmarshal(text, &members) != nil {
			require.Equal(t, answerFields{}, a)
		}
		ok, isBool := members["ok"].(bool)
		require.Equal(t, isBool && !ok, a.refused)
		if code, _ := members["error_code"].(string); code != "" {
			require.Equal(t, code, a.code)
		}
		require.LessOrEqual(t, len(a.code)+len(a.message)+len(a.taskID), 9*len(text), "U+FFFD takes three bytes")
	})
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-7": 0, "7.5": 0, "soon": 0,
		"99999999999999999999999":                        1<<63 - 1,
		now.Add(time.Minute).Format(http.TimeFormat):     time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat):    0,
		now.Add(2 * time.Second).Format(time.ANSIC):      2 * time.Second,
		"Friday, 02-Jan-26 03:04:35 GMT":                 30 * time.Second,
		"Fri, 31 Dec 9999 23:59:59 GMT":                  1<<63 - 1,
		"9223372036":                                     9223372036 * time.Second,
		"9223372037":                                     9223372036 * time.Second,
		now.Add(time.Minute).Format(time.RFC3339):        0,
		now.Add(time.Hour).Format("02 Jan 06 15:04 MST"): 0,
	} {
		assert.Equal(t, want, parseRetryAfter(header, now), header)
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Fri, 02 Jan 2026 03:04:05 GMT")
	f.Fuzz(func(t *testing.T, header string) {
		wait := parseRetryAfter(header, time.Now())
		require.GreaterOrEqual(t, wait, time.Duration(0))
		delay := nextDelay(defaultRetryPolicy.newSchedule(), &APIError{RetryAfter: wait})
		require.GreaterOrEqual(t, delay, max(min(wait, maxRetryAfter), defaultRetryPolicy.InitialInterval/2))
		require.LessOrEqual(t, delay, maxRetryAfter)
	})
}
