package altertabletest_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A fakeTB is a test whose end and whose words a test can look at.
type fakeTB struct {
	testing.TB
	deadline time.Time

	mu       sync.Mutex
	failed   bool
	words    []string
	cleanups []func()
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Deadline() (time.Time, bool) { return f.deadline, !f.deadline.IsZero() }

func (f *fakeTB) Cleanup(cleanup func()) { f.cleanups = append(f.cleanups, cleanup) }

func (f *fakeTB) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

func (f *fakeTB) say(failed bool, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = f.failed || failed
	f.words = append(f.words, text)
}

func (f *fakeTB) Logf(format string, args ...any)   { f.say(false, fmt.Sprintf(format, args...)) }
func (f *fakeTB) Errorf(format string, args ...any) { f.say(true, fmt.Sprintf(format, args...)) }

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.say(true, fmt.Sprintf(format, args...))
	runtime.Goexit()
}

func (f *fakeTB) Fatal(args ...any) {
	f.say(true, fmt.Sprint(args...))
	runtime.Goexit()
}

// run runs test as go test would, cleanups included.
func (f *fakeTB) run(test func(t testing.TB)) {
	f.goAndWait(func() { test(f) })
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.goAndWait(f.cleanups[i])
	}
}

func (f *fakeTB) goAndWait(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	<-done
}

func (f *fakeTB) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.words, "\n")
}

// failure returns the words with which check failed. It is empty if it passed.
func failure(t *testing.T, check func(t testing.TB)) string {
	t.Helper()
	f := &fakeTB{TB: t}
	f.run(check)
	if !f.failed && len(f.words) > 0 {
		t.Errorf("passed, and said %q", f.words)
	}
	return f.text()
}
