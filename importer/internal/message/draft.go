package message

import (
	"database/sql/driver"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/internal/encode"
)

// A draft is a message that is being made. What is wrong with it does not end
// that: a refused message is kept as far as it goes, so that it can be mended.
type draft struct {
	m      *Mapper
	s      *scratch
	values []driver.Value
	form   *form
	reason string // the first one
	at     int64
	timed  bool // has a timestamp
	gap    int
}

func (d *draft) refuse(reason string) {
	if d.reason == "" {
		d.reason = reason
	}
}

// value returns that of the column with a role, nil if there is none.
func (d *draft) value(role Role) driver.Value {
	if i := d.m.role[role]; i >= 0 {
		return d.values[i]
	}
	return nil
}

// text returns that of a column that holds texts.
func (d *draft) text(role Role) string {
	text, _ := d.value(role).(string)
	return text
}

func (d *draft) row() Mapped {
	d.s.reset()
	row := Mapped{content: d.content()}
	row.Number, _ = d.value(Number).(int64)
	row.File = d.text(File)
	d.reason = d.text(Reason)
	d.readTime()
	raw, torn := d.value(Raw).(string)
	message, ready := d.value(Message).(string)
	switch {
	case torn && d.reason != "":
		row.Endpoint, _ = endpointOf(d.text(Endpoint), "")
		row.Message = d.quoted(raw)
	case ready:
		d.take(&row, message)
	default:
		d.make(&row)
	}
	row.Reason, row.At, row.gap = d.reason, d.at, d.gap
	return row
}

func (d *draft) readTime() {
	d.at = record.NoTime
	at, ok := d.value(Timestamp).(int64)
	switch {
	case !ok:
	case at < record.FirstTime || at > record.LastTime:
		d.refuse("timestamp " + outOfYears)
	default:
		d.at = at
	}
}

// quoted returns a text that is no message, as a JSON string.
func (d *draft) quoted(text string) []byte {
	d.s.out = encode.String(d.s.out[:0], text)
	return d.s.keep(d.s.out)
}

// make makes a message of columns and of the members of _json.
func (d *draft) make(row *Mapped) {
	d.form = &d.m.forms[0]
	line, _ := d.value(JSON).(string)
	if line != "" && !d.readLine(line) {
		row.Endpoint, _ = endpointOf(d.text(Endpoint), d.m.o.As)
		row.Message = d.quoted(line)
		return
	}
	var ok bool
	row.Endpoint, ok = endpointOf(d.readEndpoint(), d.m.o.As)
	if !ok {
		d.refuse(badEndpoint)
	} else {
		d.form = d.m.form(row.Endpoint)
	}
	d.readFields()
	d.writeHead()
	if d.form.bag != "" {
		d.readBag()
		d.writeBag()
	}
	d.s.out = append(d.s.out, '}')
	if isTooLarge(len(d.s.out), d.s.field[Environment].given(), d.timed) {
		d.refuse(tooLarge)
	}
	row.Message = d.s.keep(d.s.out)
	row.Event, row.Person = d.s.field[Event].text, d.s.field[DistinctID].text
}
