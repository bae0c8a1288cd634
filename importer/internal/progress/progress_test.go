package progress_test

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/importer/internal/progress"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screen is what a terminal shows of a text: its lines, each as it was written
// last.
func screen(text string) []string {
	lines := []string{}
	line := ""
	for text != "" {
		switch {
		case strings.HasPrefix(text, "\r\x1b[K"):
			line, text = "", text[4:]
		case text[0] == '\r':
			line, text = "", text[1:]
		case strings.HasPrefix(text, "\x1b[K"):
			text = text[3:]
		case text[0] == '\n':
			lines, line, text = append(lines, line), "", text[1:]
		default:
			line, text = line+text[:1], text[1:]
		}
	}
	return append(lines, line)
}

func TestLinesWithoutATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var done atomic.Int64
		p := progress.New(&out, nil)
		p.Start("Reading events.csv", nil)
		time.Sleep(25 * time.Second)
		p.Start("Sending", func() progress.Snapshot {
			return progress.Snapshot{Done: done.Load(), Total: 1000, Refused: done.Load() / 100, Waiting: 7}
		})
		time.Sleep(9 * time.Second)
		done.Store(200)
		time.Sleep(2 * time.Second)
		p.Stop()
		p.Stop()
		assert.Equal(t, `Reading events.csv
Reading events.csv, 10 s
Reading events.csv, 20 s
Sending
Sending: 200 of 1,000, 20/s, 40 s left, 2 refused, 7 waiting, after 10 s
Sending: 200 of 1,000, 18/s, 44 s left, 2 refused, 7 waiting, after 11 s
`, out.String())
		assert.NotContains(t, out.String(), "\r")
	})
}

func TestBarOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var done atomic.Int64
		p := progress.New(&out, func() int { return 80 })
		p.Start("Reading", nil)
		time.Sleep(time.Second)
		p.Start("Sending", func() progress.Snapshot {
			return progress.Snapshot{Done: done.Load(), Total: 1_000_000, Refused: 3, Waiting: 8000}
		})
		time.Sleep(time.Second)
		done.Store(500_000)
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		p.Say("The key is refused")
		lines := screen(out.String())
		require.Len(t, lines, 3)
		assert.Equal(t, "Reading, 1.0 s", lines[0])
		assert.Equal(t, "The key is refused", lines[1])
		assert.Regexp(t, `^50% \[=+> +\] 500,000/1,000,000, \d+,\d+/s, 0:0\d left, 3 refused, 8,000 waiting$`, lines[2])
		done.Store(1_000_000)
		p.Stop()
		lines = screen(out.String())
		require.Len(t, lines, 4)
		assert.Regexp(t, `^Sending: 1,000,000 of 1,000,000, .*3 refused`, lines[2])
		assert.Empty(t, lines[3])
		assert.NotRegexp(t, regexp.MustCompile(`\x1b\[[0-9;]*m`), out.String(), "there are no colors, whatever NO_COLOR says")
	})
}

// TestNoTerminalIsTooNarrow draws at each width: a line that is too long would
// scroll the terminal at each step.
func TestNoTerminalIsTooNarrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for width := 0; width < 130; width++ {
			var out bytes.Buffer
			var done atomic.Int64
			p := progress.New(&out, func() int { return width })
			p.Start("Sending", func() progress.Snapshot {
				return progress.Snapshot{Done: done.Load(), Total: 123_456_789, Refused: 1_234_567, Waiting: 10_000}
			})
			done.Store(100_000_000)
			time.Sleep(time.Second)
			p.Stop()
			most := width - 1
			if width == 0 {
				most = 79 // unknown
			}
			for _, line := range regexp.MustCompile(`[\r\n]`).Split(out.String(), -1) {
				assert.LessOrEqual(t, show.Width(strings.ReplaceAll(line, "\x1b[K", "")), max(1, most), "width %d: %q", width, line)
			}
		}
	})
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for done, want := range map[int64]string{500: "0:01 left", 100: "0:09 left", 1: "16:39 left"} {
			var out bytes.Buffer
			var now atomic.Int64
			p := progress.New(&out, func() int { return 100 })
			p.Start("Sending", func() progress.Snapshot { return progress.Snapshot{Done: now.Load(), Total: 1000} })
			time.Sleep(time.Second - time.Millisecond)
			now.Store(done)
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			assert.Contains(t, out.String(), want)
			p.Stop()
		}
	})
}

func TestHostileNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, s := range []progress.Snapshot{{}, {Done: 5}, {Done: 5, Total: 3}, {Done: -1, Total: 3}, {Done: 1, Total: -1}} {
			p := progress.New(&bytes.Buffer{}, func() int { return 80 })
			p.Start("Sending", func() progress.Snapshot { return s })
			time.Sleep(time.Second)
			p.Stop()
		}
	})
}

func TestLinesOfALogStayWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := progress.New(&out, func() int { return 60 })
		p.Start("Sending", func() progress.Snapshot { return progress.Snapshot{Done: 1, Total: 2} })
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					p.Say("a line of the log")
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		p.Stop()
		lines := screen(out.String())
		require.Len(t, lines, 402)
		for _, line := range lines[:400] {
			assert.Equal(t, "a line of the log", line)
		}
	})
}
