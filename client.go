package altertable

import (
	"context"
	"time"
)

// Version is the version of this module, and part of the User-Agent of every request.
const Version = "0.2.0"

// A Client accepts messages into a bounded queue and delivers them in the
// background. Make one with New or NewFromEnv, share it, and Shutdown or Close
// it before the process ends. All methods are safe for concurrent use, and do
// nothing on a nil Client. A nil context counts as context.Background().
type Client struct {
	// Immutable after New.
	cfg        *config
	properties *commonProperties
	queue      *queue
	stamps     *stamper
}

// New returns a client that sends with the ingestion key apiKey, which can
// write and never read. The key is found in the dashboard,
// https://altertable.ai/dashboard. New reads no environment variable: see
// NewFromEnv.
//
// New does not touch the network. It starts no goroutine, except if a spool holds
// files of a dead client. It blocks only to read the directory of a spool, and to
// ask the logger whether debug level is enabled. The error is a *ConfigError that
// names the option, the value and the range; it never holds the key.
//
// A client made in a testing/synctest bubble works there alone, and one made
// outside works outside: elsewhere, calls return ErrClosed.
func New(apiKey string, opts ...Option) (*Client, error) {
	cfg, err := newConfig(apiKey, opts)
	if err != nil {
		return nil, err
	}
	properties, err := newCommonProperties(cfg)
	if err != nil {
		return nil, err
	}
	stamps := new(stamper)
	q := newQueue(cfg, newTransport(cfg), stamps)
	if cfg.spool != nil && !cfg.disabled {
		if err := q.openSpool(); err != nil {
			return nil, &ConfigError{cfg.spool.dirFrom, "the directory cannot be used: " + cause(err).Error()}
		}
	}
	return &Client{cfg: cfg, properties: properties, queue: q, stamps: stamps}, nil
}

// absent reports whether c is nil, or was not made by New.
func (c *Client) absent() bool { return c == nil || c.cfg == nil }

// submit ends an asynchronous call: the message in e, which encode returned with
// keep and err, goes into the queue. The error names the call.
func (c *Client) submit(ctx context.Context, call string, e *envelope, keep bool, err error) error {
	switch {
	case err != nil:
		c.queue.reject(err)
	case !keep:
		if err = c.queue.tellNothingToDo(orBackground(ctx), e); err == nil {
			c.queue.discard(e.discarded)
		}
	case c.cfg.disabled && !c.queue.isClosing():
		if err = c.queue.tellNothingToDo(orBackground(ctx), e); err == nil {
			c.queue.debug("altertable: message not queued, the client is disabled", nil)
		}
	default:
		err = c.queue.accept(orBackground(ctx), e)
	}
	return inCall(call, err)
}

// Flush sends what the queue holds and waits until every message accepted
// before the call has its outcome, and the callbacks were told. It does not
// wait longer than 250 ms for a callback that does not return: that may be
// Flush's caller. A backoff is not shortened. With a spool, Flush covers what
// is on disk, adopted messages among it, and waits for a refused key and a
// missing environment as for a server that is down.
//
// It returns nil only if all these messages were delivered. Otherwise it
// returns an *UndeliveredError, which joins ctx's error, if that ended, and the
// first cause. Messages without an outcome stay in the queue. After Close,
// Flush returns nil. With SpoolWriteOnly it always does: see there.
func (c *Client) Flush(ctx context.Context) error {
	if c.absent() {
		return nil
	}
	return c.queue.flush(orBackground(ctx))
}

// Shutdown stops the intake, so that calls return ErrClosed. It makes an
// attempt at once even while backing off, and then flushes, retrying until ctx
// ends. It returns within 250 ms after that, with every goroutine of the client
// stopped except a callback that does not return.
//
// It returns nil or an *UndeliveredError, as Flush does. Messages without
// an outcome when ctx ends are reported to WithOnError's function and
// counted as dropped.
//
// With a spool they stay on disk, which is no error. Shutdown does not wait for
// a key or an environment: it returns when its attempt was refused. What
// somebody has removed from the disk is lost, and counts as dropped.
//
// Concurrent calls join the first, each bounded by its own ctx; later ones
// return nil.
func (c *Client) Shutdown(ctx context.Context) error {
	if c.absent() {
		return nil
	}
	return c.queue.shutDown(orBackground(ctx))
}

// closeTimeout bounds Close.
const closeTimeout = 10 * time.Second

// Close is Shutdown bounded by 10 s, for defer. It returns as Shutdown does.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.Shutdown(ctx)
}

// String names the client's environment and host, never its key.
func (c *Client) String() string {
	if c.absent() {
		return "altertable.Client(nil)"
	}
	return "altertable.Client(" + c.cfg.environment + " at " + c.cfg.baseURL.Host + ")"
}

// GoString is String, for the verb %#v.
func (c *Client) GoString() string { return c.String() }

func orBackground(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}
