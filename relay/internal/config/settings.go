package config

import (
	"strings"
	"time"
)

// A setting is a flag, its variable, and a key of the file.
type setting struct {
	name   string
	usage  string // `arg` names the value, as package flag has it
	preset string // "": the field's zero value, or what check decides
	bare   bool   // the flag may stand without a value
	list   bool   // the file may have a list
	set    func(c *Config, text string) error
}

var settings = []setting{
	{name: "listen", usage: "`address` that producers send to (default 127.0.0.1:8480, with a token :8480)", set: address(func(c *Config) *string { return &c.Listen })},
	{name: "admin-listen", usage: "`address` of /healthz, /readyz and /metrics, on loopback of status and dlq, too; none for no port", preset: "127.0.0.1:8481", set: setAdmin},
	{name: "tls-cert", usage: "`file` of the certificate that producers are shown, in PEM; it is read again when it changes", set: text(func(c *Config) *string { return &c.TLSCert })},
	{name: "tls-key", usage: "`file` of its key, in PEM", set: text(func(c *Config) *string { return &c.TLSKey })},
	{name: "tls-client-ca", usage: "`file` of certificates, in PEM; producers must present one that these signed", set: text(func(c *Config) *string { return &c.TLSClientCA })},
	{name: "data", usage: "`directory` of the embedded broker", set: directory(func(c *Config) *string { return &c.Data })},
	{name: "nats", usage: "`URL` of a NATS cluster in place of the embedded broker: nats://a:4222,nats://b:4222", set: setNATS},
	{name: "nats-creds", usage: "`file` of the cluster's credentials", set: text(func(c *Config) *string { return &c.NATSCreds })},
	{name: "nats-ca", usage: "`file` of certificates that sign the cluster's, in PEM", set: text(func(c *Config) *string { return &c.NATSCA })},
	{name: "nats-cert", usage: "`file` of the certificate that the cluster is shown, in PEM", set: text(func(c *Config) *string { return &c.NATSCert })},
	{name: "nats-key", usage: "`file` of its key, in PEM", set: text(func(c *Config) *string { return &c.NATSKey })},
	{name: "replicas", usage: "`copies` of each message, 1 to 5 (default 3 with --nats, else 1)", set: whole(func(c *Config) *int { return &c.Replicas }, 1, 5)},
	{name: "sync", usage: "write to the disk itself before answering; the embedded broker always does", bare: true, set: setSync},
	{name: "compression", usage: "of stored messages: s2 or none", preset: "s2", set: setCompression},
	{name: "dedupe-window", usage: "`time` within which a repeated request is stored once, 1s to 24h", preset: "2m", set: duration(func(c *Config) *time.Duration { return &c.DedupeWindow }, time.Second, 24*time.Hour)},
	{name: "pinned-ttl", usage: "`time` after which another relay takes over from one that is gone, 1s to 10m", preset: "15s", set: duration(func(c *Config) *time.Duration { return &c.PinnedTTL }, time.Second, 10*time.Minute)},
	{name: "ack-wait", usage: "`time` after which the broker delivers again what no relay confirms, 1s to 1h", preset: "1m", set: duration(func(c *Config) *time.Duration { return &c.AckWait }, time.Second, time.Hour)},
	{name: "max-bytes", usage: "`size` of a tenant's stored messages before compression, such as 10GiB (default 80 % of the disk, shared)", set: setMaxBytes},
	{name: "api", usage: "`URL` of the API, or " + Offline + " for an embedded server (default https://api.altertable.ai; without any key and setting, " + Offline + ")", set: setAPI},
	{name: "insecure-http", usage: "lets --api be http for any host: the key then crosses the network in clear", bare: true, set: boolean(func(c *Config) *bool { return &c.InsecureHTTP })},
	{name: "rate", usage: "`requests` a second that a tenant sends at most, such as 0.5; 0: as many as the API takes", preset: "0", set: func(c *Config, text string) error { return setRate(&c.each.Rate, text) }},
	{name: "max-in-flight", usage: "`requests` of a tenant that are under way at one time, 1 to 256", preset: "8", set: whole(func(c *Config) *int { return &c.each.MaxInFlight }, 1, 256)},
	{name: "batch-size", usage: "`events` of one request at most, 1 to 10000", preset: "100", set: whole(func(c *Config) *int { return &c.BatchSize }, 1, 10_000)},
	{name: "role", usage: "what this relay does: intake, drain, or both", preset: "intake,drain", list: true, set: setRole},
	{name: "sync-timeout", usage: "`time` that a request with ?sync=true waits for its outcome, 100ms to 5m", preset: "30s", set: duration(func(c *Config) *time.Duration { return &c.SyncTimeout }, 100*time.Millisecond, 5*time.Minute)},
	{name: "shutdown-timeout", usage: "`time` to deliver what is under way before the end, 1s to 1h", preset: "30s", set: duration(func(c *Config) *time.Duration { return &c.ShutdownTimeout }, time.Second, time.Hour)},
	{name: "spool", usage: "`directory` of spools that write-only clients leave", set: directory(func(c *Config) *string { return &c.SpoolDir })},
	{name: "spool-name", usage: "`name` of those spools", set: text(func(c *Config) *string { return &c.SpoolName })},
	{name: "trusted-proxies", usage: "`networks` whose X-Forwarded-For is believed, such as 10.0.0.0/8", list: true, set: setProxies},
	{name: "log-level", usage: "debug, info, warn or error", preset: "info", set: setLevel},
}

// configName is the one setting that the file cannot have.
const configName = "config"

// variable returns the name of the setting's environment variable.
func variable(name string) string {
	return "ALTERTABLE_RELAY_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// FindsRelay reports whether a flag is for a command that asks a relay: whether it
// says where that, or its store, is. A flag that is no setting is the command's own.
func FindsRelay(name string) bool {
	switch name {
	case configName, "admin-listen", "data", "nats", "nats-creds", "nats-ca", "nats-cert", "nats-key":
		return true
	}
	return settingOf(name) == nil
}

func settingOf(name string) *setting {
	for i := range settings {
		if settings[i].name == name {
			return &settings[i]
		}
	}
	return nil
}
