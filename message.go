package altertable

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// A Message is a Track, an Identify, an Alias or a Raw, by value: what Enqueue and
// Encode take. WithBeforeSend's function receives and returns the first three.
type Message interface {
	// encode writes the message into e. It reports false for one that is discarded.
	encode(ctx context.Context, c *Client, e *envelope) (keep bool, err error)
}

// An endpoint is one of the API's three.
type endpoint uint8

const (
	trackEndpoint endpoint = iota
	identifyEndpoint
	aliasEndpoint
)

func (e endpoint) String() string { return [...]string{"track", "identify", "alias"}[e] }

// An envelope is a message on its way from the call into a batch: its JSON and
// what the queue must know of it. It belongs to the calling goroutine; while
// that waits for room, to the queue. It refers to nothing of the caller's.
type envelope struct {
	endpoint    endpoint
	environment []byte
	json        []byte
	person      person        // of an identify
	now         time.Time     // of the call
	acceptedAt  time.Duration // on the queue's clock
	stampAt     int           // where in json the timestamp's value begins; `}` follows it
	stamp       int64         // microseconds since 1970; 0: none yet
	own         bool          // stamped by the client, not by the caller
	done        func(error)   // told of the outcome; nil if nobody waits for it
	adopted     bool          // left by a dead client
	discarded   string        // by what, for the log, if encode returns false
	merged      Properties    // a track's own and those of its context; free empties it
}

// What discards messages, in the words of the log.
const (
	byBeforeSend = "BeforeSend"
	byConsent    = "consent"
)

// maxPooledJSON bounds the scratch that is kept for the next call.
const maxPooledJSON = 64 << 10

var envelopes = sync.Pool{New: func() any { return &envelope{json: make([]byte, 0, 1024)} }}

func newEnvelope() *envelope {
	e := envelopes.Get().(*envelope)
	e.now = time.Now()
	return e
}

func (e *envelope) free() {
	e.freeMerged()
	e.done = nil
	if cap(e.json) <= maxPooledJSON {
		e.stamp = 0
		envelopes.Put(e)
	}
}

// restamp gives e this stamp in the place of the one it has.
func (e *envelope) restamp(stamp int64) {
	e.stamp = stamp
	e.json = append(encode.Timestamp(e.json[:e.stampAt], stamp), '}')
}

// A stamper gives out the client's timestamps: microseconds since 1970, each
// later than the one before even if the system's clock stands or steps back.
// The platform ignores an identify that is not newer than the one it has.
type stamper struct{ last atomic.Int64 }

func (s *stamper) next(now time.Time) int64 {
	stamp := now.UnixMicro()
	for {
		last := s.last.Load()
		stamp = max(stamp, last+1)
		if s.last.CompareAndSwap(last, stamp) {
			return stamp
		}
	}
}

// fill fills in what the caller left empty, for BeforeSend to see.
func (e *envelope) fill(c *Client, timestamp *time.Time, environment *string) {
	if timestamp.IsZero() {
		e.stamp = c.stamps.next(e.now)
		*timestamp = time.UnixMicro(e.stamp).UTC()
	}
	if *environment == "" {
		*environment = c.cfg.environment
	}
}

// hook passes m through BeforeSend, and lets write encode what comes back. It
// reports false for a discarded message.
func hook[M Message](c *Client, m M, e *envelope, write func(*M, *Client, *envelope) error) (keep bool, err error) {
	if m, keep, err = applyHook(c.cfg, m); !keep {
		e.discarded = byBeforeSend
		return false, err
	}
	return true, write(&m, c, e)
}

// applyHook passes m through BeforeSend. It reports false for a discarded message.
func applyHook[M Message](cfg *config, m M) (_ M, keep bool, err error) {
	defer func() {
		if recover() != nil {
			keep, err = false, &ValidationError{"message", "made BeforeSend panic"}
		}
	}()
	switch returned := cfg.beforeSend(m).(type) {
	case M:
		return returned, true, nil
	case nil:
		return m, false, nil
	}
	return m, false, &ValidationError{"message", "came back from BeforeSend as another type"}
}

// copied returns a copy of m for BeforeSend, which may write to it even if m is nil.
func copied[M ~map[string]any](m M) M {
	c := make(M, len(m))
	for name, value := range m { // maps.Copy would make the caller's map escape to the heap
		c[name] = value
	}
	return c
}

// inUTC returns the same instant, without the caller's *time.Location.
func inUTC(t time.Time) time.Time { return time.Unix(t.Unix(), int64(t.Nanosecond())).UTC() }

// begin starts the message's JSON.
func (e *envelope) begin(c *Client, ep endpoint, environment string) error {
	if environment == "" {
		environment = c.cfg.environment
	} else if isBlank(environment) {
		return &ValidationError{"environment", "must not be blank"}
	}
	e.endpoint = ep
	e.environment = append(e.environment[:0], environment...)
	e.json = encode.String(append(e.json[:0], `{"environment":`...), environment)
	return nil
}

// field appends a member whose value is a string.
func (e *envelope) field(name, value string) {
	e.json = append(e.json, ',', '"')
	e.json = append(e.json, name...)
	e.json = encode.String(append(e.json, '"', ':'), value)
}

// ids appends the ids of a track or an identify. An anonymous id that identifies
// nobody, or is the user's own, says nothing and is left out.
func (e *envelope) ids(distinctID, anonymousID, deviceID string) {
	e.field("distinct_id", distinctID)
	if anonymousID == distinctID || isNobody(anonymousID) {
		anonymousID = ""
	} else {
		e.field("anonymous_id", anonymousID)
	}
	if e.endpoint == identifyEndpoint {
		e.person = newPerson(distinctID, anonymousID)
	}
	if !isNobody(deviceID) {
		e.field("device_id", deviceID)
	}
}

// end appends the timestamp, last so that restamp can replace it, and closes the message.
func (e *envelope) end(c *Client, timestamp time.Time) error {
	given := e.stamp // 0, or what fill gave to BeforeSend
	switch sec := timestamp.Unix(); {
	case timestamp.IsZero():
		if given == 0 {
			given = c.stamps.next(e.now)
		}
		e.stamp, e.own = given, true
	case sec < firstSecond || sec > lastSecond:
		return &ValidationError{"timestamp", "has a year outside 1 to 9999"}
	default:
		e.stamp = timestamp.UnixMicro()
		e.own = given != 0 && e.stamp == given
	}
	e.json = append(e.json, `,"timestamp":`...)
	e.stampAt = len(e.json)
	e.restamp(e.stamp)
	size := len(e.json)
	if e.own && e.stamp%1000 == 0 {
		size += len("000") // a restamp may add microseconds
	}
	return c.cfg.checkSize(size)
}

// The years that a timestamp's four digits can hold, in seconds since 1970.
const (
	firstSecond = -62_135_596_800 // 0001-01-01T00:00:00Z
	lastSecond  = 253_402_300_799 // 9999-12-31T23:59:59Z
)

// checkSize refuses a message that no batch or no queue can ever hold.
func (cfg *config) checkSize(message int) error {
	if message > cfg.maxMessageBytes() {
		return cfg.tooLarge(message, "")
	}
	return nil
}

func (cfg *config) maxMessageBytes() int {
	limit := min(cfg.maxBatchBytes-len("[]"), cfg.maxQueueBytes)
	if cfg.spool != nil {
		limit = int(min(int64(limit), cfg.spool.maxMessageBytes()))
	}
	return limit
}

// tooLarge returns the ErrTooLarge of a message of size bytes at least, most of
// them in the part of that name, if it is known. The bytes are as the option
// counts them that bounds the message.
func (cfg *config) tooLarge(size int, part string) error {
	option, limit := "WithMaxBatchBytes", cfg.maxBatchBytes
	most := cfg.maxMessageBytes()
	switch {
	case most == cfg.maxQueueBytes:
		option, limit = "WithMaxQueueBytes", most
	case cfg.spool != nil && int64(most) == cfg.spool.maxMessageBytes():
		option, limit = "SpoolMaxBytes", int(cfg.spool.maxBytes)
	}
	size += limit - most
	if part != "" {
		return fmt.Errorf("%w: %d bytes or more, most of them in %s; the limit is %d (%s)", ErrTooLarge, size, part, limit, option)
	}
	return fmt.Errorf("%w: %d bytes or more, the limit is %d (%s)", ErrTooLarge, size, limit, option)
}

// encodingError turns the encoder's error about a member of a field into the caller's.
func (cfg *config) encodingError(field string, err error) error {
	if errors.Is(err, encode.ErrTooLarge) {
		part := memberName(err)
		if part != "" {
			part = field + " " + part
		}
		return cfg.tooLarge(cfg.maxMessageBytes()+1, part)
	}
	return &ValidationError{field, memberReason(err)}
}

// memberReason says what the encoder's error is about, if that can be told, and
// what is wrong with it.
func memberReason(err error) string {
	if name := memberName(err); name != "" {
		return name + " " + err.Error()
	}
	return err.Error()
}

// namePattern is what a name, of a property or an environment, must look like to
// be shown in an error's text or a log line's address. Others may be personal
// data: an address as a key, say.
var namePattern = regexp.MustCompile(`^[\w.$ -]{1,64}$`)

// memberName returns the key that the encoder's error is about, in quotes, if
// it looks like a name, and otherwise "".
func memberName(err error) string {
	var member *encode.MemberError
	if errors.As(err, &member) && namePattern.MatchString(member.Key) {
		return `"` + member.Key + `"`
	}
	return ""
}
