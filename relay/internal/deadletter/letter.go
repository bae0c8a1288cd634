package deadletter

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// Headers of a letter, beside broker.HeaderCode and the Msg-Id. Its endpoint is the
// last token of its subject.
const (
	headerReason   = "Altertable-Reason"
	headerEncoding = "Altertable-Encoding"
)

// What a letter's payload is: the JSON of an altertable.Raw, if there is no header
// for it, or the bytes that were refused, which are no JSON. Either can be
// compressed, so that what was close to the broker's limit has room for the headers
// of a letter.
const (
	encodingRaw     = "raw"
	encodingGzip    = "gzip"
	encodingRawGzip = "raw-gzip"
)

// Bounds of what is read and written.
const (
	maxCode   = 64
	maxReason = 256
	maxOpened = 4 * broker.MaxMessage // of a compressed payload
)

const otherCode = "other"

func isEndpoint(name string) bool { return name == "track" || name == "identify" || name == "alias" }

// encode returns the letter as it is published.
func (l *Letter) encode(id string) *nats.Msg {
	m := nats.NewMsg(broker.DeadSubject(l.Tenant, l.Endpoint))
	if id != "" {
		m.Header.Set(jetstream.MsgIDHeader, id)
	}
	m.Header.Set(broker.HeaderCode, code(l.Code))
	if text := reason(l.Reason); text != "" {
		m.Header.Set(headerReason, text)
	}
	if json.Valid(l.Message) {
		prefix, suffix := frame(l.Endpoint)
		m.Data = append(append(append(make([]byte, 0, len(prefix)+len(l.Message)+len(suffix)), prefix...), l.Message...), suffix...)
	} else {
		m.Header.Set(headerEncoding, encodingRaw)
		m.Data = l.Message
	}
	return m
}

// frame is what stands around a message in the JSON of an altertable.Raw. It is
// written here since json.Marshal changes the message's bytes.
func frame(endpoint string) (prefix, suffix string) {
	return `{"endpoint":"` + endpoint + `","message":`, "}"
}

// compress makes the payload smaller, or returns false.
func compress(m *nats.Msg) bool {
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	_, _ = w.Write(m.Data) // a Buffer has no error
	_ = w.Close()
	if small.Len() >= len(m.Data) {
		return false
	}
	as := encodingGzip
	if m.Header.Get(headerEncoding) == encodingRaw {
		as = encodingRawGzip
	}
	m.Header.Set(headerEncoding, as)
	m.Data = small.Bytes()
	return true
}

// A stored letter is one as it is on the stream.
type stored struct {
	Letter
	id     string
	bytes  []byte // what was refused
	isJSON bool
}

// open takes the bytes that were refused out of the payload. A payload that is not what
// Put writes is what was refused.
func (s *stored) open(payload []byte, encoding string) {
	s.bytes = payload
	if encoding == encodingGzip || encoding == encodingRawGzip {
		opened, ok := decompress(payload)
		if !ok {
			return
		}
		s.bytes = opened
	}
	if encoding == encodingRaw || encoding == encodingRawGzip {
		return
	}
	prefix, suffix := frame(s.Endpoint)
	inner, begins := bytes.CutPrefix(s.bytes, []byte(prefix))
	inner, ends := bytes.CutSuffix(inner, []byte(suffix))
	if begins && ends && json.Valid(inner) {
		s.bytes, s.isJSON = inner, true
	}
}

func decompress(payload []byte) (opened []byte, ok bool) {
	r, err := gzip.NewReader(bytes.NewReader(payload))
	if err != nil {
		return nil, false
	}
	opened, err = io.ReadAll(io.LimitReader(r, maxOpened+1))
	return opened, err == nil && len(opened) <= maxOpened
}

// show sets Message and Encoding.
func (s *stored) show() {
	switch {
	case s.isJSON && utf8.Valid(s.bytes): // package json does not look
		s.Message = s.bytes
	case utf8.Valid(s.bytes):
		s.Encoding = "text"
		s.Message, _ = json.Marshal(string(s.bytes)) // a string has no error
	default:
		s.Encoding = "base64"
		s.Message = []byte(`"` + base64.StdEncoding.EncodeToString(s.bytes) + `"`)
	}
}

// again returns the letter as it is published on the tenant's stream. The id is the
// same whenever the letter is replayed, and another for each letter: of a stream that
// was made anew as well, since the time is in it.
func (s *stored) again() *nats.Msg {
	h := sha256.New()
	var numbers [16]byte
	binary.BigEndian.PutUint64(numbers[:8], s.Sequence)
	binary.BigEndian.PutUint64(numbers[8:], uint64(s.Time.UnixNano()))
	h.Write(numbers[:])
	h.Write([]byte(s.Tenant + "\x00" + s.id))
	m := nats.NewMsg(broker.Subject(s.Tenant, s.Endpoint))
	m.Header.Set(jetstream.MsgIDHeader, "dead-"+hex.EncodeToString(h.Sum(nil)[:16]))
	m.Data = s.bytes
	if s.isJSON {
		m.Data = append(append(append(make([]byte, 0, len(s.bytes)+2), '['), s.bytes...), ']')
	}
	return m
}

// code returns what a header, a filter and a metric can hold.
func code(text string) string {
	if text == "" || len(text) > maxCode {
		return otherCode
	}
	for _, c := range []byte(text) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-') {
			return otherCode
		}
	}
	return text
}

// reason returns one line of bounded length.
func reason(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	for len(text) > maxReason {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return strings.TrimRight(text, " ")
}
