package drain

import (
	"encoding/json"
	"strings"
)

const defaultInbox = "_INBOX"

// tell publishes the outcome of a message for whom it waits. Who may publish events
// names the subject, so only an inbox will do: the relay may publish more than they.
func (d *Drain) tell(subject string, r refusal) {
	if !d.isInbox(subject) {
		d.warn("inbox", "relay: a producer waits for an outcome on a subject that is no inbox; it is told nothing")
		return
	}
	text, err := json.Marshal(struct {
		Status int    `json:"status"`
		Code   string `json:"code"`
		TaskID string `json:"task_id"`
	}{max(r.status, 200), r.code, ""})
	if err == nil {
		_ = d.broker.conn.Publish(subject, text) // nobody waits any more, or will know of it by the time
	}
}

// isInbox reports whether a subject is below the prefix of inboxes: the usual one, or
// that of the relays' connections.
func (d *Drain) isInbox(subject string) bool {
	if strings.ContainsAny(subject, " \t\r\n*>") {
		return false
	}
	own := d.broker.conn.Opts.InboxPrefix
	return strings.HasPrefix(subject, defaultInbox+".") || own != "" && strings.HasPrefix(subject, strings.TrimSuffix(own, ".")+".")
}
