package body

import (
	"time"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// An edit replaces a part of the body, which may be empty.
type edit struct {
	span
	with []byte
}

// complete returns the message at that place with what it lacked.
func (r *reader) complete(at span) Message {
	sent := r.text[at.begin:at.end]
	m := Message{JSON: sent, Environment: r.environment, Sent: len(sent)}
	var room [2]edit
	edits := room[:0]
	if r.rules[properties] == object && !r.hasIP {
		edits = append(edits, edit{span{r.inside, r.inside}, r.ip()})
	}
	with, stamped := r.stampEdit(at)
	m.Stamped = stamped
	if with.with != nil {
		edits = append(edits, with)
	}
	if len(edits) == 2 && edits[1].begin < edits[0].begin {
		edits[0], edits[1] = edits[1], edits[0]
	}
	if len(edits) > 0 {
		m.JSON = r.apply(at, edits)
	}
	return m
}

// ip returns the member that goes first into the properties.
func (r *reader) ip() []byte {
	dst := append(r.scratch[:0], `"$ip":`...)
	if ip := r.add.IP; ip.IsValid() {
		dst = append(ip.AppendTo(append(dst, '"')), '"')
	} else {
		dst = append(dst, '0')
	}
	rest := scan{text: r.text, at: r.inside}
	if rest.space(); r.text[rest.at] != '}' {
		dst = append(dst, ',')
	}
	r.scratch = dst
	return dst
}

// stampEdit returns what gives the message a timestamp that is a string, and
// whether it came with one.
func (r *reader) stampEdit(at span) (_ edit, stamped bool) {
	value := r.text[r.stamp.begin:r.stamp.end]
	switch {
	case len(value) == 0:
		end := at.end - len("}")
		return edit{span{end, end}, encode.Timestamp(append(r.stampText[:0], `,"timestamp":`...), r.nextStamp())}, false
	case value[0] == 'n':
		return edit{r.stamp, encode.Timestamp(r.stampText[:0], r.nextStamp())}, false
	case value[0] == '"':
		return edit{}, true
	}
	n, _ := integer(value)
	if t := timeOf(n); t.Year() >= 1 && t.Year() <= 9999 {
		return edit{r.stamp, encode.Timestamp(r.stampText[:0], t.UnixMicro())}, true
	}
	return edit{}, true // refused behind the stream
}

func (r *reader) nextStamp() int64 {
	if r.add.Stamp == nil {
		return time.Now().UnixMicro()
	}
	return r.add.Stamp().UnixMicro()
}

// apply returns a copy of the message with the edits. Copies share memory.
func (r *reader) apply(at span, edits []edit) []byte {
	size := at.end - at.begin
	for _, e := range edits {
		size += len(e.with)
	}
	if cap(r.added)-len(r.added) < size {
		const margin = 1 << 10
		r.added = make([]byte, 0, size+margin+min(len(r.text)-at.end, 64<<10)*5/4)
	}
	begin, from := len(r.added), at.begin
	for _, e := range edits {
		r.added = append(append(r.added, r.text[from:e.begin]...), e.with...)
		from = e.end
	}
	r.added = append(r.added, r.text[from:at.end]...)
	return r.added[begin:len(r.added):len(r.added)]
}
