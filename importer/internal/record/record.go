// Package record has what the parts of the command hand to one another: rows
// that have become messages.
package record

import "math"

// The endpoints, in the order of sending: who people are comes before what they
// did.
const (
	Identify = "identify"
	Alias    = "alias"
	Track    = "track"
)

// What a request has at most. The bytes are the API's limit, so they are that of
// one message too.
const (
	RequestMessages = 1000
	RequestBytes    = 2 << 20
)

// NoTime is the time of a row that has none.
const NoTime = math.MinInt64

// The times that a timestamp with four digits for the year can have.
const (
	FirstTime = -62_135_596_800_000_000 // 0001-01-01T00:00:00Z, in microseconds since 1970
	LastTime  = 253_402_300_799_999_999 // 9999-12-31T23:59:59.999999Z
)

// A Row is one message of the import, or the reason why there is none. It is
// read-only, and may be kept.
type Row struct {
	// Position is its place in the order of sending, from 0, without gaps. The
	// same source has the same rows at the same positions.
	Position int64
	// File is the name of the file that the row is from, with its directory only
	// where another file has the same name; empty if the source is one file, or none. Number is the row's number in
	// it: 1 is the first row of data.
	File   string
	Number int64

	Endpoint string // Identify, Alias or Track; for a refused row what it would have been, or ""
	At       int64  // its timestamp in microseconds since 1970 in UTC, or NoTime
	Event    string // a track's event
	Person   string // its distinct_id

	// Message is the JSON object that is sent. Of a refused row it is what could
	// be made of it, or its text as a JSON string.
	Message []byte
	// Reason says why the row is refused, with no value of it; empty for a row
	// that can be sent. Rows refused for the same reason have the same text.
	Reason string
}
