// Package config reads the relay's configuration: flags, environment and file.
//
// A flag wins over its variable, the variable over the file, and the file over
// the default. What another one replaces is not looked at. The variable of the
// flag -max-bytes is ALTERTABLE_RELAY_MAX_BYTES; its key in the file is
// max-bytes or max_bytes. ALTERTABLE_API_KEY and ALTERTABLE_RELAY_TOKEN are the
// keys of the one tenant of a relay whose file names none. ALTERTABLE_BASE_URL is
// not read: it is what points services at the relay.
package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"
)

// A Config is all that is configured, checked.
type Config struct {
	Listen          string
	AdminListen     string // "": none
	TLSCert         string // files in PEM; both or neither
	TLSKey          string
	TLSClientCA     string // producers must present a certificate that it signed
	Data            string // of the embedded broker
	NATS            string // URL of a cluster; "": embedded
	NATSCreds       string
	NATSCA          string
	NATSCert        string
	NATSKey         string
	Replicas        int
	Sync            bool
	Compress        bool
	DedupeWindow    time.Duration
	PinnedTTL       time.Duration
	AckWait         time.Duration
	SyncTimeout     time.Duration
	ShutdownTimeout time.Duration
	API             string // the API's URL; "": the embedded server of altertabletest
	InsecureHTTP    bool   // the API's URL may be http for any host
	BatchSize       int
	Intake, Drain   bool // roles
	SpoolDir        string
	SpoolName       string
	TrustedProxies  []netip.Prefix
	Tenants         []Tenant
	HasTenants      bool // the file names them
	LogLevel        slog.Level
	Notes           []string // what is allowed, and better changed; a sentence each

	each Tenant            // what tenants have that say nothing else
	from map[string]string // setting: what errors call it; without the defaults
	use  Use
}

// A Tenant is who events belong to.
type Tenant struct {
	Name         string
	APIKey       string
	KeyFrom      string // where the key is: a variable's name, or a file's
	Tokens       []Token
	AnyToken     bool
	Environments []string
	Origins      []string
	Rate         float64
	MaxInFlight  int
	MaxBytes     int64
}

// A Token of a producer.
type Token struct {
	SHA256  [32]byte
	Browser bool
}

// Use says what a configuration is read for.
type Use int

const (
	// Serve checks everything.
	Serve Use = iota
	// Ask is for the commands that ask a relay or its broker. They need no key,
	// so none is read.
	Ask
)

// DefaultTenant is the name of the one tenant of a relay whose file names none.
const DefaultTenant = "default"

// Offline is the value of --api that drains into an embedded server.
const Offline = "offline"

// Given reports whether a flag, a variable or the file has the setting.
func (c *Config) Given(name string) bool { _, given := c.from[name]; return given }

// called returns what errors call a setting.
func (c *Config) called(name string) string {
	if from, given := c.from[name]; given {
		return from
	}
	return "--" + name
}

// A Problem is one value that is wrong. Its text never has a key or a token.
type Problem struct {
	Where  string // "--listen", "ALTERTABLE_RELAY_LISTEN", "relay.yaml:3: listen"
	Reason string // the value and its range
}

func (p *Problem) Error() string { return p.Where + ": " + p.Reason }

// problems are told all at once.
type problems []error

func (p *problems) add(where, reason string) { *p = append(*p, &Problem{where, reason}) }

// hide takes keys out of the texts, which repeat what was put in the wrong place.
func (p problems) hide(keys ...string) {
	const short = 8 // shorter ones are made-up, and may be a part of a word
	for _, err := range p {
		var one *Problem
		for _, key := range keys {
			if len(key) >= short && errors.As(err, &one) {
				one.Where = strings.ReplaceAll(one.Where, key, "***")
				one.Reason = strings.ReplaceAll(one.Reason, key, "***")
			}
		}
	}
}

func (p problems) err() error { return errors.Join(p...) }
