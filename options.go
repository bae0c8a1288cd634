package altertable

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An Option configures a Client. A nil Option, and a nil function, logger or
// HTTP client given to one, keeps the default. If an option is given several
// times, the last one counts, except for WithOnError and WithOnDelivery.
type Option func(*config) error

// config is what New was told; it does not change afterwards.
type config struct {
	key         *string // a pointer, as visitorKey: printing a config shows its address only
	environment string
	baseURL     *url.URL
	httpClient  *http.Client
	timeout     time.Duration
	bearer      bool
	release     string
	defaults    Properties
	requestIP   bool
	eventIDs    bool

	insecureHTTP bool

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
	visitorHeader     string // "" without
	consentRequired   bool
	propertiesFunc    func(context.Context) Properties // nil without
	requestProperties bool
	disabled          bool

	// names are what errors call settings: by the option, or by the variable that
	// they came from.
	names struct{ key, baseURL, release string }
	// given are the settings with a variable that an option has set. NewFromEnv
	// does not look at their variables.
	given struct{ environment, baseURL, release, disabled, spool, insecureHTTP bool }
}

// Overflow says what becomes of a message for which the queue has no room.
type Overflow int

const (
	// DropNewest refuses the new message: the call returns ErrQueueFull.
	DropNewest Overflow = iota
	// DropOldest evicts the oldest messages that no request carries and reports
	// them to the functions of WithOnError with ErrQueueFull. The call itself
	// returns ErrQueueFull if requests carry all messages. It also does so while
	// too many evicted messages wait for a callback: 10,000 of them, or 4 MiB, or
	// any if the callback has not returned for 250 ms.
	DropOldest
	// Block makes the call wait until there is room, its context ends, or the
	// client is closed. It does not wait for a callback: where nothing but
	// reports fills the queue and a callback has not returned for 250 ms, the
	// call returns ErrQueueFull.
	Block
)

const defaultEnvironment = "production"

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
	cfg.names.key, cfg.names.release = "apiKey", "WithRelease"
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
	if err := cfg.checkKey(); err != nil {
		return err
	}
	if cfg.spool != nil && cfg.spool.dir == "" {
		return &ConfigError{"WithSpool", `must name a directory, got ""`}
	}
	return cfg.checkPlainHTTP()
}

func (cfg *config) checkKey() error {
	switch key := *cfg.key; {
	case isManagementKey(key):
		return &ConfigError{cfg.names.key, "must be an ingestion key, which is found in the dashboard (https://altertable.ai/dashboard), not a management key, which begins with atm_. The platform's command line reads that one from the variable of the same name, " + keyVariable + ": set the variable for this process alone"}
	case key == "" && !cfg.disabled && cfg.names.key == keyVariable:
		return &ConfigError{keyVariable, "must be set to an ingestion key, which is found in the dashboard (https://altertable.ai/dashboard), unless " + disabledVariable + "=true"}
	case key == "" && !cfg.disabled:
		return &ConfigError{cfg.names.key, "must not be empty"}
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return &ConfigError{cfg.names.key, "must not have white space, a line break (as at the end of a file) or a character that no HTTP header can carry"}
	}
	return nil
}

// isManagementKey reports whether key opens more than ingestion does.
func isManagementKey(key string) bool { return strings.HasPrefix(key, "atm_") }

// WithEnvironment sets the environment of messages that name none, overriding
// the default "production". It must not be blank.
func WithEnvironment(name string) Option {
	return func(cfg *config) error {
		cfg.given.environment = true
		return cfg.setEnvironment("WithEnvironment", name)
	}
}

// setEnvironment sets what the option or variable of the name option says.
func (cfg *config) setEnvironment(option, name string) error {
	if isBlank(name) {
		return &ConfigError{option, fmt.Sprintf("must not be blank, got %q", name)}
	}
	cfg.environment = name
	return nil
}

// WithHTTPClient sends through a copy of client, overriding the default, which
// is a pool of connections of the SDK's own. Whatever its CheckRedirect says,
// redirects are not followed: they would carry events and key to another host.
// Its RoundTripper may read a request's body, and call GetBody, until the
// attempt is over or its time is; then both fail.
//
// The connections are then the client's business. Shutdown leaves them open.
// One that has gone silent, or was answered 421, may be used again, where the
// default would dial anew after a failed attempt. Over HTTP/2 all requests
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
	return func(cfg *config) error { cfg.given.release, cfg.release = true, release; return nil }
}

// WithDefaultProperties adds properties to every track; a message's own
// property of the same name wins. By default there are none. New copies them
// and refuses what JSON cannot express.
func WithDefaultProperties(p Properties) Option {
	return func(cfg *config) error { cfg.defaults = p; return nil }
}

// WithRequestIP leaves $ip out of every track, so that the platform attributes
// the address of the connection to the event. This is useful only in a proxy or
// an edge function. By default $ip is 0, which tells the platform not to. A
// message's own $ip wins.
func WithRequestIP() Option {
	return func(cfg *config) error { cfg.requestIP = true; return nil }
}

// WithEventIDs adds $event_id, a UUIDv7, to every track. It is the same on
// every retry, so that a query can count an event once, even if it arrived
// twice. A message's own $event_id wins. Off by default.
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

// WithBeforeSend calls f for every message except a Raw, before validation, so
// that f can scrub, enrich or discard it. f gets the stamped message by value,
// a Track, an Identify or an Alias. It has the ids and properties that the
// context adds, but no default and system properties. f returns the message,
// changed or not. If f returns nil, the message is discarded and the call
// returns nil. If f panics, or returns a pointer or a message of another type,
// the call returns a *ValidationError.
//
// f may write to the map of properties or traits, which is a shallow copy. The
// maps and slices in it are the caller's: f must copy one before it changes it.
// f runs on the caller's goroutine, and may be called concurrently. By default
// there is no such function.
func WithBeforeSend(f func(Message) Message) Option {
	return func(cfg *config) error { cfg.beforeSend = f; return nil }
}

// WithOnError calls f with a *DeliveryError for accepted messages that will
// not be delivered, and with a *SpoolError for trouble with a spool's files.
// It overrides the default, which logs a warning. It may be given several
// times: all functions are called, in order. For the outcome of a single
// message see Enqueue.
//
// Callbacks run one at a time on a goroutine of the client. f may panic, block,
// and call any method of the client. What waits for a callback fills the queue.
func WithOnError(f func(error)) Option {
	return func(cfg *config) error {
		if f != nil {
			cfg.onError = append(cfg.onError, f)
		}
		return nil
	}
}

// WithOnDelivery calls f with the outcome of every batch, good or bad, before
// the functions of WithOnError. By default there is no such function. It may be
// given several times: all functions are called, in order. f runs as
// WithOnError says.
func WithOnDelivery(f func(Delivery)) Option {
	return func(cfg *config) error {
		if f != nil {
			cfg.onDelivery = append(cfg.onDelivery, f)
		}
		return nil
	}
}

// WithLogger sets where the client logs, overriding what slog.Default() is at
// the time. It writes at most one warning of a kind a minute. The messages of
// those that were held back are counted in the next line of the kind, a minute
// later at the latest, and in one at Shutdown. An outage is logged when it
// begins, every 10 minutes, and when it is over.
//
// At debug level there is also a line for the client's start and end, each
// message that was accepted, discarded or rejected, each visitor that was read
// or not, and each request, retry and split batch. There are up to 1,000 such
// lines a second; those beyond are counted. Whether l enables debug level is
// asked in New, and every 10 s while requests are made.
//
// No line holds a key, an id or a message's content, except that a debug line
// names the event. The handler runs as callbacks do: see WithOnError. While it
// does not return, lines are held back or, at debug level, dropped.
func WithLogger(l *slog.Logger) Option {
	return func(cfg *config) error { cfg.logger = l; return nil }
}

// WithVisitorKey sets the key under which the browser SDK runs, if it is
// another than the client's; it is a part of the name of its cookie, as is the
// environment of WithEnvironment. It must not be empty, nor a management key,
// which begins with atm_. See Visitor.
func WithVisitorKey(key string) Option {
	return func(cfg *config) error {
		switch {
		case key == "":
			return &ConfigError{"WithVisitorKey", `must not be empty, got ""`}
		case isManagementKey(key):
			return &ConfigError{"WithVisitorKey", "must be the browser SDK's key, not a management key, which begins with atm_ and must not reach a browser; revoke it if it did"}
		}
		cfg.visitorKey = &key
		return nil
	}
}

// WithDisabled makes a client, if disabled is true, that validates messages and
// runs BeforeSend but queues, sends and spools nothing: for tests and local
// runs. It needs no key. Stats.Accepted stays 0, and synchronous calls return a
// Response whose OK is true. The default is false.
func WithDisabled(disabled bool) Option {
	return func(cfg *config) error { cfg.given.disabled, cfg.disabled = true, disabled; return nil }
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
