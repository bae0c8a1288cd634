package server

import (
	"encoding/json"
	"strings"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// identities returns what the file knows, in the order in which the identities
// came to be.
func (d *database) identities() ([]altertabletest.Identity, error) {
	e, err := d.live()
	if err != nil {
		return nil, err
	}
	parts, err := e.call(callIdentities)
	if err != nil {
		return nil, err
	}
	var identities []altertabletest.Identity
	for _, part := range parts {
		for u := (unpacker{rest: part}); len(u.rest) > 0; {
			row := u.identity()
			if u.err == nil {
				row.Traits, u.err = decodeObject(row.traits)
			}
			if u.err != nil {
				return nil, u.err
			}
			identities = append(identities, row.Identity)
		}
	}
	return identities, nil
}

// newest returns the number of events and the newest n, oldest first.
func (d *database) newest(n int) (stored int64, events []altertabletest.Event, err error) {
	e, err := d.live()
	if err != nil {
		return 0, nil, err
	}
	var p packer
	p.uint(uint64(n))
	parts, err := e.call(callNewest, p.data)
	if err != nil {
		return 0, nil, err
	}
	u := unpacker{rest: parts[0]}
	stored = int64(u.uint())
	for u.bool() {
		event, err := u.storedEvent()
		if err != nil {
			return 0, nil, err
		}
		events = append(events, event)
	}
	return stored, events, u.err
}

// storedEvent is an event with its identity's id, as an observer is told of it:
// empty traits say that there is an identity.
func (u *unpacker) storedEvent() (altertabletest.Event, error) {
	row := u.event()
	known, owner := u.bool(), u.text()
	e := altertabletest.Event{
		Environment: row.environment,
		Event:       row.event,
		DistinctID:  row.distinctID,
		AnonymousID: row.anonymousID,
		DeviceID:    row.deviceID,
		SessionID:   row.sessionID,
		Timestamp:   row.timestamp,
		ReceivedAt:  row.receivedAt,
		IdentityID:  row.distinctID,
	}
	if u.err != nil {
		return e, u.err
	}
	if e.IdentityID == "" {
		e.IdentityID = row.anonymousID
	}
	if known {
		e.IdentityID, e.IdentityTraits = owner, map[string]any{}
	}
	var err error
	e.Properties, err = decodeObject(row.properties)
	return e, err
}

// decodeObject decodes a JSON object, its numbers as the API's server does.
func decodeObject(text string) (map[string]any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	err := decoder.Decode(&object)
	return object, err
}
