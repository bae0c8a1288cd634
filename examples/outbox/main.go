// Command outbox places orders in a database, and tracks an event for each that
// was committed and for no other: a transactional outbox. Without
// ALTERTABLE_API_KEY and ALTERTABLE_BASE_URL it runs offline, against an embedded
// server with the documented API.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	client, embedded, err := newClient()
	if err != nil {
		return err
	}
	if embedded != nil {
		defer embedded.Close()
	}
	dir, err := os.MkdirTemp("", "outbox") // a service keeps its database, of course
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", source(filepath.Join(dir, "shop.db")))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := createTables(ctx, db); err != nil {
		return err
	}

	worker := NewWorker(db, client)
	working, stop := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- worker.Run(working) }()

	placeAll(ctx, out, db, client, worker)

	// A service does this once its handlers have ended.
	stop()
	err = <-stopped
	deadline, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := errors.Join(err, worker.Finish(deadline)); err != nil {
		return err
	}
	return show(ctx, out, db, embedded)
}

// newClient returns a client of the API that the environment names, or else of
// an embedded server.
func newClient() (*altertable.Client, *altertabletest.Server, error) {
	if os.Getenv("ALTERTABLE_API_KEY") != "" || os.Getenv("ALTERTABLE_BASE_URL") != "" {
		client, err := altertable.NewFromEnv(altertable.WithEventIDs())
		return client, nil, err
	}
	embedded := altertabletest.NewServer()
	client, err := altertable.New("offline", altertable.WithBaseURL(embedded.URL), altertable.WithEventIDs())
	return client, embedded, err
}

// An order is the business: what has to be right, with or without analytics.
type order struct {
	id     int
	person string
	cents  int
}

// errDeclined is the reason for which an order is taken back.
var errDeclined = errors.New("the card was declined")

// placeAll places three orders, of which the second one fails.
func placeAll(ctx context.Context, out io.Writer, db *sql.DB, client *altertable.Client, worker *Worker) {
	for _, o := range []order{{1001, "u_ada", 1250}, {1002, "u_ben", 999_900}, {1003, "u_ada", 4000}} {
		became := "committed"
		if err := place(ctx, db, client, o); err != nil {
			became = "rolled back: " + err.Error()
		}
		worker.Wake()
		fmt.Fprintf(out, "order %d of %s over %d.%02d: %s\n", o.id, o.person, o.cents/100, o.cents%100, became)
	}
}

// place writes an order and its event in one transaction, and has it paid before
// it commits them.
func place(ctx context.Context, db *sql.DB, client *altertable.Client, o order) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	_, err = tx.ExecContext(ctx, `INSERT INTO orders (id, person, cents) VALUES (?, ?, ?)`, o.id, o.person, o.cents)
	if err != nil {
		return err
	}
	err = Add(ctx, tx, client, altertable.Track{
		Event:      "order_placed",
		DistinctID: o.person,
		Properties: altertable.Properties{"order": o.id, "amount": float64(o.cents) / 100},
	})
	if err != nil {
		return err
	}
	if err := pay(o); err != nil {
		return err
	}
	return tx.Commit()
}

// pay stands for whatever makes a transaction fail after its event was added.
func pay(o order) error {
	if o.cents > 500_000 {
		return errDeclined
	}
	return nil
}

// show prints what is left in the outbox, and what the platform has.
func show(ctx context.Context, out io.Writer, db *sql.DB, embedded *altertabletest.Server) error {
	var left int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM outbox`).Scan(&left); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nmessages left in the outbox: %d\n", left)
	if embedded == nil {
		fmt.Fprintln(out, "look at the events in the dashboard: an ingestion key can write, not read")
		return nil
	}
	fmt.Fprintln(out, "\nevents that arrived:")
	for _, e := range embedded.Events() {
		p := e.Properties
		fmt.Fprintf(out, "%s  %s  %s  order %v  %.2f  $event_id %v\n",
			e.Timestamp.Local().Format("15:04:05.000"), e.Event, e.DistinctID, p["order"], p["amount"], p["$event_id"])
	}
	return nil
}
