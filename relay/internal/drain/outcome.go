package drain

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	altertable "github.com/altertable-ai/altertable-go"
)

// A verdict is what the outcome of an event means.
type verdict int

const (
	done    verdict = iota
	refused         // the event itself: a dead letter
	missing         // its environment does not exist
	account         // the key, or the URL: nothing is to blame on the event
	over            // the session ended before it had one
)

// verdictOn says what the core told an event's done. A refusal may be final only if the
// API's answer speaks of the event; the core retries what speaks of the moment.
func verdictOn(err error) verdict {
	var api *altertable.APIError
	switch {
	case err == nil:
		return done
	case errors.Is(err, altertable.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return over
	case errors.Is(err, altertable.ErrTooLarge):
		return refused
	case !errors.As(err, &api):
		return over
	}
	if v := verdictOf(api.StatusCode, api.Code); v != over {
		return v
	}
	return account // the core has tried it again, in vain
}

// verdictOf says what the API's answer means. It is over for what the core tries again.
func verdictOf(status int, code string) verdict {
	code = strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(code))
	switch {
	case status >= 500:
		return over
	case strings.Contains(code, "environment"):
		return missing
	case ofKey(code):
		return account
	}
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return refused
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusMisdirectedRequest, http.StatusProxyAuthRequired:
		return over
	case http.StatusForbidden:
		if code == "" { // a firewall's
			return over
		}
	}
	return account
}

// ofKey reports whether an error's code speaks of the key.
func ofKey(code string) bool {
	for _, word := range []string{"api-key", "apikey", "invalid-key", "authenticat", "authoriz", "forbidden"} {
		if strings.Contains(code, word) {
			return true
		}
	}
	return false
}

// judge is an event's done: the core calls it on its callback goroutine.
func (h *held) judge(i int, err error) {
	s := h.lane.s
	defer s.judged.Add(1)
	switch verdictOn(err) {
	case done:
		s.settle(h, i, refusal{})
	case refused:
		s.refuse(h, i, payloadOf(err), err)
	case missing:
		s.miss(h, i, environmentNamed(err))
	case account:
		s.pause(err)
	}
}

// payloadOf returns the event that the core gave up.
func payloadOf(err error) []byte {
	var d *altertable.DeliveryError
	if errors.As(err, &d) && len(d.Payloads()) == 1 {
		return d.Payloads()[0]
	}
	return nil
}

// environmentNamed returns the environment of the event that the core gave up.
func environmentNamed(err error) string {
	var d *altertable.DeliveryError
	if errors.As(err, &d) {
		return d.Environment
	}
	return ""
}

// reasonFor says why an event is a dead letter: the code, a sentence and the status
// that the API's answer would have. None holds a value of the event.
func reasonFor(err error) (code, reason string, status int) {
	var api *altertable.APIError
	switch {
	case errors.As(err, &api) && api.Code != "":
		return api.Code, api.Error(), api.StatusCode
	case errors.As(err, &api):
		return strconv.Itoa(api.StatusCode), api.Error(), api.StatusCode
	case errors.Is(err, altertable.ErrTooLarge):
		return "too-large", err.Error(), http.StatusRequestEntityTooLarge
	}
	return "invalid", err.Error(), http.StatusBadRequest
}
