package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

const (
	streamInterval = 100 * time.Millisecond // shortest time between two updates
	streamIdle     = 15 * time.Second       // longest time without a sign of life
)

// stream sends server-sent events: the newest of what passes the filter, and
// then what changes. A browser that does not read is cut off, and connects again.
func (c console) stream(w http.ResponseWriter, r *http.Request) {
	f, _, err := parseFilter(r.URL.RawQuery)
	if err != nil {
		refuse(w, err.Error())
		return
	}
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		fail(w, http.StatusServiceUnavailable, "too-many-streams", "too many consoles are open")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Time{}) // the request is over, its connection lasts
	send := func(message []byte) bool {
		_ = controller.SetWriteDeadline(time.Now().Add(c.writeTimeout))
		_, err := w.Write(message)
		return err == nil && controller.Flush() == nil
	}
	if !send([]byte("retry: 1000\n\n")) {
		return
	}
	for v := c.hub.viewer(f); ; {
		u, snapshot, more := v.next()
		if more == nil {
			return
		}
		message := []byte(": still here\n\n")
		if u != nil {
			message = u.message(snapshot)
		}
		if !send(message) || !pause(r, more) {
			return
		}
	}
}

// message is u as a server-sent event. A snapshot replaces what the page had.
func (u *update) message(snapshot bool) []byte {
	name := "update"
	if snapshot {
		name = "snapshot"
	}
	var buf bytes.Buffer
	buf.WriteString("event: " + name + "\ndata: ")
	if err := json.NewEncoder(&buf).Encode(u); err != nil { // ends with a line break
		panic(err) // u has strings and numbers alone
	}
	buf.WriteString("\n")
	return buf.Bytes()
}

// pause waits for more, but not so that a burst becomes a flood, and not for
// so long that the connection seems dead. It reports false if the client left.
func pause(r *http.Request, more <-chan struct{}) bool {
	idle, rest := time.NewTimer(streamIdle), time.NewTimer(streamInterval)
	defer idle.Stop()
	defer rest.Stop()
	select {
	case <-more:
	case <-idle.C:
	case <-r.Context().Done():
		return false
	}
	select {
	case <-rest.C:
	case <-r.Context().Done():
		return false
	}
	return true
}
