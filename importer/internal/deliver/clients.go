package deliver

import (
	"context"
	"errors"
	"sync"
	"time"

	altertable "github.com/altertable-ai/altertable-go"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// openClients makes the clients.
func (r *run) openClients() (err error) {
	if r.client, err = r.newClient(r.options.batchSize, &r.ledger.many); err != nil {
		return err
	}
	if r.single, err = r.newClient(1, &r.ledger.single); err != nil {
		return errors.Join(err, r.client.Close())
	}
	return nil
}

// clientFor returns the client that sends a row, and what the ledger knows of it.
func (r *run) clientFor(row *record.Row) (*altertable.Client, *current) {
	if r.ledger.isAlone(row) {
		return r.single, &r.ledger.single
	}
	return r.client, &r.ledger.many
}

// failed is what became of the requests of both.
func (r *run) failed() (f failed) {
	f.add(r.client.Stats(), r.options.batchSize)
	f.add(r.single.Stats(), 1)
	return f
}

// shutDown ends the clients.
func (r *run) shutDown(ctx context.Context) {
	var both sync.WaitGroup
	for _, client := range []*altertable.Client{r.client, r.single} {
		both.Go(func() { _ = client.Shutdown(ctx) })
	}
	both.Wait()
}

// newClient returns a client whose requests have up to batchSize messages. What it
// gives up after patience, the ledger has sent again: what waits in an outage waits
// for its end, or for the import's.
func (r *run) newClient(batchSize int, c *current) (*altertable.Client, error) {
	o := &r.options
	options := []altertable.Option{
		altertable.WithMaxBatchSize(batchSize),
		altertable.WithMaxBatchBytes(record.RequestBytes),
		altertable.WithMaxInFlight(inFlight),
		altertable.WithMaxQueueSize((inFlight + 2) * o.batchSize),
		altertable.WithOverflow(altertable.Block),
		altertable.WithRequestTimeout(time.Minute), // megabytes in parallel, over any line
		altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: patience}),
		altertable.WithLogger(filtered(o.Logger)),
		altertable.WithHTTPClient(o.httpClient),
		altertable.WithOnDelivery(func(d altertable.Delivery) { r.ledger.delivery(c, d) }),
		altertable.WithOnError(func(error) {}), // each message's outcome says it
	}
	if o.BaseURL != "" {
		options = append(options, altertable.WithBaseURL(o.BaseURL))
	}
	if o.Environment != "" {
		options = append(options, altertable.WithEnvironment(o.Environment))
	}
	if o.InsecureHTTP {
		options = append(options, altertable.WithInsecureHTTP())
	}
	return altertable.New(o.Key, options...)
}
