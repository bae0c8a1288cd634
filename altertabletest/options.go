package altertabletest

// An Option configures a Server.
type Option func(*config)

// config is what NewServer was told; it does not change afterwards.
type config struct {
	keys         map[string]bool // nil: any key
	environments map[string]bool // nil: any environment
	bodyHistory  int
	history      int // 0: unbounded
	observe      func(Change)
	identities   []Identity
	noListener   bool
}

const defaultBodyHistory = 64 << 20

// WithAPIKeys sets the keys that the server accepts, overriding the default,
// which is any except an empty one. Any other is answered with 401.
func WithAPIKeys(keys ...string) Option {
	return func(cfg *config) { cfg.keys = setOf(keys) }
}

// WithEnvironments sets the environments that exist, overriding the default,
// which is any: a message for another one is refused with 400
// environment-not-found. Without names, every message is.
func WithEnvironments(names ...string) Option {
	return func(cfg *config) { cfg.environments = setOf(names) }
}

// WithBodyHistory sets how many bytes of request bodies the server keeps for
// Requests, overriding the default of 64 MiB. Over that, the oldest requests
// lose theirs; a body larger than that is not kept at all. 0 keeps none.
func WithBodyHistory(bytes int) Option {
	return func(cfg *config) { cfg.bodyHistory = max(bytes, 0) }
}

// WithHistory makes the server keep only the newest n events and n requests,
// for one that runs for long. By default it keeps all. Identities are always
// kept.
func WithHistory(n int) Option {
	return func(cfg *config) { cfg.history = max(n, 0) }
}

// WithObserver calls observe with every event, identify and alias that the
// server stores, every request it has dealt with and every Reset, one at a time,
// in the order in which they came to be, and before the request is answered or
// Reset returns. observe owns what it gets. It may call the server's methods
// except Close and Reset, which would wait for it for good, and must not wait for
// a request to the server.
func WithObserver(observe func(Change)) Option {
	return func(cfg *config) { cfg.observe = observe }
}

// WithIdentities makes the server start with these identities, in this order,
// as Identities of another server returned them or as a test wants them to be:
// traits, links and the timestamp that the next identify has to exceed
// included. NewServer panics if two identities of one environment have an id in
// common. The observer is not told of them, and Reset forgets them as well.
// They are copied.
func WithIdentities(identities ...Identity) Option {
	return func(cfg *config) { cfg.identities = append(cfg.identities, identities...) }
}

// WithoutListener makes the server open no port, for one that is served through
// Handler and its owner's listener. HTTPClient reaches it, URL does not.
func WithoutListener() Option {
	return func(cfg *config) { cfg.noListener = true }
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
