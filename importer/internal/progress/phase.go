package progress

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// rateWindow is the time over which the rate is measured.
const rateWindow = 10 * time.Second

// A phase is what a command does at a time. Progress.mu guards its observations.
type phase struct {
	name       string
	look       func() Snapshot
	begun      time.Time
	seen       []observation // the window's, oldest first
	end, ended chan struct{}
}

type observation struct {
	at time.Time
	Snapshot
}

func (s *phase) begin() {
	s.begun = time.Now()
	s.observe()
}

func (s *phase) observe() {
	if s.look == nil {
		return
	}
	now := time.Now()
	s.seen = append(s.seen, observation{now, s.look()})
	for len(s.seen) > 2 && now.Sub(s.seen[1].at) >= rateWindow {
		s.seen = s.seen[1:]
	}
}

func (s *phase) now() Snapshot { return s.seen[len(s.seen)-1].Snapshot }

// rate is how many rows a second are done lately.
func (s *phase) rate() float64 {
	first, last := s.seen[0], s.seen[len(s.seen)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(last.Done-first.Done) / seconds
}

// facts are what there is to say, the most important first, in few words or in
// whole ones.
func (s *phase) facts(short bool) []string {
	now, of, seconds := s.now(), " of ", show.Seconds
	if short {
		of, seconds = "/", clock
	}
	facts := []string{show.Count(now.Done) + of + show.Count(now.Total)}
	if rate := s.rate(); rate > 0 {
		facts = append(facts, show.Count(int64(rate+0.5))+"/s")
		if left := now.Total - now.Done; left > 0 {
			facts = append(facts, seconds(float64(left)/rate)+" left")
		}
	}
	if now.Refused > 0 {
		facts = append(facts, show.Count(now.Refused)+" refused")
	}
	if now.Waiting > 0 {
		facts = append(facts, show.Count(now.Waiting)+" waiting")
	}
	return facts
}

// clock writes a duration as 1:02:03 or 2:03.
func clock(seconds float64) string {
	whole := int64(min(seconds+0.5, 1e9))
	if whole < 3600 {
		return fmt.Sprintf("%d:%02d", whole/60, whole%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
}

// line is what a log gets.
func (s *phase) line() string {
	elapsed := show.Seconds(time.Since(s.begun).Seconds())
	if s.look == nil {
		return s.name + ", " + elapsed
	}
	return s.name + ": " + strings.Join(s.facts(false), ", ") + ", after " + elapsed
}

// bar is what a terminal of so many columns shows. Where there is little room, it
// is the facts alone, and then the first of them.
func (s *phase) bar(columns int) string {
	if s.look == nil {
		return cut(s.line(), columns)
	}
	now := s.now()
	text := ""
	for i, fact := range s.facts(true) {
		if i > 0 {
			fact = text + ", " + fact
		}
		if i > 0 && show.Width(fact) > columns {
			break
		}
		text = fact
	}
	width := min(30, columns-show.Width(text)-10)
	if width < 3 || now.Total <= 0 {
		return cut(text, columns)
	}
	var drawn bytes.Buffer
	bar := progressbar.NewOptions64(now.Total,
		progressbar.OptionSetWriter(&drawn),
		progressbar.OptionSetWidth(width),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetDescription(text),
	)
	if now.Done > 0 {
		_ = bar.Set64(min(now.Done, now.Total))
	}
	_ = bar.RenderBlank()
	line := strings.TrimSpace(strings.Trim(bar.String(), "\r"))
	return cut(strings.Replace(line, "]  ", "] ", 1), columns)
}
