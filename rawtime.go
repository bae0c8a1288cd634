package altertable

import (
	"strings"
	"time"
)

// noTime stands for the time of the call.
var noTime time.Time

// isTimestamp reports whether the platform takes s as a timestamp. If it did not,
// it would store what precedes the message in its batch and refuse the rest, and
// splitting would store that twice.
func isTimestamp(s string) bool {
	const date = len("2006-01-02")
	if len(s) < date {
		return false
	}
	day, err := time.Parse(time.DateOnly, s[:date])
	if err != nil || day.Year() < 1 {
		return false
	}
	rest := s[date:]
	if rest == "" {
		return true
	}
	if rest[0] != 'T' && rest[0] != ' ' {
		return false
	}
	rest, ok := cutClock(rest[1:])
	return ok && (rest == "" || rest == "Z" || isOffset(rest))
}

// cutClock cuts a time of day off s, with its decimals.
func cutClock(s string) (rest string, ok bool) {
	const clock = len("15:04:05")
	if len(s) < clock || !isBelow(s[0:2], 24) || s[2] != ':' || !isBelow(s[3:5], 60) || s[5] != ':' || !isBelow(s[6:8], 60) {
		return "", false
	}
	rest = s[clock:]
	if !strings.HasPrefix(rest, ".") {
		return rest, true
	}
	decimals := len(rest[1:]) - len(strings.TrimLeft(rest[1:], "0123456789"))
	return rest[1+decimals:], 1 <= decimals && decimals <= 9
}

// isOffset reports whether s is +02, +0200 or +02:00.
func isOffset(s string) bool {
	if len(s) < len("+02") || s[0] != '+' && s[0] != '-' || !isBelow(s[1:3], 24) {
		return false
	}
	minutes := s[3:]
	return minutes == "" || isBelow(strings.TrimPrefix(minutes, ":"), 60)
}

// isBelow reports whether s is two digits of a number below most.
func isBelow(s string, most int) bool {
	if len(s) != 2 || s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9' {
		return false
	}
	return int(s[0]-'0')*10+int(s[1]-'0') < most
}
