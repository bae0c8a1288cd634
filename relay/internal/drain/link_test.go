package drain

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// A link is the network between a drain and the broker.
type link struct {
	listener net.Listener
	target   string
	swallows atomic.Bool // what the drain sends is lost

	mu    sync.Mutex // guards conns
	conns []net.Conn
}

func newLink(t *testing.T, n *node) *link {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &link{listener: l, target: "127.0.0.1:" + strconv.Itoa(n.port)}
	var team sync.WaitGroup
	team.Go(func() { p.serve(&team) })
	t.Cleanup(func() { _ = l.Close(); p.cut(); team.Wait() })
	return p
}

func (p *link) serve(team *sync.WaitGroup) {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		out, err := net.Dial("tcp", target)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, in, out)
		p.mu.Unlock()
		team.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
		team.Go(func() { _, _ = io.Copy(lossy{out, &p.swallows}, in); _ = out.Close() })
	}
}

type lossy struct {
	io.Writer
	swallows *atomic.Bool
}

func (l lossy) Write(b []byte) (int, error) {
	if l.swallows.Load() {
		return len(b), nil
	}
	return l.Writer.Write(b)
}

// cut ends all connections. New ones can be made.
func (p *link) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *link) lead(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// through starts a drain whose connection goes through the link.
func (b *bench) through(p *link) *run {
	conn, err := nats.Connect("nats://"+p.listener.Addr().String(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond),
		nats.ReconnectJitter(0, 0), nats.ReconnectBufSize(-1))
	require.NoError(b.t, err)
	b.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(b.t, err)
	return b.drain(func(d *Drain) {
		d.broker = newPulls(js, broker.Stream("acme"))
		d.o.JetStream = js
	})
}

func TestALostAcknowledgementRepeatsNothing(t *testing.T) {
	b := newBench(t)
	b.ack = 600 * time.Millisecond
	b.makeConsumers()
	p := newLink(t, b.node)
	d := b.through(p)
	b.sink.setAfter(func(http.ResponseWriter) bool { p.swallows.Store(true); return false })
	b.send("track", 20)
	until(t, "delivered", func() bool { return b.sink.all() && d.Status().Held == 0 })
	assert.False(t, b.empty())
	b.sink.setAfter(nil)
	p.swallows.Store(false)
	p.cut()
	b.requireAll(0)
}

func TestAnAcknowledgementThatCannotBeWrittenIsWrittenLater(t *testing.T) {
	b := newBench(t)
	p := newLink(t, b.node)
	b.ack = 900 * time.Millisecond // of the drain; at the broker it is longer, and nothing comes again by time
	d := b.through(p)
	gate, arrived := make(chan struct{}), make(chan struct{}, 100)
	b.sink.setAfter(func(http.ResponseWriter) bool { arrived <- struct{}{}; <-gate; return false })
	b.send("track", 20)
	<-arrived
	p.lead("127.0.0.1:1") // the broker is away
	p.cut()
	until(t, "disconnected", func() bool { return d.broker.conn.Status() != nats.CONNECTED })
	close(gate)
	until(t, "delivered", func() bool { return d.Status().Held == 0 })
	assert.False(t, b.empty())
	p.lead("127.0.0.1:" + strconv.Itoa(b.node.port))
	b.requireAll(0)
}

// A link that is cut again and again, with messages and acknowledgements on it.
func TestALinkThatIsCut(t *testing.T) {
	b := newBench(t)
	p := newLink(t, b.node)
	b.sink.setAnswer(func(http.ResponseWriter, string, []sunk) bool { time.Sleep(2 * time.Millisecond); return false })
	b.through(p)
	for i := range 60 {
		b.send("identify", 20)
		b.send("track", 20)
		if i%10 == 9 {
			until(t, "some", func() bool { return b.sink.countApplied() > 20*i })
			p.cut()
		}
	}
	b.requireAll(0)
}
