package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/altertable-ai/altertable-go"
)

// zerologClient does what a client that delivers cannot do without: it encodes
// each message, with an encoder that is among the fastest, and posts batches.
// It has no bounds, retries or statistics, and each goroutine fills a batch of
// its own, without a lock.
type zerologClient struct {
	url     string
	header  http.Header
	http    http.Client
	batches chan *zerologBatch
	spare   chan *zerologBatch // sent, to be filled again
	senders sync.WaitGroup

	mu  sync.Mutex // guards err
	err error      // of the requests
}

// Package time writes this format faster than others.
func init() { zerolog.TimeFieldFormat = time.RFC3339Nano }

// newZerologClient starts a sender for each request that may be in flight.
func newZerologClient(url string, inFlight int) *zerologClient {
	c := &zerologClient{
		url: url + "/track",
		header: http.Header{
			"Content-Type": {"application/json"}, "Accept": {"application/json"},
			"User-Agent": {"altertable-go/" + altertable.Version}, "X-Api-Key": {"key"},
		},
		http: http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			MaxIdleConnsPerHost: inFlight,
			DisableCompression:  true,
			WriteBufferSize:     64 << 10,
		}},
		batches: make(chan *zerologBatch, inFlight),
		spare:   make(chan *zerologBatch, 2*inFlight),
	}
	for range inFlight {
		c.senders.Go(c.send)
	}
	return c
}

func (c *zerologClient) literal(events int) error {
	p := c.newProducer()
	for range events {
		err := p.track(event, user, map[string]any{
			"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
			"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
		})
		if err != nil {
			return err
		}
	}
	p.handOver()
	return nil
}

func (c *zerologClient) heap(s sample, events int, l *laps) error {
	p := c.newProducer()
	for range events {
		properties := s.properties()
		start := l.start()
		err := p.track(s.event, s.user, properties)
		l.stop(start)
		if err != nil {
			return err
		}
	}
	p.handOver()
	return nil
}

func (c *zerologClient) close() error {
	close(c.batches)
	c.senders.Wait()
	c.http.CloseIdleConnections()
	return c.err
}

func (c *zerologClient) send() {
	for b := range c.batches {
		if err := c.post(b.json); err != nil {
			c.mu.Lock()
			c.err = errors.Join(c.err, err)
			c.mu.Unlock()
		}
		select {
		case c.spare <- b:
		default:
		}
	}
}

func (c *zerologClient) post(body []byte) error {
	request, err := http.NewRequest(http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = c.header
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// A zerologProducer encodes the messages of one goroutine.
type zerologProducer struct {
	client *zerologClient
	logger zerolog.Logger
	batch  *zerologBatch
}

// A zerologBatch is the body of a request: messages in brackets.
type zerologBatch struct {
	json  []byte
	count int
}

func (c *zerologClient) newProducer() *zerologProducer {
	p := &zerologProducer{client: c}
	p.logger = zerolog.New(p).With().Str("environment", "production").Logger()
	p.nextBatch()
	return p
}

func (p *zerologProducer) nextBatch() {
	select {
	case p.batch = <-p.client.spare:
	default:
		p.batch = new(zerologBatch)
	}
	p.batch.json, p.batch.count = append(p.batch.json[:0], '['), 0
}

// systemMembers begin an object, to which zerolog appends the caller's
// properties. An object of zerolog's own would be copied once more.
var systemMembers = []byte(`{"$lib":"altertable-go","$lib_version":"` + altertable.Version + `","$ip":0`)

var errUnknownType = errors.New("a property of an unknown type")

func (p *zerologProducer) track(event, user string, properties map[string]any) error {
	message := p.logger.Log().Str("event", event).Str("distinct_id", user).
		Time("timestamp", time.Now().UTC().Truncate(time.Microsecond)).RawJSON("properties", systemMembers)
	for name, value := range properties {
		switch v := value.(type) {
		case string:
			message.Str(name, v)
		case float64:
			message.Float64(name, v)
		case int:
			message.Int(name, v)
		case bool:
			message.Bool(name, v)
		default: // zerolog would encode it, but all callers' values would have to be on the heap
			return errUnknownType
		}
	}
	message.Send()
	if p.batch.count == batchSize {
		p.handOver()
		p.nextBatch()
	}
	return nil
}

// Write takes a message from zerolog, which has ended it as a line of a log:
// its properties are still open.
func (p *zerologProducer) Write(line []byte) (int, error) {
	if p.batch.count > 0 {
		p.batch.json = append(p.batch.json, ',')
	}
	p.batch.json = append(append(p.batch.json, line[:len(line)-len("\n")]...), '}')
	p.batch.count++
	return len(line), nil
}

// handOver gives the batch to a sender, if there is anything in it.
func (p *zerologProducer) handOver() {
	if p.batch.count > 0 {
		p.batch.json = append(p.batch.json, ']')
		p.client.batches <- p.batch
	}
}
