package main

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A sentences is a log handler that says each record as a sentence, between the
// lines of progress. The SDK logs for programs; people read this.
type sentences struct {
	say   func(string)
	attrs []slog.Attr // of WithAttrs
}

// Enabled leaves out what is not a warning.
func (s sentences) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// inCommand replaces what only a Go program has.
var inCommand = strings.NewReplacer("altertable: ", "", "the client ", "the import ", "WithInsecureHTTP", "ALTERTABLE_INSECURE_HTTP")

// Handle says the message, then facts, then the error.
func (s sentences) Handle(_ context.Context, r slog.Record) error {
	cause := ""
	var facts []string
	each := func(a slog.Attr) bool {
		if a.Key == "error" {
			cause = ": " + inCommand.Replace(a.Value.String())
		} else if fact := factOf(a); fact != "" {
			facts = append(facts, fact)
		}
		return true
	}
	for _, a := range s.attrs {
		each(a)
	}
	r.Attrs(each)
	text := inCommand.Replace(r.Message)
	if first, size := utf8.DecodeRuneInString(text); size > 0 {
		text = string(unicode.ToUpper(first)) + text[size:]
	}
	if len(facts) > 0 {
		text += " (" + strings.Join(facts, ", ") + ")"
	}
	s.say(show.Text(text+cause, 400))
	return nil
}

// factOf says an attribute in words; "" for one that tells people nothing.
func factOf(a slog.Attr) string {
	value := a.Value.Resolve()
	text := value.String()
	switch value.Kind() {
	case slog.KindDuration:
		text = show.Seconds(value.Duration().Seconds())
	case slog.KindInt64:
		text = show.Count(value.Int64())
	}
	switch a.Key {
	case "count", "environment": // attempts count as well, and the rows say their environment
		return ""
	case "endpoint":
		return text
	case "age":
		return "for " + text
	case "duration":
		return "after " + text
	case "queued":
		return text + " waiting"
	case "waited", "short_outages":
		return text + " " + strings.ReplaceAll(a.Key, "_", " ")
	}
	return strings.ReplaceAll(a.Key, "_", " ") + " " + text
}

// WithAttrs keeps attributes for each record.
func (s sentences) WithAttrs(attrs []slog.Attr) slog.Handler {
	s.attrs = append(s.attrs[:len(s.attrs):len(s.attrs)], attrs...)
	return s
}

// WithGroup changes nothing: no attribute is named twice.
func (s sentences) WithGroup(string) slog.Handler { return s }
