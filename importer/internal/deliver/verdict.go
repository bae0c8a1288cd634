package deliver

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	altertable "github.com/altertable-ai/altertable-go"
)

// A verdict is what the client's word for a message means for the import.
type verdict int

const (
	arrived      verdict = iota
	refusedAlone         // the API has looked at this message, and will never take it
	unjudged             // given up among others: it may be as good as any
	overdue              // the client has tried for as long as it may
	unanswered           // it was sent, and may have arrived
	unsent               // it did not leave, or was surely not stored
	hopeless             // the API takes nothing; the error says why
)

// judgeLocked judges the outcome of a message of c's delivery.
func (l *ledger) judgeLocked(c *current, err error) verdict {
	if err == nil {
		return arrived
	}
	lost, ok := err.(*altertable.DeliveryError)
	if !ok {
		return unsent
	}
	// An answer as the cause itself is final. Where the run's end cut a wait short,
	// the cause is the end, joined with an answer from before.
	_, final := lost.Err.(*altertable.APIError)
	_, cut := lost.Err.(*altertable.NetworkError)
	switch {
	case cut, final && mayPass(lost.Err), refusal(err) != nil && c.Duration >= patience:
		return overdue
	case !final && lost.Attempts > 0:
		return unanswered
	case !final:
		return unsent
	case refusal(err) == nil:
		return hopeless
	case !c.unjudged:
		return refusedAlone
	case c.givenUp > maxGivenUp, !l.trusted && c.givenUp > maxGivenUpAtFirst:
		return hopeless
	}
	return unjudged
}

// refusal returns the answer that err stands for, if it may speak of one message.
func refusal(err error) *altertable.APIError {
	lost, ok := err.(*altertable.DeliveryError)
	if !ok {
		return nil
	}
	answer, ok := lost.Err.(*altertable.APIError)
	if !ok || ofAll(answer) {
		return nil
	}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return answer
	}
	return nil
}

// ofAll reports whether the answer's code blames what all messages share.
func ofAll(answer *altertable.APIError) bool {
	code := strings.ToLower(answer.Code)
	for _, word := range []string{"environment", "key", "auth", "forbidden"} {
		if strings.Contains(code, word) {
			return true
		}
	}
	return false
}

// reasonOf returns the reason of a refused row.
func reasonOf(err error) string {
	var invalid *altertable.ValidationError
	var answer *altertable.APIError
	switch {
	case errors.Is(err, altertable.ErrTooLarge):
		return "the message is larger than 2 MiB, which is the most that the API takes"
	case errors.As(err, &invalid):
		return strings.TrimPrefix(invalid.Error(), "altertable: ")
	case errors.As(err, &answer):
		return strings.TrimPrefix(answer.Error(), "altertable: ")
	}
	return "cannot be sent"
}

// A stopError says why an import cannot go on, and what to do. Nothing that it
// concerns is noted as done.
type stopError struct {
	sentence string
	err      error // the client's
}

func (e *stopError) Error() string { return e.sentence }

func (e *stopError) Unwrap() error { return e.err }

const thenAgain = "; then run the same command again, which goes on where this one stopped"

// stopping returns the sentence for a message's outcome that ends the import.
func (o *Options) stopping(err error) error {
	lost, ok := err.(*altertable.DeliveryError)
	if !ok {
		return err
	}
	answer, ok := lost.Err.(*altertable.APIError)
	if !ok {
		return err
	}
	return &stopError{o.sentence(lost, answer) + thenAgain, err}
}

func (o *Options) sentence(lost *altertable.DeliveryError, answer *altertable.APIError) string {
	said := strings.TrimPrefix(answer.Error(), "altertable: server ")
	switch status := answer.StatusCode; {
	case errors.Is(answer, altertable.ErrEnvironmentNotFound):
		return o.missingEnvironment(lost.Environment) + ": create it in the dashboard"
	case errors.Is(answer, altertable.ErrUnauthorized), ofAll(answer):
		return fmt.Sprintf("the API refuses the key (it %s): set ALTERTABLE_API_KEY to an ingestion key of the project", said)
	case status >= 300 && status < 400:
		return fmt.Sprintf("the API's address redirects to another one (it %s): set ALTERTABLE_BASE_URL to the address that it leads to", said)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusMisdirectedRequest, status == http.StatusGone:
		return fmt.Sprintf("there is no API at the base URL (it %s): check ALTERTABLE_BASE_URL", said)
	case refusal(lost) != nil:
		return fmt.Sprintf("the API refuses one message after the other and takes none (it %s): look at what would be sent with -dry-run, and mend the source or its mapping", said)
	}
	return fmt.Sprintf("the API does not take the messages (it %s): find out why", said)
}

// missingEnvironment names the environment if the command line does. Else it is a
// value of a row.
func (o *Options) missingEnvironment(name string) string {
	given := o.Environment
	if given == "" {
		given = "production"
	}
	if name == given {
		return fmt.Sprintf("the project has no environment %q", name)
	}
	return "the project lacks an environment that a row names"
}
