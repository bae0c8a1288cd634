package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// offline is an embedded server in the place of the API. It shows what arrives.
type offline struct {
	server *altertabletest.Server
	out    io.Writer

	mu      sync.Mutex // guards what follows
	events  map[string]int
	updates [2]int // identifies, aliases
	waiting bool   // a line is to come
	closed  bool
}

const (
	lineEvery = 500 * time.Millisecond
	mostNames = 20 // in a line
	history   = 1000
)

func newOffline(out io.Writer) *offline {
	o := &offline{out: out, events: map[string]int{}}
	o.server = altertabletest.NewServer(altertabletest.WithoutListener(), altertabletest.WithObserver(o.observe),
		altertabletest.WithHistory(history), altertabletest.WithBodyHistory(0))
	return o
}

func (o *offline) transport() http.RoundTripper { return o.server.HTTPClient().Transport }

// observe counts. The server has a lock of its own here, so nothing is written.
func (o *offline) observe(c altertabletest.Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case c.Event != nil:
		name := c.Event.Event
		if _, known := o.events[name]; !known && len(o.events) >= mostNames {
			name = ""
		}
		o.events[name]++
	case c.Update != nil && c.Update.Alias:
		o.updates[1]++
	case c.Update != nil:
		o.updates[0]++
	default:
		return
	}
	if !o.waiting && !o.closed {
		o.waiting = true
		time.AfterFunc(lineEvery, o.show)
	}
}

// show writes the line of what arrived since the last one.
func (o *offline) show() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.showLocked()
}

func (o *offline) showLocked() {
	o.waiting = false
	if line := arrived(o.events, o.updates[0], o.updates[1]); line != "" {
		fmt.Fprintln(o.out, line)
	}
	clear(o.events)
	o.updates = [2]int{}
}

// arrived returns what a line says: names and numbers, and nothing of a person.
func arrived(events map[string]int, identifies, aliases int) string {
	var parts []string
	total := 0
	var names []string
	for _, name := range slices.Sorted(maps.Keys(events)) {
		n := events[name]
		total += n
		if name == "" {
			name = "others"
		}
		if len(name) > 40 {
			name = name[:40]
		}
		text := fmt.Sprintf("%+q", name)
		names = append(names, fmt.Sprintf("%s %d", text[1:len(text)-1], n))
	}
	if total > 0 {
		parts = append(parts, fmt.Sprintf("%s (%s)", counted(total, "event"), strings.Join(names, ", ")))
	}
	if identifies > 0 {
		parts = append(parts, counted(identifies, "identify call"))
	}
	if aliases > 0 {
		parts = append(parts, counted(aliases, "alias call"))
	}
	if len(parts) == 0 {
		return ""
	}
	return "arrived at the embedded API: " + strings.Join(parts, ", ")
}

// counted returns "1 event", "2 events".
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// close ends the server and shows the rest.
func (o *offline) close() {
	o.server.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.showLocked()
}
