package drain

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	altertable "github.com/altertable-ai/altertable-go"
)

// askForMissing asks for missing environments when that is due, one at a time, until
// ctx ends.
func (s *session) askForMissing(ctx context.Context) {
	for ctx.Err() == nil {
		e, long := s.d.missing.due()
		if e != nil {
			s.askFor(ctx, e)
			continue
		}
		timer := time.NewTimer(long)
		select {
		case <-timer.C:
		case <-s.asks:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// askSoon has askForMissing look again.
func (s *session) askSoon() {
	select {
	case s.asks <- struct{}{}:
	default:
	}
}

// askFor finds out whether an environment exists by now.
func (s *session) askFor(ctx context.Context, e *environment) {
	event, err := s.read(ctx, e.sample)
	switch {
	case errors.Is(err, errGone):
		s.comesBack(e)
	case err != nil:
		s.d.warnOfBroker(s.lanes[0].consumer, err)
		s.d.missing.stays(e, s.d.pauseFor)
	default:
		s.answered(e, s.ask(ctx, e.sample.endpoint, event))
	}
}

// errGone says that an event is not on the stream any more.
var errGone = errors.New("relay: the message is gone")

// read reads an event again: it is not kept while it waits.
func (s *session) read(ctx context.Context, of sample) ([]byte, error) {
	limit, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	m, err := s.d.broker.message(limit, of.sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, errGone
	}
	if err != nil {
		return nil, err
	}
	id, _ := idOf(m.Header, m.Sequence, m.Time)
	events, err := split(nil, m.Data)
	if err != nil || id != of.id || len(events) != of.events {
		return nil, errGone // the stream was made anew
	}
	return events[of.item], nil
}

// ask sends an event by a client of its own: the session's sends nothing more to a
// missing environment. It returns what became of it.
func (s *session) ask(ctx context.Context, endpoint string, event []byte) error {
	client, err := s.d.newClient(probe{s.fence}, func(b altertable.Delivery) {
		if b.Err == nil {
			s.d.o.Metrics.Delivered(s.d.o.Tenant, b.Endpoint, b.Count)
		}
	})
	if err != nil {
		return err
	}
	defer func() { _ = client.Shutdown(ended) }()
	outcome := make(chan error, 1)
	if err := client.Enqueue(ctx, altertable.Raw{Endpoint: endpoint, JSON: event}, func(err error) { outcome <- err }); err != nil {
		return err
	}
	_ = client.Flush(ended)
	select {
	case err = <-outcome:
		return err
	case <-ctx.Done():
	}
	_ = client.Shutdown(ended)
	select {
	case err = <-outcome: // it came at the last moment
		return err
	default:
		return ctx.Err()
	}
}

// answered judges what came of the event of a missing environment.
func (s *session) answered(e *environment, err error) {
	switch verdictOn(err) {
	case missing, over:
		s.d.missing.stays(e, s.d.pauseFor)
	case account:
		s.d.missing.stays(e, s.d.pauseFor)
		s.pause(err)
	case done:
		s.settleSample(e.sample)
		s.d.log.Info("relay: the environment is there, its messages are delivered", "environment", e.name)
		s.comesBack(e)
	case refused: // its message comes again, and it is refused again
		s.comesBack(e)
	}
}

// comesBack brings an environment's messages once more, in order.
func (s *session) comesBack(e *environment) {
	s.d.missing.returned(e)
	s.end(graceful, "an environment is not missing any more")
}

// settleSample notes that the event of a missing environment was delivered, whether its
// message is held or still to come.
func (s *session) settleSample(of sample) {
	s.mu.Lock()
	h := s.held[of.id]
	if h != nil {
		h.missing--
	}
	s.mu.Unlock()
	if h == nil {
		s.d.progress.mark(of.id, of.item, of.events, refusal{})
		return
	}
	s.settle(h, of.item, refusal{})
}
