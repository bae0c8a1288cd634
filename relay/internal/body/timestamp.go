package body

import (
	"strings"
	"time"
	"unsafe"
)

// layouts are the forms of a timestamp, after a space between date and time became
// a "T". A fraction of the second is taken with each time.
var layouts = [...]string{
	time.RFC3339,
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05Z07",
	"2006-01-02T15:04:05",
	time.DateOnly,
}

// isTime reports whether the API takes text for a timestamp.
func isTime(text string) bool {
	const date = len(time.DateOnly)
	if len(text) > date {
		if text[date] == ' ' {
			text = text[:date] + "T" + text[date+1:]
		}
		// Package time also takes a comma before the fraction, and an hour of one digit.
		if strings.Contains(text, ",") || len(text) < len("2006-01-02T15:") || text[len("2006-01-02T15")] != ':' {
			return false
		}
	}
	for _, layout := range layouts {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// stampIsValid reports whether the message's timestamp, if it has one, is a time.
// Every integer is.
func (r *reader) stampIsValid() bool {
	value := r.text[r.stamp.begin:r.stamp.end]
	if len(value) == 0 || value[0] != '"' {
		return true
	}
	inside := value[1 : len(value)-1]
	const longest = 64 // of a canonical one, which has no escape
	if len(inside) == 0 {
		return false
	}
	if len(inside) <= longest && isCanonical(inside) {
		return true
	}
	r.scratch = unescape(r.scratch[:0], inside)
	return isTime(string(r.scratch))
}

// isCanonical reports whether text is of the form that Go's, Python's and
// JavaScript's libraries write: RFC 3339.
func isCanonical(text []byte) bool {
	if len(text) < len("2006-01-02T15:04:05Z") || text[10] != 'T' || text[13] != ':' {
		return false
	}
	s := unsafe.String(&text[0], len(text))
	_, err := time.Parse(time.RFC3339, s)
	return err == nil && !strings.Contains(s, ",")
}

// timeOf returns the instant that an integer is.
func timeOf(n int64) time.Time {
	const most = 100_000_000_000
	if -most < n && n < most {
		return time.Unix(n, 0).UTC()
	}
	return time.UnixMilli(n).UTC()
}
