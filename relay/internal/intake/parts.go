package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/nats-io/nuid"

	"github.com/altertable-ai/altertable-go/relay/internal/body"
	"github.com/altertable-ai/altertable-go/relay/internal/gather"
)

const (
	maxEvents = gather.MaxEvents // of a part
	maxBytes  = gather.MaxBytes  // of a part of more than one event
	maxParts  = 1000             // of a body; only one of as many environments has more
)

// A part is what becomes one message of the stream: events of one environment, in
// the order of the body.
type part struct {
	messages []body.Message
	size     int // of its JSON array
}

// split makes parts of the messages, which it sorts by environment. Events of
// different environments have no order among each other. What the parts are
// depends on what was sent alone, not on what was added: a retry, perhaps from
// another address, must make the same ones, since their ids are the same.
func split(messages []body.Message, into []part) []part {
	sortByEnvironment(messages)
	for begin := 0; begin < len(messages); {
		end, sent, size := begin, 0, len("[]")
		for end < len(messages) && end-begin < maxEvents && messages[end].Environment == messages[begin].Environment {
			m := &messages[end]
			if sent += m.Sent + len(","); end > begin && sent > maxBytes {
				break
			}
			size += len(m.JSON) + len(",")
			end++
		}
		into = append(into, part{messages[begin:end], size - len(",")})
		begin = end
	}
	return into
}

// sortByEnvironment brings messages of one environment together, in the order in
// which the environments come first.
func sortByEnvironment(messages []body.Message) {
	same := func(m body.Message) bool { return m.Environment != messages[0].Environment }
	if !slices.ContainsFunc(messages, same) {
		return
	}
	rank := map[string]int{}
	for _, m := range messages {
		if _, ok := rank[m.Environment]; !ok {
			rank[m.Environment] = len(rank)
		}
	}
	slices.SortStableFunc(messages, func(a, b body.Message) int { return rank[a.Environment] - rank[b.Environment] })
}

// join appends the part's JSON array.
func (p *part) join(dst []byte) []byte {
	dst = append(dst, '[')
	for i, m := range p.messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, m.JSON...)
	}
	return append(dst, ']')
}

// isWhole reports whether text, the body that is the one part, is its array
// already, except for some white space.
func (p *part) isWhole(text []byte) bool {
	const space = 1 << 10 // that is not worth a copy
	if len(text) > p.size+space || bytes.TrimLeft(text, " \t\r\n")[0] != '[' {
		return false
	}
	for i := range p.messages {
		if m := &p.messages[i]; len(m.JSON) != m.Sent { // what is added is never as long as what it replaces
			return false
		}
	}
	return true
}

// id returns what the ids of a body's parts begin with. That of a body whose
// messages all came with a timestamp is the same on a retry, so that the broker
// stores it once; else the retry is another event, as it is at the API. A browser's
// is never that of a server: it would be stored in its place, with the browser's $ip.
func id(tenant, endpoint string, browser bool, text []byte, messages []body.Message) string {
	for i := range messages {
		if !messages[i].Stamped {
			return nuid.Next()
		}
	}
	const version = "1" // of how a body is cut into parts
	h := sha256.New()
	for _, s := range [...]string{version, tenant, endpoint, strconv.FormatBool(browser)} {
		h.Write(append([]byte(s), 0))
	}
	h.Write(text)
	const enough = 16
	var sum [sha256.Size]byte
	return hex.EncodeToString(h.Sum(sum[:0])[:enough])
}
