// Command track leaves one event in the spool below its argument, and exits.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/altertable-ai/altertable-go"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string) error {
	client, err := altertable.New("key", altertable.WithSpool(dir, altertable.SpoolName("track"), altertable.SpoolWriteOnly()))
	if err != nil {
		return err
	}
	err = client.Track(context.Background(), altertable.Track{Event: "command_run", DistinctID: "u_1"})
	return errors.Join(err, client.Close())
}
