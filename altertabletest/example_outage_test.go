package altertabletest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// An outage of ten minutes passes in no time inside a testing/synctest bubble.
// Make client and server in there, and bring the server up with a timer: a Flush
// whose context has no deadline waits for it.
func ExampleServer_Down() {
	testOutage := func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, srv := altertabletest.New(t)
			start := time.Now()

			srv.Down()
			time.AfterFunc(10*time.Minute, srv.Up)
			if err := client.Track(t.Context(), altertable.Track{Event: "order_placed", DistinctID: "u_42"}); err != nil {
				t.Fatal(err)
			}
			if err := client.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}

			srv.RequireEvent(t, altertabletest.Want{Event: "order_placed"})
			if d := time.Since(start); d < 10*time.Minute || d > 11*time.Minute {
				t.Errorf("delivered after %s", d)
			}
		})
	}
	runT(testOutage) // as go test does
}

// shown is a test that an example shows, which has no *testing.T to run it with.
var shown func(t *testing.T)

func runT(test func(t *testing.T)) { shown = test }

func TestExampleServer_Down(t *testing.T) {
	ExampleServer_Down()
	shown(t)
}
