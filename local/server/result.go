package server

import "encoding/json"

// A result is what a query found. A cell is a JSON value.
type result struct {
	Columns   []column            `json:"columns"`
	Rows      [][]json.RawMessage `json:"rows"`
	Truncated bool                `json:"truncated"` // there are more rows
	Duration  float64             `json:"duration_ms"`
}

type column struct {
	Name string `json:"name"`
	Type string `json:"type"` // DuckDB's name of it
}

// A packed result has its columns, its rows each behind a true, a false, and
// whether it is truncated.
func (p *packer) columns(c cells) {
	p.uint(uint64(len(c)))
	for _, cell := range c {
		p.text(cell.Name)
		p.text(cell.Type)
	}
}

// result returns a result whose cells are parts of what is unpacked.
func (u *unpacker) result() (*result, error) {
	r := &result{Rows: [][]json.RawMessage{}}
	for range u.count() {
		r.Columns = append(r.Columns, column{u.text(), u.text()})
	}
	for u.bool() {
		row := make([]json.RawMessage, len(r.Columns))
		for i := range row {
			row[i] = u.bytes()
		}
		r.Rows = append(r.Rows, row)
	}
	r.Truncated = u.bool()
	return r, u.err
}
