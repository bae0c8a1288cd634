package message

import "github.com/altertable-ai/altertable-go/importer/internal/record"

// A form is what the messages of an endpoint have.
type form struct {
	endpoint string
	fields   []Role // beside the timestamp and the bag, in this order
	bag      string // properties, traits, or none
	tail     string // what completes the fields
	members  []int  // the columns that go into the bag
}

var forms = []form{
	{endpoint: record.Track, fields: []Role{Environment, Event, DistinctID, AnonymousID, DeviceID}, bag: "properties", tail: `,"properties":{}}`},
	{endpoint: record.Identify, fields: []Role{Environment, DistinctID, AnonymousID, DeviceID}, bag: "traits", tail: "}"},
	{endpoint: record.Alias, fields: []Role{Environment, DistinctID, NewUserID}, tail: "}"},
}

// form returns that of an endpoint.
func (m *Mapper) form(endpoint string) *form {
	for i := range m.forms {
		if m.forms[i].endpoint == endpoint {
			return &m.forms[i]
		}
	}
	return &m.forms[0]
}

// isMember reports whether what has that role goes into the bag: a row loses
// nothing that is no field of its message.
func (f *form) isMember(role Role) bool {
	switch role {
	case Other, NewUserID, Properties, Traits: // except the one that is the bag
		return true
	case Event:
		return f.endpoint != record.Track
	}
	return false
}

// endpointOf returns the endpoint that a row names, or as if it names none.
func endpointOf(named, as string) (endpoint string, ok bool) {
	switch named {
	case "":
		return as, as != ""
	case record.Track, record.Identify, record.Alias:
		return named, true
	}
	return "", false
}

const badEndpoint = "endpoint is none of track, identify and alias"
