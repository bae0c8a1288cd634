// Package progress tells people how far a command is: with a bar on a terminal,
// with lines elsewhere.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// How often the bar is drawn, and a line is written.
const (
	barInterval  = 200 * time.Millisecond
	lineInterval = 10 * time.Second
	longPhase    = time.Second
)

// A Snapshot is how far a phase is.
type Snapshot struct {
	Done, Total int64
	Refused     int64 // of Done
	Waiting     int64 // sent, or about to be, and without an outcome
}

// A Progress writes to a terminal or a log. All methods may be called by any
// goroutine.
type Progress struct {
	mu    sync.Mutex // guards all that follows, and the writing
	out   io.Writer
	width func() int // nil where there is no terminal
	phase *phase     // that runs; nil: none
	drawn bool       // the cursor's line has a bar
}

// New returns a Progress that writes to out, which is a terminal if width is not
// nil: width says how many columns it has.
func New(out io.Writer, width func() int) *Progress {
	return &Progress{out: out, width: width}
}

// Start begins a phase and ends the one before. A look says how far it is; where
// nobody knows, it is nil.
func (p *Progress) Start(name string, look func() Snapshot) {
	p.Stop()
	s := &phase{name: name, look: look, end: make(chan struct{}), ended: make(chan struct{})}
	s.begin()
	interval := barInterval
	if p.width == nil {
		interval = lineInterval
		p.Say(name)
	}
	p.mu.Lock()
	p.phase = s
	p.drawLocked()
	p.mu.Unlock()
	go p.run(s, interval)
}

func (p *Progress) run(s *phase, interval time.Duration) {
	defer close(s.ended)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-s.end:
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		if p.width == nil {
			s.observe()
			fmt.Fprintln(p.out, s.line())
		} else {
			p.drawLocked()
		}
		p.mu.Unlock()
	}
}

// Stop ends the phase that runs, if there is one. The last state of one that
// took its time stays as a line.
func (p *Progress) Stop() {
	p.mu.Lock()
	s := p.phase
	p.phase = nil
	if s != nil {
		if p.width != nil {
			p.eraseLocked()
		}
		if time.Since(s.begun) >= longPhase && (p.width != nil || s.look != nil) {
			s.observe()
			fmt.Fprintln(p.out, cut(s.line(), p.columnsLocked()))
		}
	}
	p.mu.Unlock()
	if s != nil {
		close(s.end)
		<-s.ended
	}
}

// Say writes a line, above the bar.
func (p *Progress) Say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eraseLocked()
	fmt.Fprintln(p.out, text)
	p.drawLocked()
}

func (p *Progress) eraseLocked() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

func (p *Progress) drawLocked() {
	if p.width == nil || p.phase == nil {
		return
	}
	p.phase.observe()
	fmt.Fprint(p.out, "\r", p.phase.bar(p.columnsLocked()), "\x1b[K")
	p.drawn = true
}

// columnsLocked leaves the last column free: a terminal may break the line after
// it.
func (p *Progress) columnsLocked() int {
	if p.width == nil {
		return 1 << 20
	}
	if width := p.width(); width > 0 {
		return max(1, width-1)
	}
	return 79
}

func cut(line string, columns int) string {
	if show.Width(line) <= columns {
		return line
	}
	return strings.TrimRight(show.Text(line, columns), " ")
}
