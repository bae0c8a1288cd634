package altertable

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
)

// A Raw is a message that is encoded already: a dead letter, an event of
// another SDK, or what Encode returned. Enqueue accepts it.
//
// It is checked in one pass. JSON must be an object that has, once each and of
// the right type, what its endpoint requires: event, properties and distinct_id
// for "track", distinct_id for "identify", distinct_id and new_user_id for
// "alias". Ids and the event's name are checked as Track's are. Names are
// compared after unescaping. environment, if given, must be a string that is
// not blank. timestamp, if given, must be a string of a form that the platform
// takes: "2006-01-02", then "T" or a space, "15:04:05" with or without
// decimals, and "Z", "+02", "+0200", "+02:00" or nothing; or the date alone.
// traits, anonymous_id and device_id may be null. An anonymous_id or device_id
// that is a placeholder, such as "undefined", is refused, since it cannot be left
// out. JSON that breaks one of these rules is a *ValidationError. Bad syntax
// further inside is found by the server alone: that message is then not
// delivered, and no other is lost with it.
//
// The message gets what it lacks: the client's environment as its first
// member, and the time of the call as timestamp, its last. Everything else
// stays as it is, byte for byte, except that with a spool line breaks between
// its tokens become spaces. A timestamp that is given is sent as given.
// WithBeforeSend's function does not see the message, and WithConsentRequired
// does not discard it.
//
// No properties are added. Without "$ip": 0 among them, the platform attributes
// the address of the connection, which is the server's own, to the event.
//
// It encodes to JSON as {"endpoint": ..., "message": {...}}, and back.
type Raw struct {
	Endpoint string          // "track", "identify" or "alias"
	JSON     json.RawMessage // one message; not read after the call
}

func (r Raw) encode(_ context.Context, c *Client, e *envelope) (keep bool, err error) {
	return true, r.write(c, e)
}

// write puts r's JSON into e, with what it lacks.
func (r *Raw) write(c *Client, e *envelope) error {
	ep, ok := endpointNamed(r.Endpoint)
	if !ok {
		return &ValidationError{"endpoint", `must be "track", "identify" or "alias"`}
	}
	text := bytes.Trim(r.JSON, " \t\r\n")
	switch most := c.cfg.maxMessageBytes(); {
	case len(text) == 0:
		return &ValidationError{"message", "must not be empty"}
	case len(text) > most:
		return c.cfg.tooLarge(len(text), "")
	}
	var s rawScan
	if err := s.scan(text); err != nil {
		return err
	}
	if err := s.validate(ep); err != nil {
		return err
	}
	given, _ := s.str(rawEnvironment, false)
	missing := ""
	if given == "" {
		given, missing = c.cfg.environment, c.cfg.environment
	}
	e.endpoint = ep
	e.environment = append(e.environment[:0], given...)
	if ep == identifyEndpoint {
		e.person = s.person()
	}
	e.json = appendObject(e.json[:0], text, missing)
	if c.cfg.spool != nil {
		toOneLine(e.json)
	}
	return r.stamp(c, e, s.values[rawTimestamp] != nil)
}

// stamp gives the message a timestamp if it has none.
func (r *Raw) stamp(c *Client, e *envelope, given bool) error {
	if given {
		e.stamp, e.own = 0, false
		return c.cfg.checkSize(len(e.json))
	}
	e.json = bytes.TrimRight(e.json[:len(e.json)-len("}")], " \t\r\n")
	return e.end(c, noTime)
}

// toOneLine takes the line breaks out of JSON: they are legal between tokens only.
func toOneLine(text []byte) {
	for i := bytes.IndexAny(text, "\r\n"); i >= 0 && i < len(text); i++ {
		if text[i] == '\n' || text[i] == '\r' {
			text[i] = ' '
		}
	}
}

// validate checks what the endpoint requires.
func (s *rawScan) validate(ep endpoint) error {
	if err := s.validateCommon(); err != nil {
		return err
	}
	distinctID, err := s.required(rawDistinctID)
	if err != nil {
		return err
	}
	if ep == aliasEndpoint {
		newUserID, err := s.required(rawNewUserID)
		if err != nil {
			return err
		}
		return (&Alias{DistinctID: distinctID, NewUserID: newUserID}).validate()
	}
	if ep == trackEndpoint {
		if err := s.validateEvent(); err != nil {
			return err
		}
	} else if err := s.validateObject(rawTraits, true); err != nil {
		return err
	}
	anonymousID, err := s.str(rawAnonymousID, true)
	if err != nil {
		return err
	}
	deviceID, err := s.str(rawDeviceID, true)
	if err != nil {
		return err
	}
	return validateRawIDs(distinctID, anonymousID, deviceID)
}

// validateRawIDs checks the ids of a track or an identify. What identifies nobody
// cannot be left out, as Track does: the bytes are the caller's.
func validateRawIDs(distinctID, anonymousID, deviceID string) error {
	if err := validateUserID("distinct_id", distinctID); err != nil {
		return err
	}
	if anonymousID != "" {
		if err := validateUserID("anonymous_id", anonymousID); err != nil {
			return err
		}
	}
	if deviceID != "" {
		return validateUserID("device_id", deviceID)
	}
	return nil
}

// required returns a member that must be there.
func (s *rawScan) required(name rawName) (string, error) {
	if s.values[name] == nil {
		return "", &ValidationError{name.String(), "must be there"}
	}
	return s.str(name, false)
}

func (s *rawScan) validateEvent() error {
	name, err := s.required(rawEvent)
	if err != nil {
		return err
	}
	if err := validateVisible("event", name); err != nil {
		return err
	}
	if s.values[rawProperties] == nil {
		return &ValidationError{"properties", "must be there"}
	}
	return s.validateObject(rawProperties, false)
}

// validateObject refuses a member that is there and no object, except null if that
// is the same as absent.
func (s *rawScan) validateObject(name rawName, nullable bool) error {
	value := s.values[name]
	if value == nil || value[0] == '{' || nullable && string(value) == "null" {
		return nil
	}
	return &ValidationError{name.String(), "must be an object"}
}

// validateCommon checks the members that all endpoints know.
func (s *rawScan) validateCommon() error {
	if s.values[rawEnvironment] != nil {
		name, err := s.str(rawEnvironment, false)
		if err != nil {
			return err
		}
		if isBlank(name) {
			return &ValidationError{"environment", "must not be blank"}
		}
	}
	if s.values[rawTimestamp] == nil {
		return nil
	}
	stamp, err := s.str(rawTimestamp, false)
	if err != nil {
		return err
	}
	if !isTimestamp(stamp) {
		return &ValidationError{"timestamp", "is not of a form that the platform takes"}
	}
	return nil
}

// endpointNamed returns the endpoint of that name.
func endpointNamed(name string) (_ endpoint, ok bool) {
	switch name {
	case "track":
		return trackEndpoint, true
	case "identify":
		return identifyEndpoint, true
	case "alias":
		return aliasEndpoint, true
	}
	return 0, false
}

// MarshalJSON returns {"endpoint": ..., "message": {...}}. The error is a
// *ValidationError for an unknown endpoint and for JSON that is no object;
// json.Marshal also refuses bad syntax inside.
func (r Raw) MarshalJSON() ([]byte, error) {
	if _, ok := endpointNamed(r.Endpoint); !ok {
		return nil, &ValidationError{"endpoint", `must be "track", "identify" or "alias"`}
	}
	text := bytes.Trim(r.JSON, " \t\r\n")
	if err := new(rawScan).scan(text); err != nil {
		return nil, err
	}
	line := append(make([]byte, 0, len(text)+len(`{"endpoint":"identify","message":}`)), `{"endpoint":"`...)
	line = append(append(line, r.Endpoint...), `","message":`...)
	return append(append(line, text...), '}'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. Both members must be there, and no
// others: endpoint one of the three, and message an object.
func (r *Raw) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return errors.New(`altertable: a Raw must be an object of "endpoint" and "message"`)
	}
	var name string
	if json.Unmarshal(members["endpoint"], &name) != nil {
		return &ValidationError{"endpoint", "must be a string"}
	}
	if _, ok := endpointNamed(name); !ok {
		return &ValidationError{"endpoint", `must be "track", "identify" or "alias"`}
	}
	message := members["message"]
	switch {
	case len(message) == 0 || message[0] != '{':
		return &ValidationError{"message", "must be an object"}
	case len(members) > 2:
		return errors.New(`altertable: a Raw has no members other than "endpoint" and "message"`)
	}
	r.Endpoint, r.JSON = name, append([]byte(nil), message...)
	return nil
}
