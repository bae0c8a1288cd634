package chaos

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An item is what the sink reads of a message.
type item struct {
	source      string // who sent it
	number      int    // counted by source, from 0
	endpoint    string
	person      string // of an identify
	environment string
	at          time.Time // when it was sent, as its source says; zero: not said
}

// A wireItem has the members of all three endpoints. The id is "source-number".
type wireItem struct {
	Environment string `json:"environment"`
	DistinctID  string `json:"distinct_id"`
	NewUserID   string `json:"new_user_id"`
	Properties  marks  `json:"properties"`
	Traits      marks  `json:"traits"`
}

type marks struct {
	ID string `json:"id"`
	At int64  `json:"at"`
}

func parseItems(endpoint string, body []byte) ([]item, error) {
	var all []wireItem
	err := json.Unmarshal(body, &all)
	if err != nil { // one message alone
		all = make([]wireItem, 1)
		if err = json.Unmarshal(body, &all[0]); err != nil {
			return nil, err
		}
	}
	items := make([]item, 0, len(all))
	for _, w := range all {
		i := item{endpoint: endpoint, environment: w.Environment}
		id, at := w.Properties.ID, w.Properties.At
		switch endpoint {
		case "identify":
			id, at, i.person = w.Traits.ID, w.Traits.At, w.Environment+"/"+w.DistinctID
		case "alias":
			id = w.NewUserID
		}
		i.source, i.number = splitID(id)
		if at != 0 {
			i.at = time.Unix(0, at)
		}
		items = append(items, i)
	}
	return items, nil
}

func splitID(id string) (source string, number int) {
	cut := strings.LastIndexByte(id, '-')
	if cut < 0 {
		return "", 0
	}
	number, err := strconv.Atoi(id[cut+1:])
	if err != nil {
		return "", 0
	}
	return id[:cut], number
}

func eventID(source string, number int) string { return source + "-" + strconv.Itoa(number) }

// A ledger counts what the sink has stored.
type ledger struct {
	mu      sync.Mutex
	sources map[string]*account // guarded by mu
	last    map[personOf]int    // guarded by mu; the highest number of an identify that was applied
	owner   map[string]string   // guarded by mu; key of the tenant that a source is of
	stored  int                 // guarded by mu; with what came twice
	foreign int                 // guarded by mu; events that another tenant's key brought, or of nobody
	newest  time.Time           // guarded by mu; when something was stored last
	gap     time.Duration       // guarded by mu; the longest time without anything, since watchGap
}

type personOf struct{ person, source string }

// An account is of one source.
type account struct {
	counts    []uint8 // how often each number was stored
	first     int     // numbers that were stored at least once
	twice     int     // stored again, each time
	wrong     int     // identifies whose first application came after that of a later one
	latencies []time.Duration
}

func newLedger() *ledger {
	return &ledger{sources: map[string]*account{}, last: map[personOf]int{}, owner: map[string]string{}}
}

// expect says whose source it is. What no key of its tenant brings is foreign.
func (l *ledger) expect(source, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owner[source] = key
}

func (l *ledger) store(key string, items []item, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.newest.IsZero() {
		l.gap = max(l.gap, now.Sub(l.newest))
	}
	l.newest = now
	for _, i := range items {
		l.stored++
		if owner, ok := l.owner[i.source]; !ok || owner != key {
			l.foreign++
		}
		a := l.sources[i.source]
		if a == nil {
			a = &account{}
			l.sources[i.source] = a
		}
		for len(a.counts) <= i.number {
			a.counts = append(a.counts, make([]uint8, max(1024, len(a.counts)))...)
		}
		l.applyLocked(a, i, now)
	}
}

func (l *ledger) applyLocked(a *account, i item, now time.Time) {
	a.counts[i.number]++
	if a.counts[i.number] > 1 {
		a.twice++
		return
	}
	a.first++
	if !i.at.IsZero() {
		a.latencies = append(a.latencies, now.Sub(i.at))
	}
	if i.endpoint != "identify" {
		return
	}
	p := personOf{i.person, i.source}
	if last, ok := l.last[p]; ok && last > i.number {
		a.wrong++
		return
	}
	l.last[p] = i.number
}

// total returns how many different events of the sources were stored; of all, if none is named.
func (l *ledger) total(sources ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(sources) == 0 {
		for _, a := range l.sources {
			n += a.first
		}
	}
	for _, s := range sources {
		if a := l.sources[s]; a != nil {
			n += a.first
		}
	}
	return n
}

// has reports whether the sink has each number of the source.
func (l *ledger) has(source string, numbers []int) bool { return l.missing(source, numbers) == 0 }

func (l *ledger) missing(source string, numbers []int) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.sources[source]
	for _, i := range numbers {
		if a == nil || i >= len(a.counts) || a.counts[i] == 0 {
			n++
		}
	}
	return n
}

// watchGap forgets the longest time without a delivery.
func (l *ledger) watchGap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gap = 0
}

func (l *ledger) longestGap() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gap
}

// latencies returns those of the source and forgets them.
func (l *ledger) latencies(source string) []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.sources[source]
	if a == nil {
		return nil
	}
	all := a.latencies
	a.latencies = nil
	return all
}
