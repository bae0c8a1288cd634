package deadletter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// What one reader holds in memory, and how it deals with a broker that is away.
const (
	aheadMessages = 256
	aheadBytes    = 3 * broker.MaxMessage // a letter of the relay's fits, with its headers
	idle          = 2 * time.Second       // without a letter: is there one?
	inactive      = time.Minute           // then the broker forgets the reader
	attempts      = 6                     // without a letter in between
	firstWait     = 100 * time.Millisecond
)

// List calls each for every letter that the filter chooses, tenant by tenant, each
// tenant's oldest first, until it returns an error, which List returns as it is. What
// is stored during the call is left out. Letters may be put, replayed and purged
// meanwhile: one that is gone when its turn comes is left out. Only a few letters are
// in memory, however many there are; each may keep its letter, and may take its time.
//
// List blocks until the last letter or until ctx ends.
func (s *Store) List(ctx context.Context, f Filter, each func(Letter) error) error {
	return s.read(ctx, f, false, func(l *stored) error {
		l.show()
		return each(l.Letter)
	})
}

// ListHeaders is List for those who do not look into the letters, of which the broker
// sends less: Message and Encoding are empty.
func (s *Store) ListHeaders(ctx context.Context, f Filter, each func(Letter) error) error {
	return s.read(ctx, f, true, func(l *stored) error { return each(l.Letter) })
}

func (s *Store) read(ctx context.Context, f Filter, heads bool, each func(*stored) error) error {
	tenants, err := s.chosen(f)
	if err != nil {
		return err
	}
	for _, tenant := range tenants {
		stream, err := s.stream(ctx, tenant)
		if err != nil {
			return err
		}
		r := newReader(stream, tenant, f, heads, each)
		switch err := r.read(ctx); {
		case r.failed != nil:
			return r.failed
		case err != nil:
			return fmt.Errorf("tenant %q: %w", tenant, err)
		}
	}
	return nil
}

// stream returns the tenant's stream of dead letters as it is now.
func (s *Store) stream(ctx context.Context, tenant string) (jetstream.Stream, error) {
	stream, err := s.js.Stream(ctx, broker.DeadStream(tenant))
	switch {
	case err == nil:
		return stream, nil
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, fmt.Errorf("tenant %q: there is no stream of dead letters: a relay that serves the tenant makes it: %w", tenant, err)
	}
	return nil, fmt.Errorf("tenant %q: the stream of dead letters cannot be reached: is the broker there? %w", tenant, err)
}

// A reader reads one tenant's letters in order, by consumers that nobody else
// sees and that the broker need not remember. It begins a new one after the last
// letter whenever something did not come.
type reader struct {
	stream jetstream.Stream
	tenant string
	filter Filter
	heads  bool
	each   func(*stored) error
	first  uint64 // of the stream
	next   uint64 // to read
	last   uint64 // to read
	single bool   // one letter at a time, whatever its size
	failed error  // of each
}

func newReader(stream jetstream.Stream, tenant string, f Filter, heads bool, each func(*stored) error) *reader {
	state := stream.CachedInfo().State
	first := max(1, state.FirstSeq) // 0 of a stream that never had a letter
	return &reader{stream: stream, tenant: tenant, filter: f, heads: heads, each: each,
		first: first, next: first, last: state.LastSeq}
}

// errGap is a letter that did not come.
var errGap = errors.New("the broker sends no more")

func (r *reader) read(ctx context.Context) error {
	for failures, wait := 0, firstWait; r.next <= r.last; {
		before := r.next
		err := r.follow(ctx)
		switch {
		case err == nil:
			return nil
		case r.failed != nil:
			return r.failed
		case ctx.Err() != nil:
			return ctx.Err()
		case r.next > before:
			failures, wait = 0, firstWait
		}
		r.single = errors.Is(err, nats.ErrTimeout)
		if failures++; failures == attempts {
			return fmt.Errorf("dead letters cannot be read: is the broker there? %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait *= 2
	}
	return nil
}

// follow reads until the last letter, in which case it returns nil.
func (r *reader) follow(ctx context.Context) error {
	consumer, err := r.stream.CreateConsumer(ctx, r.config())
	if err != nil {
		return err
	}
	defer r.forget(ctx, consumer)
	info := consumer.CachedInfo()
	if r.next = max(r.next, info.Delivered.Stream+1); info.NumPending == 0 {
		return r.check(ctx)
	}
	letters, err := consumer.Messages(r.ahead())
	if err != nil {
		return err
	}
	defer letters.Stop()
	defer context.AfterFunc(ctx, letters.Stop)()
	for count := uint64(1); ; count++ {
		m, err := letters.Next(jetstream.NextMaxWait(idle))
		if err != nil {
			if more := r.check(ctx); more != nil {
				return fmt.Errorf("%w (%w)", more, err)
			}
			return nil
		}
		done, err := r.take(ctx, m, count)
		if err != nil || done {
			return err
		}
	}
}

// ahead is how much the broker may send before it is asked for. Of a letter that is
// larger than that, which the relay did not put there, it sends nothing.
func (r *reader) ahead() jetstream.PullMessagesOpt {
	if r.single {
		return jetstream.PullMaxMessages(1)
	}
	return jetstream.PullMaxMessagesWithBytesLimit(aheadMessages, aheadBytes)
}

// config begins by time until the broker has said which letter that is.
func (r *reader) config() jetstream.ConsumerConfig {
	config := jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       r.next,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: inactive,
		MemoryStorage:     true,
		Replicas:          1,
		HeadersOnly:       r.heads,
	}
	if r.next == r.first && !r.filter.Since.IsZero() {
		config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &r.filter.Since
	}
	return config
}

// forget ends a consumer at once, which would end by itself.
func (r *reader) forget(ctx context.Context, consumer jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = r.stream.DeleteConsumer(ctx, consumer.CachedInfo().Name)
}

// check returns nil if there is no letter to read: those that there were have been
// replayed, purged, or are too old.
func (r *reader) check(ctx context.Context) error {
	found, err := r.stream.GetMsg(ctx, r.next, jetstream.WithGetMsgSubject(">"))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil
	case err != nil:
		return err
	case found.Sequence > r.last:
		return nil
	}
	return errGap
}

// take gives one letter to each. count is its number among those of the consumer.
func (r *reader) take(ctx context.Context, m jetstream.Msg, count uint64) (done bool, err error) {
	meta, err := m.Metadata()
	switch {
	case err != nil:
		return false, err
	case meta.Sequence.Consumer != count:
		return false, errGap
	case meta.Sequence.Stream > r.last:
		return true, nil
	}
	if l := r.decode(m, meta); r.chooses(&l.Letter) {
		if r.failed = r.each(l); r.failed != nil {
			return true, r.failed
		}
	}
	r.next = meta.Sequence.Stream + 1
	if meta.NumPending == 0 && r.next <= r.last {
		return true, r.check(ctx)
	}
	return r.next > r.last, nil
}

func (r *reader) decode(m jetstream.Msg, meta *jetstream.MsgMetadata) *stored {
	subject, headers := m.Subject(), m.Headers()
	l := &stored{id: headers.Get(jetstream.MsgIDHeader), Letter: Letter{
		Sequence: meta.Sequence.Stream,
		Time:     meta.Timestamp.UTC(),
		Tenant:   r.tenant,
		Endpoint: subject[strings.LastIndexByte(subject, '.')+1:],
		Code:     code(headers.Get(broker.HeaderCode)),
		Reason:   reason(headers.Get(headerReason)),
	}}
	if !r.heads {
		l.open(m.Data(), headers.Get(headerEncoding))
	}
	return l
}

func (r *reader) chooses(l *Letter) bool {
	return (r.filter.Code == "" || r.filter.Code == l.Code) && !l.Time.Before(r.filter.Since)
}
