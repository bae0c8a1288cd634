package altertable

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An Option configures a Client. A nil Option, and a nil function, logger or
// HTTP client given to one, keeps the default.
type Option func(*config) error

// config is what New was told; it does not change afterwards.
type config struct {
	key         *string // a pointer, as visitorKey: printing a config shows its address only
	environment string
	baseURL     *url.URL
	insecure    bool
	httpClient  *http.Client
	timeout     time.Duration
	bearer      bool
	release     string
	defaults    Properties
	requestIP   bool
	eventIDs    bool

	maxBatchSize  int
	maxBatchBytes int
	flushInterval time.Duration
	maxQueueSize  int
	maxQueueBytes int
	overflow      Overflow
	maxInFlight   int
	retry         RetryPolicy

	beforeSend func(Message) Message
	onError    []func(error)
	onDelivery []func(Delivery)
	logger     *slog.Logger // nil: slog.Default() at the time
	spool      *spoolConfig // nil without
	visitorKey *string
	// visitorCookie is the name of the browser SDK's cookie.
	visitorCookie     *string
	visitorHeader     string
	consentRequired   bool
	propertiesFunc    func(context.Context) Properties
	requestProperties bool
	disabled          bool
}

// Overflow says what becomes of a message for which the queue has no room.
type Overflow int

const (
	// DropNewest refuses the new message: the call returns ErrQueueFull.
	DropNewest Overflow = iota
	// DropOldest evicts the oldest messages that no request carries and reports
	// them to OnError with ErrQueueFull. The call itself returns ErrQueueFull if
	// all are carried, and while evicted messages wait for a callback: 10,000 of
	// them, or 4 MiB, or any if it has not returned for 250 ms.
	DropOldest
	// Block makes the call wait until there is room, its context ends, or the
	// client is closed. It does not wait for a callback: where nothing but
	// reports fills the queue and a callback has not returned for 250 ms, the
	// call returns ErrQueueFull.
	Block
)

const (
	defaultBaseURL     = "https://api.altertable.ai"
	defaultEnvironment = "production"
)

func newConfig(apiKey string, opts []Option) (*config, error) {
	base, err := url.Parse(defaultBaseURL)
	if err != nil {
		return nil, err
	}
	cfg := &config{
		key:           &apiKey,
		environment:   defaultEnvironment,
		baseURL:       base,
		timeout:       5 * time.Second,
		maxBatchSize:  100,
		maxBatchBytes: 1 << 20,
		flushInterval: time.Second,
		maxQueueSize:  100_000,
		maxQueueBytes: 64 << 20,
		maxInFlight:   8,
		retry:         defaultRetryPolicy,
		visitorKey:    &apiKey,
	}
	for _, option := range opts {
		if option == nil {
			continue
		}
		if err := option(cfg); err != nil {
			return nil, err
		}
	}
	cookie := "atbl." + *cfg.visitorKey + "." + cfg.environment
	cfg.visitorCookie = &cookie
	return cfg, cfg.validate()
}

// validate checks what no option can check alone.
func (cfg *config) validate() error {
	if *cfg.key == "" && !cfg.disabled {
		return &ConfigError{"apiKey", "must not be empty"}
	}
	for _, r := range *cfg.key {
		if r <= ' ' || r > '~' {
			return &ConfigError{"apiKey", "has white space, a line break or a character that no HTTP header can carry"}
		}
	}
	if cfg.baseURL.Scheme == "http" && !cfg.insecure && !isLoopback(cfg.baseURL.Hostname()) {
		return &ConfigError{"WithBaseURL", fmt.Sprintf("http to %s is out of range: it would show the key to the network; use https, a loopback host, or WithInsecureHTTP", cfg.baseURL.Hostname())}
	}
	return nil
}

// isPort reports whether port, which is of digits or empty, can be one.
func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || host == "localhost"
}

// WithEnvironment sets the environment of messages that name none, overriding
// the default "production". It must not be blank.
func WithEnvironment(name string) Option {
	return func(cfg *config) error {
		if isBlank(name) {
			return &ConfigError{"WithEnvironment", fmt.Sprintf("%q is out of range: must not be blank", name)}
		}
		cfg.environment = name
		return nil
	}
}

// WithBaseURL sets where the API is, overriding the default
// https://api.altertable.ai. A path is kept as a prefix of /track, /identify
// and /alias. The scheme is https, or http for a loopback host; for another
// host http needs WithInsecureHTTP. User name, query and fragment are refused.
func WithBaseURL(raw string) Option {
	return func(cfg *config) error {
		u, err := url.Parse(raw)
		switch {
		case err != nil: // whose text repeats the URL
			return &ConfigError{"WithBaseURL", "is not a URL"}
		case u.Scheme != "http" && u.Scheme != "https":
			return &ConfigError{"WithBaseURL", fmt.Sprintf("scheme %q is out of range: http or https", u.Scheme)}
		case u.Hostname() == "":
			return &ConfigError{"WithBaseURL", "names no host"}
		case !isPort(u.Port()):
			return &ConfigError{"WithBaseURL", fmt.Sprintf("port %s is out of range: 1 to 65535", u.Port())}
		case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
			return &ConfigError{"WithBaseURL", "must have no user name, query or fragment"}
		}
		cfg.baseURL = u
		return nil
	}
}

// WithInsecureHTTP lets WithBaseURL name an http URL of a host other than
// loopback. The key and the messages then cross the network in clear.
func WithInsecureHTTP() Option {
	return func(cfg *config) error { cfg.insecure = true; return nil }
}

// WithHTTPClient sends through a copy of client instead of connections of its
// own. Whatever its CheckRedirect says, redirects are not followed: they would
// carry events and key to another host. Its RoundTripper may read a request's
// body, and call GetBody, until the attempt is over or its time is; then both fail.
//
// The connections are then the client's business. Shutdown leaves them open,
// and one that has gone silent, or was answered 421, may be used again, where
// the default would dial anew after a failed attempt. Over HTTP/2 all requests
// share a connection, so let its transport find out with pings:
//
//	transport.HTTP2 = &http.HTTP2Config{
//		SendPingTimeout: 5 * time.Second, // ping a connection that has been silent for so long
//		PingTimeout:     5 * time.Second, // close it if the ping has no answer
//	}
func WithHTTPClient(client *http.Client) Option {
	return func(cfg *config) error { cfg.httpClient = client; return nil }
}

// WithRequestTimeout bounds one HTTP attempt, the connection, a proxy's part in it
// and the answer included, overriding the default 5 s. It must be positive. The
// server may have stored the messages of an attempt that ran out of time, and
// stores them again when they are retried: see WithEventIDs.
func WithRequestTimeout(d time.Duration) Option {
	return func(cfg *config) error {
		cfg.timeout = d
		return checkPositive("WithRequestTimeout", d)
	}
}

// WithBearerAuth sends the key as "Authorization: Bearer", overriding the
// default header X-API-Key.
func WithBearerAuth() Option {
	return func(cfg *config) error { cfg.bearer = true; return nil }
}

// WithRelease adds the service's version to every track as $release,
// overriding the default of none. A message's own $release wins.
func WithRelease(release string) Option {
	return func(cfg *config) error { cfg.release = release; return nil }
}

// WithDefaultProperties adds properties to every track; a message's own
// property of the same name wins. New copies them and refuses what JSON cannot express.
func WithDefaultProperties(p Properties) Option {
	return func(cfg *config) error { cfg.defaults = p; return nil }
}

// WithRequestIP leaves $ip out of every track, so that the platform attributes
// the address of the connection to the event: of use in a proxy or an edge
// function only. By default $ip is 0, which tells the platform not to. A
// message's own $ip wins.
func WithRequestIP() Option {
	return func(cfg *config) error { cfg.requestIP = true; return nil }
}

// WithEventIDs adds $event_id, a UUIDv7, to every track. It is the same on
// every retry, so that a query can count an event once that arrived twice. Off by default.
func WithEventIDs() Option {
	return func(cfg *config) error { cfg.eventIDs = true; return nil }
}

// WithMaxBatchSize bounds the messages of one request, 1 to 10,000, overriding
// the default 100.
func WithMaxBatchSize(n int) Option {
	return func(cfg *config) error {
		cfg.maxBatchSize = n
		return checkRange("WithMaxBatchSize", n, 1, 10_000)
	}
}

// WithMaxBatchBytes bounds the body of one request, 1 KiB to 2 MiB (the
// server's own limit), overriding the default 1 MiB. A message that does not
// fit into a batch alone is ErrTooLarge at the call.
func WithMaxBatchBytes(n int) Option {
	return func(cfg *config) error {
		cfg.maxBatchBytes = n
		return checkRange("WithMaxBatchBytes", n, 1<<10, 2<<20)
	}
}

// WithFlushInterval sets the longest time a message waits for company before
// its batch leaves, overriding the default 1 s. It must be positive.
func WithFlushInterval(d time.Duration) Option {
	return func(cfg *config) error {
		cfg.flushInterval = min(d, longest)
		return checkPositive("WithFlushInterval", d)
	}
}

// WithMaxQueueSize bounds the messages that are undelivered: waiting, in
// flight, in backoff, or waiting for a callback. At least 1; the default is
// 100,000. See Overflow for what happens at the bound.
func WithMaxQueueSize(n int) Option {
	return func(cfg *config) error {
		cfg.maxQueueSize = n
		return checkRange("WithMaxQueueSize", n, 1, 0)
	}
}

// WithMaxQueueBytes bounds the JSON bytes of the messages that are
// undelivered. At least 1 KiB; the default is 64 MiB. A message that is larger
// than the whole queue is ErrTooLarge at the call.
func WithMaxQueueBytes(n int) Option {
	return func(cfg *config) error {
		cfg.maxQueueBytes = n
		return checkRange("WithMaxQueueBytes", n, 1<<10, 0)
	}
}

// WithOverflow says what becomes of a message for which the queue has no room,
// overriding the default DropNewest.
func WithOverflow(o Overflow) Option {
	return func(cfg *config) error {
		if o < DropNewest || o > Block {
			return &ConfigError{"WithOverflow", fmt.Sprintf("%d is out of range: DropNewest, DropOldest or Block", o)}
		}
		cfg.overflow = o
		return nil
	}
}

// WithMaxInFlight bounds the requests that are under way at one time, 1 to
// 256, overriding the default 8. Synchronous calls are not counted. While several
// endpoints have messages to send, none gets more than half of them.
func WithMaxInFlight(n int) Option {
	return func(cfg *config) error {
		cfg.maxInFlight = n
		return checkRange("WithMaxInFlight", n, 1, 256)
	}
}

// WithRetry sets the intervals of retries, overriding the default 500 ms, 30 s
// and 24 h. See RetryPolicy.
func WithRetry(p RetryPolicy) Option {
	return func(cfg *config) (err error) {
		cfg.retry, err = p.withDefaults()
		return err
	}
}

// WithBeforeSend calls f for every message, on the caller's goroutine, before
// validation: to scrub, enrich, or discard it. f gets the stamped message by
// value (Track, Identify or Alias) with a shallow copy of its map, to which it
// may write, and returns it, changed or not. If f returns nil, the message is
// discarded and the call returns nil. A panic, a pointer, or a message of
// another type is a *ValidationError of the call. f may be called concurrently.
func WithBeforeSend(f func(Message) Message) Option {
	return func(cfg *config) error { cfg.beforeSend = f; return nil }
}

// WithOnError calls f with a *DeliveryError for accepted messages that will not
// be delivered, and with a *SpoolError for trouble with a spool's files,
// overriding the default, which logs a warning. Given several times, all functions
// are called, in order. Callbacks run one at a time on a goroutine of the client; f
// may panic, block, and call any method of the client. What waits for a callback
// fills the queue. For the outcome of a single message see Enqueue.
func WithOnError(f func(error)) Option {
	return func(cfg *config) error {
		if f != nil {
			cfg.onError = append(cfg.onError, f)
		}
		return nil
	}
}

// WithOnDelivery calls f with the outcome of every batch, good or bad, before
// OnError. It runs as OnError does, and may be given several times as well.
func WithOnDelivery(f func(Delivery)) Option {
	return func(cfg *config) error {
		if f != nil {
			cfg.onDelivery = append(cfg.onDelivery, f)
		}
		return nil
	}
}

// WithLogger sets where the client logs, overriding what slog.Default() is at
// the time. Warnings: one line a minute of a kind at most. The messages of those
// that were held back are counted in the next line of the kind, a minute later
// at the latest, and in one at Shutdown. An outage is logged when it begins,
// every 10 minutes, and when it is over.
//
// At debug level there is also a line for the client's start and end, each
// message that was accepted, discarded or rejected, and each request, retry and
// split batch: up to 1,000 a second, beyond which they are counted. Whether l
// enables debug level is asked in New, and every 10 s while requests are made.
//
// No line holds a key, an id or a message's content, except that a debug line
// names the event. The handler runs as callbacks do: see WithOnError. While it
// does not return, lines are held back or, at debug level, dropped.
func WithLogger(l *slog.Logger) Option {
	return func(cfg *config) error { cfg.logger = l; return nil }
}

// WithVisitorKey sets the key under which the browser SDK runs, if it is
// another than the client's; it is a part of the name of its cookie. See Visitor.
func WithVisitorKey(key string) Option {
	return func(cfg *config) error {
		if key == "" {
			return &ConfigError{"WithVisitorKey", `"" is out of range: must not be empty`}
		}
		cfg.visitorKey = &key
		return nil
	}
}

// WithDisabled makes a client, if disabled is true, that validates messages
// and runs BeforeSend but queues and sends nothing: for tests and local runs.
// It needs no key. The default is false.
func WithDisabled(disabled bool) Option {
	return func(cfg *config) error { cfg.disabled = disabled; return nil }
}

// checkRange refuses n below low or, where high is not 0, above high.
func checkRange(option string, n, low, high int) error {
	switch {
	case high == 0 && n < low:
		return &ConfigError{option, fmt.Sprintf("%d is out of range: at least %d", n, low)}
	case n < low || high != 0 && n > high:
		return &ConfigError{option, fmt.Sprintf("%d is out of range: %d to %d", n, low, high)}
	}
	return nil
}

func checkPositive(option string, d time.Duration) error {
	if d <= 0 {
		return &ConfigError{option, fmt.Sprintf("%v is out of range: more than 0", d)}
	}
	return nil
}
