package altertabletest

import (
	"encoding/json"
	"strings"
	"time"
)

// timestampLayouts are the forms of a timestamp, after a space between date and
// time became a "T". A fraction of the second is taken with each time.
var timestampLayouts = []string{
	time.RFC3339,
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05Z07",
	"2006-01-02T15:04:05",
	time.DateOnly,
}

// parseTimestamp returns the instant a message names, or absent where it names
// none. A time without an offset is in UTC.
func parseTimestamp(v any, absent time.Time) (time.Time, bool) {
	switch v := v.(type) {
	case string:
		return parseISO8601(v)
	case json.Number:
		n, err := v.Int64()
		return fromInteger(n).UTC(), err == nil
	}
	return absent.UTC(), true
}

// fromInteger takes n for seconds, as documented, unless that would be the year
// 5138 or later: then for milliseconds, as the mock does.
func fromInteger(n int64) time.Time {
	const most = 100_000_000_000
	if -most < n && n < most {
		return time.Unix(n, 0)
	}
	return time.UnixMilli(n)
}

func parseISO8601(text string) (time.Time, bool) {
	const date = len(time.DateOnly)
	if len(text) > date {
		if text[date] == ' ' {
			text = text[:date] + "T" + text[date+1:]
		}
		// Package time also takes a comma before the fraction, and an hour of one digit.
		if strings.Contains(text, ",") || len(text) < len("2006-01-02T15:") || text[len("2006-01-02T15")] != ':' {
			return time.Time{}, false
		}
	}
	for _, layout := range timestampLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}
