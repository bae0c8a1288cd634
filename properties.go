package altertable

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// Properties say what happened in an event: any values that encoding/json can
// encode, as it encodes them. Names that begin with "$" are the platform's.
//
// An error, at any depth, is sent as its text, because encoding/json would make
// {} of most errors. This holds for errors with exported fields, too, for a
// struct that embeds an error, and for one whose pointer is an error. An error
// that encodes itself (json.Marshaler, encoding.TextMarshaler) is sent as it
// does. A nil error is null.
//
// Some JSON that a json.RawMessage, a json.Number or a MarshalJSON method can
// hold would make the server refuse the whole request. Half of a surrogate pair
// becomes U+FFFD, as invalid UTF-8 does. A number beyond the range of a
// float64, and lists, maps and structs more than 125 deep, are a
// *ValidationError: the server's parser takes 128 levels, of which the batch,
// the message and its properties are three.
type Properties map[string]any

// commonProperties are what New encoded once for every track: the default
// properties and, under them, the system's.
type commonProperties struct {
	members  []commonProperty
	plain    int    // of the members, those whose names do not begin with "$"; they come first
	dollars  []byte // the JSON of the others, for tracks that have no such name of their own
	eventIDs bool
}

type commonProperty struct {
	name string
	json []byte // `,"name":value`
}

func newCommonProperties(cfg *config) (*commonProperties, error) {
	_, own := cfg.defaults["$event_id"]
	p := &commonProperties{eventIDs: cfg.eventIDs && !own}
	add := func(name string, value any) error {
		member, dollar, err := encode.Members([]byte{','}, Properties{name: value}, cfg.maxMessageBytes())
		p.members = append(p.members, commonProperty{name, member})
		if dollar {
			p.dollars = append(p.dollars, member...)
		} else {
			p.plain++
		}
		return err
	}
	for _, name := range plainFirst(cfg.defaults) {
		if err := add(name, cfg.defaults[name]); errors.Is(err, encode.ErrTooLarge) {
			return nil, &ConfigError{"WithDefaultProperties", strings.TrimSpace(memberName(err) + " holds a value that no batch can hold")}
		} else if err != nil {
			return nil, &ConfigError{"WithDefaultProperties", memberReason(err)}
		}
	}
	system := []struct {
		name  string
		value any
		on    bool
	}{
		{"$lib", "altertable-go", true},
		{"$lib_version", Version, true},
		{"$release", cfg.release, cfg.release != ""},
		{"$ip", 0, !cfg.requestIP},
	}
	for _, property := range system {
		if _, ok := cfg.defaults[property.name]; ok || !property.on {
			continue
		}
		if err := add(property.name, property.value); err != nil { // of a text, that it is too large
			return nil, &ConfigError{cfg.names.release, "must be short enough for a batch"}
		}
	}
	return p, nil
}

// plainFirst returns the names in one order: those that begin with "$" are last.
func plainFirst(p Properties) []string {
	return slices.SortedFunc(maps.Keys(p), func(a, b string) int {
		if dollarA, dollarB := strings.HasPrefix(a, "$"), strings.HasPrefix(b, "$"); dollarA != dollarB {
			if dollarA {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
}

// encode appends own, and the common properties that own does not override.
func (p *commonProperties) encode(dst []byte, own Properties, limit int) ([]byte, error) {
	begin := len(dst)
	dst, dollar, err := encode.Members(dst, own, limit)
	if err != nil {
		return dst, err
	}
	empty := len(dst) == begin
	candidates := p.members
	if !dollar { // then own has none of the other names
		candidates = p.members[:p.plain]
	}
	for i := range candidates {
		if _, ok := own[candidates[i].name]; !ok {
			dst = append(dst, candidates[i].json...)
		}
	}
	if !dollar {
		dst = append(dst, p.dollars...)
	}
	if p.eventIDs {
		if _, ok := own["$event_id"]; !ok {
			dst = append(dst, `,"$event_id":`...)
			dst = encode.String(dst, uuid.Must(uuid.NewV7()).String())
		}
	}
	if empty && len(dst) > begin { // nothing precedes the first comma
		dst = append(dst[:begin], dst[begin+1:]...)
	}
	return dst, nil
}

// withLayers returns a track's own properties over those of its request and its
// context, if it has any of these. It does not write to own.
func (c *Client) withLayers(ctx context.Context, s *scope, e *envelope, own Properties) (Properties, error) {
	var ofRequest, ofFunc, ofContext Properties
	if s != nil {
		if c.cfg.requestProperties && s.request != nil {
			ofRequest = s.request.properties()
		}
		ofContext = s.properties
	}
	if c.cfg.propertiesFunc != nil {
		var err error
		if ofFunc, err = c.askProperties(ctx); err != nil {
			return own, err
		}
	}
	if len(ofRequest)+len(ofFunc)+len(ofContext) == 0 {
		return own, nil
	}
	if e.merged == nil {
		e.merged = make(Properties)
	}
	for _, layer := range [...]Properties{ofRequest, ofFunc, ofContext, own} {
		for name, value := range layer { // maps.Copy would make the caller's map escape to the heap
			e.merged[name] = value
		}
	}
	return e.merged, nil
}

// askProperties calls the function of WithPropertiesFunc, which may panic.
func (c *Client) askProperties(ctx context.Context) (p Properties, err error) {
	defer func() {
		if recover() != nil {
			err = &ValidationError{"properties", "made the function of WithPropertiesFunc panic"}
		}
	}()
	return c.cfg.propertiesFunc(orBackground(ctx)), nil
}

// maxPooledProperties bounds the scratch that is kept for the next call.
const maxPooledProperties = 128

// freeMerged lets go of the caller's values.
func (e *envelope) freeMerged() {
	if len(e.merged) > maxPooledProperties {
		e.merged = nil
	}
	clear(e.merged)
}

// WithPropertiesFunc calls f at each Track, TrackSync, and Enqueue or Encode of
// a Track, for properties that are known at the call only, such as the trace's
// id, which f finds in the call's context. By default there is no such
// function. The event's own properties and those of ContextWithProperties win.
// f runs on the caller's goroutine, may be called concurrently, and must not
// call Track with the same client. It may return nil. The map is read before
// the call returns, and not written to. If f panics, the call returns a
// *ValidationError.
func WithPropertiesFunc(f func(context.Context) Properties) Option {
	return func(cfg *config) error { cfg.propertiesFunc = f; return nil }
}
