package altertable_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A job marks what was delivered, and nothing else.
func ExampleClient_Enqueue() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))

	for _, invoice := range []string{"in_1", "in_2"} {
		err := client.Enqueue(context.Background(), altertable.Track{
			Event: "invoice_paid", DistinctID: "u_42", Properties: altertable.Properties{"invoice": invoice},
		}, func(err error) {
			if err != nil {
				fmt.Println(invoice, "stays:", err)
				return
			}
			fmt.Println(invoice, "is delivered")
		})
		if err != nil { // not accepted: the function above is not called
			fmt.Println(invoice, "stays:", err)
		}
	}
	_ = client.Close()
	// Output:
	// in_1 is delivered
	// in_2 is delivered
}

// The event is encoded where it happens, and stored with what it tells. A
// worker sends it: see examples/outbox for one with a database.
func ExampleClient_Encode() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithEventIDs())
	ctx := altertable.ContextWithUser(context.Background(), "u_42")

	// In the transaction of the order:
	event, err := client.Encode(ctx, altertable.Track{Event: "order_placed"})
	if err != nil {
		fmt.Println(err)
		return
	}
	row, _ := json.Marshal(event)

	// In the worker, perhaps after a restart:
	var stored altertable.Raw
	_ = json.Unmarshal(row, &stored)
	_ = client.Enqueue(context.Background(), stored, func(err error) {
		if err == nil {
			row = nil // deletes the row
		}
	})
	_ = client.Close()
	fmt.Println(srv.Events()[0].Event, srv.Events()[0].DistinctID, len(row))
	// Output: order_placed u_42 0
}

// Messages that will not be delivered are written aside, as lines of Raw.
func ExampleWithOnError() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	srv.Always(altertabletest.Status(401))
	var deadLetters bytes.Buffer // in a service: a file of mode 0600

	lines := json.NewEncoder(&deadLetters)
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithOnError(func(err error) {
		var lost *altertable.DeliveryError
		if errors.As(err, &lost) {
			for _, payload := range lost.Payloads() {
				_ = lines.Encode(altertable.Raw{Endpoint: lost.Endpoint, JSON: payload})
			}
		}
	}))
	_ = client.Alias(context.Background(), altertable.Alias{
		DistinctID: "stripe:cus_123", NewUserID: "u_42", Timestamp: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	fmt.Println(errors.Is(client.Close(), altertable.ErrUnauthorized))
	fmt.Print(deadLetters.String())
	// Output:
	// true
	// {"endpoint":"alias","message":{"environment":"production","distinct_id":"stripe:cus_123","new_user_id":"u_42","timestamp":"2026-01-01T00:00:00.000Z"}}
}

// Lines that were written aside are sent again.
func ExampleRaw() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithOverflow(altertable.Block))
	deadLetters := bytes.NewBufferString(
		`{"endpoint":"identify","message":{"environment":"production","distinct_id":"u_42","timestamp":"2026-01-01T00:00:00.000Z"}}` + "\n" +
			`{"endpoint":"track","message":{"environment":"production","event":"order_placed","properties":{"$ip":0},"distinct_id":"u_42","timestamp":"2026-01-01T00:00:01.000Z"}}` + "\n")

	lines := bufio.NewScanner(deadLetters)
	lines.Buffer(nil, 16<<20) // a message may have 2 MiB, which Scanner takes for too long by default
	for lines.Scan() {
		var m altertable.Raw
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			fmt.Println("no dead letter:", err)
			continue
		}
		done := func(err error) {
			if err != nil {
				fmt.Println("not delivered again:", err)
			}
		}
		if err := client.Enqueue(context.Background(), m, done); err != nil {
			fmt.Println(err)
		}
	}
	_ = client.Close()
	fmt.Println("delivered:", client.Stats().Delivered)
	for _, e := range srv.Events() {
		fmt.Println(e.Event, e.Timestamp.Format(time.DateTime))
	}
	// Output:
	// delivered: 2
	// order_placed 2026-01-01 00:00:01
}
