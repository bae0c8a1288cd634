// Package preset has the SQL that makes messages of other tools' exports.
package preset

// A Preset is a tool whose exports can be imported.
type Preset struct {
	Name string // segment
	Doc  string // one line: which export it reads
}

// All returns the presets in the order of their names.
func All() []Preset { return nil }

// SQL returns a SELECT from the table source, for a source with _json or one
// with columns, whose result has the columns that package stage describes. The
// error names the presets there are.
func SQL(name string, json bool, columns []string) (string, error) { return "", nil }
