package source

// A finding is what was found out about a file of text by looking at each of its
// rows.
type finding struct {
	rows     int64 // what DuckDB has to find
	bytes    int64 // of its text
	copy     bool  // DuckDB has to read a copy
	breaks   bool  // a row has more than one line
	lf, crlf bool
}

// add counts a row.
func (d *finding) add(rec *record, f *file) {
	d.bytes += int64(len(rec.text)) + 1
	if f.format == csvFormat && rec.blank {
		d.copy = d.copy || len(f.columns) == 1 // DuckDB takes it for a row
		return
	}
	if rec.torn != "" {
		d.copy = true
		if f.format == csvFormat {
			return // a line of JSON becomes a blank one, which keeps the numbers
		}
	}
	d.rows++
	d.copy = d.copy || rec.odd
	d.breaks = d.breaks || rec.breaks
	d.crlf, d.lf = d.crlf || rec.crlf, d.lf || !rec.crlf
}
