package drain

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// pulls speaks with the broker about one stream's consumers. It makes pull requests
// itself: jetstream's Fetch by bytes reserves memory for a million messages each time,
// and hides the pin's id and why a request ended.
type pulls struct {
	js     jetstream.JetStream
	conn   *nats.Conn // nil where no stream is drained
	stream string
	prefix string // of JetStream's API
}

func newPulls(js jetstream.JetStream, stream string) *pulls {
	p := &pulls{js: js, stream: stream, prefix: "$JS.API."}
	if js == nil {
		return p // New alone is asked
	}
	p.conn = js.Conn()
	switch o := js.Options(); {
	case o.APIPrefix != "":
		p.prefix = o.APIPrefix
		if p.prefix[len(p.prefix)-1] != '.' {
			p.prefix += "."
		}
	case o.Domain != "":
		p.prefix = "$JS." + o.Domain + ".API."
	}
	return p
}

// connected reports whether acknowledgements can be written now.
func (p *pulls) connected() bool { return p.conn == nil || p.conn.IsConnected() }

// A pullRequest is JetStream's request for messages.
type pullRequest struct {
	Batch    int           `json:"batch"`
	MaxBytes int           `json:"max_bytes,omitempty"`
	Expires  time.Duration `json:"expires"`
	Group    string        `json:"group"`
	Pin      string        `json:"id,omitempty"`
}

// Statuses that end a pull request.
const (
	statusControl  = "100" // does not
	statusConflict = "409"
	statusWrongPin = "423"
	statusNobody   = "503"
)

// request asks for messages, which come to the subject reply.
func (p *pulls) request(consumer, reply string, r pullRequest) error {
	r.Group = broker.Group
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return p.conn.PublishRequest(p.prefix+"CONSUMER.MSG.NEXT."+p.stream+"."+consumer, reply, body)
}

// errNotPinned says that the broker knows the consumer under another pin.
var errNotPinned = errors.New("relay: another pin")

// hold makes a request that no message fits into. When it returns nil, the broker has
// begun to wait for another PinnedTTL, if pin is the consumer's.
func (p *pulls) hold(ctx context.Context, consumer, pin string) error {
	body, err := json.Marshal(pullRequest{Batch: 1, MaxBytes: 1, Expires: time.Millisecond, Group: broker.Group, Pin: pin})
	if err != nil {
		return err
	}
	answer, err := p.conn.RequestWithContext(ctx, p.prefix+"CONSUMER.MSG.NEXT."+p.stream+"."+consumer, body)
	switch {
	case err != nil:
		return err
	case answer.Header.Get("Status") == statusWrongPin:
		return errNotPinned
	}
	return nil
}

// A state is what a consumer says of itself.
type state struct {
	pin         string
	pending     int    // delivered and not acknowledged
	floor       uint64 // stream sequence up to which everything is acknowledged
	leader      string // of the replicas, and since when
	leaderSince time.Time
	ttl         time.Duration // of its pin
	ackWait     time.Duration
}

func (p *pulls) state(ctx context.Context, consumer string) (state, error) {
	c, err := p.js.Consumer(ctx, p.stream, consumer)
	if err != nil {
		return state{}, err
	}
	info := c.CachedInfo()
	s := state{
		pending: info.NumAckPending, floor: info.AckFloor.Stream,
		ttl: info.Config.PinnedTTL, ackWait: info.Config.AckWait,
	}
	if len(info.PriorityGroups) > 0 {
		s.pin = info.PriorityGroups[0].PinnedClientID
	}
	if info.Cluster != nil {
		s.leader = info.Cluster.Leader
		if since := info.Cluster.LeaderSince; since != nil {
			s.leaderSince = *since
		}
	}
	return s, nil
}

// reset takes the consumer back to its first message that is not acknowledged.
func (p *pulls) reset(ctx context.Context, consumer string) error {
	_, err := p.js.ResetConsumer(ctx, p.stream, consumer)
	return err
}

// message reads a message of the stream.
func (p *pulls) message(ctx context.Context, sequence uint64) (*jetstream.RawStreamMsg, error) {
	stream, err := p.js.Stream(ctx, p.stream)
	if err != nil {
		return nil, err
	}
	return stream.GetMsg(ctx, sequence)
}

// unpin gives up the lead.
func (p *pulls) unpin(ctx context.Context, consumer string) error {
	_, err := p.conn.RequestWithContext(ctx, p.prefix+"CONSUMER.UNPIN."+p.stream+"."+consumer,
		[]byte(`{"group":`+strconv.Quote(broker.Group)+`}`))
	return err
}

// Acknowledgements, as JetStream reads them.
var (
	ackDone     = []byte("+ACK")
	ackProgress = []byte("+WPI")
)

// flush waits until the broker has read what was published.
func (p *pulls) flush(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return p.conn.FlushWithContext(limit)
}

// pinOf returns the pin under which a message was delivered.
func pinOf(m *nats.Msg) string { return m.Header.Get("Nats-Pin-Id") }
