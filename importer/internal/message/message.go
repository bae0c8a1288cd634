// Package message makes a message of a row.
package message

import (
	"database/sql/driver"

	_ "github.com/go-json-experiment/json/jsontext"
	_ "github.com/google/uuid"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// A Role is what a column means.
type Role int

const (
	Other Role = iota // a property or a trait
	Event
	DistinctID
	AnonymousID
	DeviceID
	NewUserID
	Environment
	Timestamp  // microseconds since 1970, a BIGINT; NULL: see BadTime
	Properties // a VARCHAR of JSON, a MAP or a STRUCT
	Traits
	Endpoint
	Number  // the row's, BIGINT
	File    // VARCHAR
	JSON    // VARCHAR
	Message // VARCHAR
	Reason  // VARCHAR
	Raw     // VARCHAR
	BadTime // BOOLEAN: there was a timestamp that is none
)

// A Column is one of the values that Map gets.
type Column struct {
	Name string
	Role Role
	Type duckdb.TypeInfo
	// Text marks a VARCHAR of a CSV file, where a number is a number although
	// its column is text: Number says that all values looked at were numbers or
	// booleans.
	Numeric bool
}

// Options say what rows do not.
type Options struct {
	As          string // endpoint of rows that name none
	Environment string
	TraitsNow   bool
}

// A Mapper makes messages of rows with the same columns. It may be used by
// several goroutines.
type Mapper struct{}

// New returns a Mapper for rows of these columns.
func New(columns []Column, o Options) *Mapper { return &Mapper{} }

// A Mapped is a row before it has its $event_id.
type Mapped struct {
	record.Row
	content [20]byte // what identifies the row's content
	gap     int      // where $event_id goes; 0: it has one, or needs none
}

// Map makes a message of the values of a row, one for each column. It keeps none
// of them.
func (m *Mapper) Map(values []driver.Value) Mapped { return Mapped{} }

// A Numberer gives each track its $event_id: the UUIDv5 of the row's content and
// of how many equal rows there were before. It has to see rows in the order of
// the stage, in which equal rows follow one another.
type Numberer struct{}

// Number completes a row.
func (n *Numberer) Number(m *Mapped) record.Row { return m.Row }
