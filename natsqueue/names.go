package natsqueue

import (
	"regexp"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The names are those under which the relay reads: its package broker has them too.

// maxMessage is the size of the largest message on a stream, in bytes.
const maxMessage = 2 << 20

var tenantPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// isTenant reports whether name can be a tenant's. "dlq" is where the dead letters
// of all tenants are.
func isTenant(name string) bool { return tenantPattern.MatchString(name) && name != "dlq" }

func streamOf(tenant string) string { return "ALTERTABLE_" + tenant }

func isEndpoint(name string) bool {
	return name == "track" || name == "identify" || name == "alias"
}

// subjectOf returns where messages of the endpoint are published. All identifies
// are in partition 0.
func subjectOf(tenant, endpoint string) string {
	if endpoint == "identify" {
		endpoint = "identify.0"
	}
	return "altertable.v1." + tenant + "." + endpoint
}

// header returns that of a message. A stream of another name, whose subjects cover
// everything say, would store what no relay ever reads: the broker refuses that.
func (q *queue) header(id string) nats.Header {
	return nats.Header{
		jetstream.MsgIDHeader:          {id},
		jetstream.ExpectedStreamHeader: {q.stream},
	}
}

// headerSize returns how many bytes h takes within a message.
func headerSize(h nats.Header) int {
	n := len("NATS/1.0\r\n") + len("\r\n")
	for key, values := range h {
		for _, value := range values {
			n += len(key) + len(": ") + len(value) + len("\r\n")
		}
	}
	return n
}
