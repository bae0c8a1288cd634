// Command altertable-relay stores events on NATS JetStream and delivers them to Altertable,
// for services that would lose what they have in memory: see its README.md.
//
//	go run .                          in this directory; prints what points a service at it
//	go run . serve --data /var/lib/altertable-relay
//	go run . help
//
// Without a configuration it listens on the loopback address, takes any token and
// delivers to an embedded server with the documented API, so that nothing leaves
// the machine.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // something configured is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], terminal{os.Getenv, os.Stdout, os.Stderr}))
}

// A terminal is what a command reads and writes besides its arguments.
type terminal struct {
	getenv func(string) string
	out    io.Writer
	err    io.Writer
}
