package altertabletest_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// printingT stands for the *testing.T of your test: it prints what go test would.
type printingT struct {
	testing.TB
	cleanups []func()
}

func (t *printingT) Helper() {}

func (t *printingT) Failed() bool { return false }

func (t *printingT) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *printingT) Fatalf(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	runtime.Goexit()
}

// run runs a test and its cleanups.
func run(test func(t testing.TB)) {
	t := &printingT{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range t.cleanups {
				defer cleanup()
			}
		}()
		test(t)
	}()
	<-done
}

// A test of code that tracks: what it looks like when it fails.
func ExampleServer_RequireEvent() {
	test := func(t testing.TB) {
		client, srv := altertabletest.New(t)

		// The code under test would do this.
		_ = client.Track(context.Background(), altertable.Track{
			Event: "signed_up", DistinctID: "u_42", Properties: altertable.Properties{"plan": "pro", "seats": 5},
		})
		_ = client.Flush(context.Background())

		event := srv.RequireEvent(t, altertabletest.Want{
			Event:      "signed_up",
			DistinctID: "u_42",
			Properties: altertable.Properties{"seats": 5},
		})
		fmt.Println(event.Properties["plan"])

		srv.RequireEvent(t, altertabletest.Want{Event: "signed_up", Properties: altertable.Properties{"seats": 6}})
	}
	run(test) // as go test does
	// Output:
	// pro
	// altertabletest: no event matches, want exactly one
	// 	want: event "signed_up", properties {"seats":6}
	// 	closest is event 1:
	// 		properties["seats"] is 5, want 6
	// 	there is 1 event:
	// 		1. "signed_up" by "u_42" {"plan":"pro","seats":5}
}
