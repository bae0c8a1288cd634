// Package broker holds the streams: an embedded nats-server, or a connection to
// a cluster, and the names of what is on it.
package broker

import (
	"errors"
	"regexp"
)

// What the streams, their consumers and headers are called. natsqueue publishes
// under the same names.
const (
	Group              = "drain"               // priority group of every consumer
	EventsConsumer     = "events"              // track and alias
	IdentifyConsumer   = "identify-0"          // identify, partition 0
	HeaderOutcome      = "Altertable-Outcome"  // subject that waits for the outcome, for sync=true
	HeaderCode         = "Altertable-Code"     // of a dead letter: why it is one
	HeaderIDs          = "Altertable-Ids"      // of a message made of several: their ids, shortened
	MetadataPartitions = "identify_partitions" // of a stream; "1"
)

// MaxMessage is the size of the largest message on a stream.
const MaxMessage = 2 << 20

// Stream returns the name of the tenant's stream.
func Stream(tenant string) string { return "ALTERTABLE_" + tenant }

// DeadStream returns the name of the stream of the tenant's dead letters.
func DeadStream(tenant string) string { return Stream(tenant) + "_DLQ" }

// Subject returns where messages of the endpoint, "track", "identify" or
// "alias", are published.
func Subject(tenant, endpoint string) string {
	if endpoint == "identify" {
		endpoint = "identify.0"
	}
	return "altertable.v1." + tenant + "." + endpoint
}

// DeadSubject returns where the endpoint's dead letters are published.
func DeadSubject(tenant, endpoint string) string {
	return "altertable.v1.dlq." + tenant + "." + endpoint
}

// Lower case alone: no tenant's stream is another's stream of dead letters.
var tenantPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// isTenant reports whether name can be a tenant's. "dlq" is where the dead letters
// of all tenants are.
func isTenant(name string) bool { return tenantPattern.MatchString(name) && name != "dlq" }

// CheckTenant returns nil if the name can be part of a subject and of a stream's
// name. The error goes on where a sentence began with the name.
func CheckTenant(name string) error {
	if isTenant(name) {
		return nil
	}
	return errors.New("is not a tenant's name: 1 to 32 of a-z, 0-9, _ and -, the first a letter or digit, and not dlq")
}
