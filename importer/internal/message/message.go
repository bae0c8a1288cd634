// Package message makes a message of a row.
//
// Mapper.Map begins a draft, whose method row decides what the row is: a message
// that is ready (take.go), or values to make one of (make, in draft.go). That
// takes three steps: the fields beside properties and traits, from columns or
// members of _json (fields.go); the SDK's word for them (check.go); the properties
// or traits (bag.go). A Numberer then gives each track its $event_id, out of the
// hash of its values (content.go).
//
// Values of columns are written by value.go, column.go and time.go, by the shape
// of their type. JSON is read by object.go, byte for byte.
package message

import (
	"database/sql/driver"
	"sync"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go"
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
	BadTime // VARCHAR: a timestamp that is none

	roles
)

// A Column is one of the values that Map gets.
type Column struct {
	Name string
	Role Role
	Type duckdb.TypeInfo // nil: a VARCHAR
	// Numeric is for a VARCHAR of a CSV file: all values looked at were numbers or
	// booleans. A value that is one in JSON is sent as such, all others as text.
	Numeric bool
	// JSON is for a column of DuckDB's type JSON that was cast to VARCHAR, since the
	// driver would read its numbers as floats: the text is sent as it is.
	JSON bool
}

// Options say what rows do not.
type Options struct {
	As          string // endpoint of rows that name none
	Environment string // of rows that name none; empty: the client's
	TraitsNow   bool   // identifies have no timestamp
}

// A Mapper makes messages of rows with the same columns. It may be used by
// several goroutines.
type Mapper struct {
	columns   []column
	o         Options
	role      [roles]int     // the column of a role, or -1
	byName    map[string]int // columns that may become members
	forms     []form
	check     *altertable.Client
	scratches sync.Pool
}

// New returns a Mapper for rows of these columns.
func New(columns []Column, o Options) *Mapper {
	m := &Mapper{o: o, byName: map[string]int{}, check: newCheck()}
	for i := range m.role {
		m.role[i] = -1
	}
	for i, c := range columns {
		m.columns = append(m.columns, newColumn(c))
		if c.Role != Other && m.role[c.Role] < 0 {
			m.role[c.Role] = i
		}
	}
	for _, f := range forms {
		for i, c := range columns {
			if f.bag != "" && f.isMember(c.Role) {
				f.members = append(f.members, i)
				m.byName[c.Name] = i
			}
		}
		m.forms = append(m.forms, f)
	}
	m.scratches.New = func() any { return newScratch(len(columns)) }
	return m
}

// A Mapped is a row before it has its $event_id.
type Mapped struct {
	record.Row
	content [20]byte // what identifies the row's content
	gap     int      // where $event_id goes; 0: it has one, or needs none
}

// Map makes a message of the values of a row, one for each column. It keeps none
// of them, except texts. The row is the caller's, and may be kept.
func (m *Mapper) Map(values []driver.Value) Mapped {
	s := m.scratches.Get().(*scratch)
	defer m.scratches.Put(s)
	d := draft{m: m, s: s, values: values}
	return d.row()
}
