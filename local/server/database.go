package server

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

const (
	// applyInterval is how long changes stay pending where no query asks for
	// them, and so what a killed process loses of its file.
	applyInterval = time.Second
	// readers is how many queries run at a time.
	readers = 4
	// queryTimeout is how long a query may take.
	queryTimeout = 10 * time.Second
	// queryGrace is how long after that its engine may take to stop it.
	queryGrace = 5 * time.Second
)

// A database answers SQL about what the API's server tells it. Its engine, a
// process of its own, has the data. The database has what the engine does not
// have yet, and gets another one the data when a query has ended it.
//
// Locks are taken in this order: applying, engineMu, mu. None is held while the
// API's server is told something, so that it may be asked under each.
type database struct {
	file     string        // empty for memory
	timeout  time.Duration // of a query
	grace    time.Duration // after it
	interval time.Duration // of asking whether an engine is there
	patience time.Duration // with its answer
	log      func(sentence string)

	mu      sync.Mutex
	pending pending
	room    sync.Cond // there is room in pending, or err is set; of mu
	err     error     // why nothing can be stored any more
	closed  bool      // no query begins any more

	applying sync.Mutex // held while a batch is on its way

	engineMu sync.Mutex // guards the engine, and what another one begins with
	engine   *engine
	truth    truth    // nil until follow
	applied  int64    // events that the engine has
	inFlight int      // events that it may have beyond them
	clearing bool     // it may have forgotten those
	over     bool     // there will be no other engine
	journal  *journal // nil with a file

	turns turns         // of the queries, and of what has to be alone
	large chan struct{} // one element for each large result that somebody has

	failed chan struct{} // closed when err is set
	wake   chan struct{} // asks for an apply
	stop   chan struct{}
	ended  sync.WaitGroup
}

// truth is what the API's server knows.
type truth interface {
	Identity(environment, id string) (altertabletest.Identity, bool)
	Identities() []altertabletest.Identity
}

// logToStderr is where a server's sentences go by default.
func logToStderr(sentence string) { fmt.Fprintln(os.Stderr, "altertable-local:", sentence) }

// openDatabase opens a file, or a database in memory if file is empty.
func openDatabase(file string, log func(sentence string)) (d *database, err error) {
	d = &database{
		file:     file,
		timeout:  queryTimeout,
		grace:    queryGrace,
		interval: pingInterval,
		patience: pingPatience,
		log:      log,
		large:    make(chan struct{}, maxLarge),
		failed:   make(chan struct{}),
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
	}
	d.room.L = &d.mu
	if file == "" {
		d.journal = newJournal(func(sentence string) { d.log(sentence) })
	}
	if d.engine, err = startEngine(d.interval, d.patience); err == nil {
		err = d.engine.open(file, false)
	}
	if err != nil {
		return nil, errors.Join(err, d.release())
	}
	d.applied = d.engine.opened
	d.ended.Go(d.applyNowAndThen)
	return d, nil
}

// follow says whose identities the database has. It comes before the first
// change.
func (d *database) follow(t truth) {
	d.engineMu.Lock()
	defer d.engineMu.Unlock()
	d.truth = t
}

// observe takes a change. It waits while there is so much to apply that a burst
// would fill the memory.
func (d *database) observe(change altertabletest.Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return
	}
	d.pending.add(change)
	if !d.pending.due(1) {
		return
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
	for d.pending.due(2) && d.err == nil {
		d.room.Wait()
	}
}

// catchUp makes all that was observed visible to queries that begin afterwards.
func (d *database) catchUp() error {
	d.applying.Lock()
	defer d.applying.Unlock()
	d.mu.Lock()
	p, err := d.pending, d.err
	d.pending = pending{}
	d.room.Broadcast()
	d.mu.Unlock()
	if err != nil || p.empty() {
		return err
	}
	d.engineMu.Lock()
	truth := d.truth
	d.engineMu.Unlock()
	if err := d.apply(p.batch(truth.Identity)); err != nil {
		return d.fail(fmt.Errorf("events cannot be stored: %w", err))
	}
	return nil
}

// fail sets why nothing can be stored any more, unless that is known.
func (d *database) fail(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
		close(d.failed)
		d.room.Broadcast()
	}
	return d.err
}

func (d *database) applyNowAndThen() {
	ticker := time.NewTicker(applyInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-d.wake:
		case <-d.stop:
			return
		}
		if d.catchUp() == nil { // d.failed tells
			_, _ = d.live() // where an engine has ended, the next query finds another
		}
	}
}

// close applies what is pending. Queries that run are ended, and later ones
// refused; nothing may be observed any more.
func (d *database) close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	close(d.stop)
	err := d.catchUp()
	d.engineMu.Lock()
	e := d.engine
	d.over = true
	d.engineMu.Unlock()
	if err == nil && d.file != "" {
		err = e.closeFile(d.grace)
	}
	e.kill() // what it has is in the file, or not needed any more
	d.ended.Wait()
	return errors.Join(err, d.release())
}

// release lets go of what the database itself holds.
func (d *database) release() (err error) {
	if d.engine != nil {
		d.engine.kill()
		<-d.engine.ended
		_ = d.engine.in.Close()
	}
	if d.journal != nil {
		err = d.journal.close()
	}
	return err
}
