package altertabletest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Write this as TestOutage.
func outage(t *testing.T) {
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
		if n := client.Stats().Retries; n < 10 {
			t.Errorf("%d retries", n)
		}
	})
}

// An outage of ten minutes passes in no time inside a testing/synctest bubble.
// Make client and server in there, and bring the server up with a timer: a Flush
// whose context has no deadline waits for it.
func ExampleServer_Down() {
	ok := testing.RunTests(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "TestOutage", F: outage}})
	fmt.Println(ok)
	// Output: true
}
