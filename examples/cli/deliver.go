package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

const (
	deliveryInterval = 5 * time.Minute
	deliveryTimeout  = 30 * time.Second
	// maxAge is the age at which an event is given up: a tool that is used on
	// Fridays alone, and now and then without a network, loses none.
	maxAge = 30 * 24 * time.Hour
)

// deliver sends what earlier runs have left on disk, and prints each event as
// it was sent. What it cannot deliver in time stays for the next one.
func deliver(stdout io.Writer) error {
	if optedOut() {
		fmt.Fprintln(stdout, "nothing is delivered: DO_NOT_TRACK or EXAMPLE_CLI_NO_ANALYTICS is set")
		return nil
	}
	dir, err := dataDir()
	if err != nil {
		return err
	}
	options := []altertable.Option{
		altertable.WithSpool(spoolDir(dir), altertable.SpoolName(spoolName)),
		altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: maxAge}),
		altertable.WithOnDelivery(func(d altertable.Delivery) { printDelivered(stdout, d) }),
	}
	if isOffline() {
		embedded := altertabletest.NewServer()
		defer embedded.Close()
		options = append(options, altertable.WithBaseURL(embedded.URL))
	}
	client, err := newClient(options...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), deliveryTimeout)
	defer cancel()
	err = client.Shutdown(ctx) // at once, all that New found
	stats := client.Stats()
	fmt.Fprintf(stdout, "delivered: %d, left on disk for later: %d\n", stats.Delivered, stats.Queued)
	return err
}

func printDelivered(stdout io.Writer, d altertable.Delivery) {
	if d.Err != nil {
		return // the client logs it
	}
	for _, event := range d.Payloads() {
		fmt.Fprintf(stdout, "%s\n", event)
	}
}

// isOffline reports whether there is nobody to deliver to, except a server that
// is embedded and forgets.
func isOffline() bool {
	return os.Getenv("ALTERTABLE_API_KEY") == "" && os.Getenv("ALTERTABLE_BASE_URL") == ""
}

// claimDelivery reports whether the last delivery is long enough ago, and notes
// that the next one begins. Two runs that both claim it do no harm, since an
// event is in the hands of one process at a time.
func (rec *recorder) claimDelivery() (due bool, err error) {
	stamp, now := filepath.Join(rec.dir, "delivery_begun"), time.Now()
	info, err := os.Stat(stamp)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err == nil && now.Sub(info.ModTime()).Abs() < deliveryInterval { // further ahead, the clock was wrong
		return false, nil
	}
	if err := os.WriteFile(stamp, nil, 0o600); err != nil {
		return false, err
	}
	return true, os.Chtimes(stamp, now, now) // writing nothing does not set the time everywhere
}

// startDelivery lets a process of its own deliver what is in dir, and does not
// wait for it. It outlives the command and its terminal.
func startDelivery(dir string) error {
	if isOffline() {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, "deliver") // its standard input and output are the null device
	child.Dir = dir                        // the user's directory can be removed meanwhile
	child.Env = append(os.Environ(), "EXAMPLE_CLI_DIR="+dir)
	detach(child)
	if err := child.Start(); err != nil {
		return err
	}
	return child.Process.Release()
}
