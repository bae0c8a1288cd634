package main

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestLogSaysSentences(t *testing.T) {
	for want, log := range map[string]func(*slog.Logger){
		"Messages cannot be delivered at the moment, the import retries: server answered 500": func(l *slog.Logger) {
			l.Warn("altertable: messages cannot be delivered at the moment, the client retries", "error", errors.New("altertable: server answered 500"))
		},
		"Messages still cannot be delivered, the import retries (track, for 10 min 0 s, 3,000 waiting): server answered 500": func(l *slog.Logger) {
			l.Warn("altertable: messages still cannot be delivered, the client retries",
				"endpoint", "track", "age", 10*time.Minute, "queued", 3000, "error", "altertable: server answered 500")
		},
		"The outage is over, messages are sent again (after 15 s, 1 waited)": func(l *slog.Logger) {
			l.Error("altertable: the outage is over, messages are sent again", "duration", 14898*time.Millisecond, "waited", 1)
		},
		"The base URL is plain http: the network can read the key and the messages (ALTERTABLE_INSECURE_HTTP) (host api.example.com)": func(l *slog.Logger) {
			l.With("host", "api.example.com").WithGroup("g").Warn("altertable: the base URL is plain http: the network can read the key and the messages (WithInsecureHTTP)", "count", 1)
		},
		"A line ·[31m of two: and· more": func(l *slog.Logger) { l.Warn("a line \x1b[31m of two", "error", "and\n more") },
		"":                               func(l *slog.Logger) { l.Warn("") },
	} {
		said := []string{}
		logger := slog.New(sentences{say: func(line string) { said = append(said, line) }})
		logger.Info("not this")
		log(logger)
		assert.Equal(t, []string{want}, said)
	}
	said := ""
	slog.New(sentences{say: func(line string) { said = line }}).Warn("long", "error", strings.Repeat("x", 10_000))
	assert.Less(t, len(said), 500)
}

// TestTheCommandLogsNoRecords lets each trouble of the way to the server pass, and
// looks at what people read meanwhile.
func TestTheCommandLogsNoRecords(t *testing.T) {
	for name, test := range map[string]struct {
		fault altertabletest.Fault
		want  string
	}{
		"outage":     {altertabletest.Status(503), "Messages cannot be delivered at the moment, the import retries: server answered 503"},
		"rate limit": {altertabletest.Status(429), "The server limits the rate of requests, the import slows down"},
		"web page":   {altertabletest.Status(200).HTML("<html></html>"), "An HTML page answered: a captive portal"},
		"a firewall": {altertabletest.Status(403), "a firewall or proxy refuses the requests"},
		"no answer":  {altertabletest.Reset(), "Messages cannot be delivered at the moment, the import retries: "},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			srv.Always(test.fault)
			s := newShell(t, srv)
			s.err = &output{on: func(text string) {
				if strings.Contains(text, test.want) {
					srv.ClearFaults()
				}
			}}
			s.run(write(t, "events.csv", clean))
			assert.Contains(t, s.err.String(), test.want)
			assert.NotRegexp(t, regexp.MustCompile(`level=|msg=|time=|altertable: `), s.err.String())
			for line := range strings.Lines(s.err.String()) {
				assert.Regexp(t, `^[A-Z4]|^altertable-import: `, line)
			}
		})
	}
}
