// Package config reads the relay's configuration: flags, environment and file.
package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// A Config is all that is configured, checked.
type Config struct {
	Listen          string
	AdminListen     string
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
	BatchSize       int
	Intake, Drain   bool // roles
	SpoolDir        string
	SpoolName       string
	TrustedProxies  []netip.Prefix
	Tenants         []Tenant
	LogLevel        slog.Level
}

// A Tenant is who events belong to.
type Tenant struct {
	Name         string
	APIKey       string
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
