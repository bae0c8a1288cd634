// Command lambda shows a client in a function that is frozen between its
// invocations: what the last one tracked must leave before it returns, so each
// ends with Flush. The events on standard input, one JSON object a line, stand
// for the invocations; it runs offline against an embedded server unless
// ALTERTABLE_API_KEY or ALTERTABLE_BASE_URL is set.
//
//	echo '{"user": "u_42", "amount": 12.5}' | go run ./examples/lambda
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// flushTimeout is what an invocation spends on delivery at most. What is not
// delivered by then stays queued, and leaves with the next one.
const flushTimeout = 2 * time.Second

type payment struct {
	User   string  `json:"user"`
	Amount float64 `json:"amount"`
}

// A function is what survives between invocations.
type function struct{ client *altertable.Client }

func (f *function) invoke(ctx context.Context, p payment) error {
	err := f.client.Track(ctx, altertable.Track{
		Event:      "payment_received",
		DistinctID: p.User,
		Properties: altertable.Properties{"amount": p.Amount},
	})
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	return errors.Join(err, f.client.Flush(ctx))
}

func main() {
	client, closeServer, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer closeServer()
	defer client.Close()

	f := &function{client}
	for input := json.NewDecoder(os.Stdin); ; {
		var p payment
		if err := input.Decode(&p); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Print(err)
			return
		}
		if err := f.invoke(context.Background(), p); err != nil {
			log.Print(err)
		}
		fmt.Printf("invocation over, delivered so far: %d\n", client.Stats().Delivered)
	}
}

// connect returns a client of the API that the environment names, or else of an
// embedded server, which closeServer ends.
func connect() (client *altertable.Client, closeServer func(), err error) {
	if os.Getenv("ALTERTABLE_API_KEY") != "" || os.Getenv("ALTERTABLE_BASE_URL") != "" {
		client, err = altertable.NewFromEnv()
		return client, func() {}, err
	}
	embedded := altertabletest.NewServer()
	client, err = altertable.New("any", altertable.WithBaseURL(embedded.URL))
	return client, embedded.Close, err
}
