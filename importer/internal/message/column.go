package message

import (
	"strings"
	"unicode/utf8"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// A column is a Column that is prepared for writing.
type column struct {
	Column
	shape shape
	label string // in reasons
	key   []byte // its name in JSON, and a colon
}

func newColumn(c Column) column {
	return column{c, shapeOf(c.Type), label(c.Name), append(encode.String(nil, c.Name), ':')}
}

// label returns a column's name for reasons.
func label(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	end := most
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "..."
}

// writeColumn writes a column as a member.
func (d *draft) writeColumn(i int) {
	c := &d.m.columns[i]
	d.writeText(c.key)
	text, isText := d.values[i].(string)
	switch {
	case !isText:
	case c.Numeric && isPlainJSON(text):
		d.s.out = append(d.s.out, text...)
		return
	case c.JSON:
		d.writeJSON(c, text)
		return
	case c.Role == Properties || c.Role == Traits: // of another endpoint
		if _, problem := object(nil, []byte(text)); problem == "" {
			d.writeJSON(c, text)
			return
		}
	}
	var problem string
	if d.s.out, problem = appendValue(d.s.out, d.values[i], &c.shape, 1); problem != "" {
		d.refuse(c.label + " " + problem)
	}
}

// writeJSON writes the text of a column of JSON.
func (d *draft) writeJSON(c *column, text string) {
	begin := len(d.s.out)
	d.s.out = append(d.s.out, text...)
	depth, problem := value(d.s.out[begin:])
	if depth > maxDepth {
		problem = tooDeep
	}
	if problem != "" {
		d.refuse(c.label + " " + problem)
		d.s.out = encode.String(d.s.out[:begin], text)
	}
}

// plainDigits is how many digits before the point a number of CSV may have: a
// longer one is an id, and a float64 would change its last digits.
const plainDigits = 15

// isPlainJSON reports whether a text is true, false, or a number as people write
// it. 1e5 is as likely the name of a thing.
func isPlainJSON(s string) bool {
	if s == "true" || s == "false" {
		return true
	}
	rest := strings.TrimPrefix(s, "-")
	whole := digits(rest)
	if whole == 0 || whole > plainDigits || whole > 1 && rest[0] == '0' {
		return false
	}
	rest = rest[whole:]
	fraction, ok := strings.CutPrefix(rest, ".")
	return rest == "" || ok && fraction != "" && digits(fraction) == len(fraction)
}

func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
