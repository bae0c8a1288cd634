// Command api compares the exported API of the repository's packages with the
// snapshots in its directory snapshots, and with -write renews them.
//
//	go run -C tools ./api          # fails if anything differs, and says what
//	go run -C tools ./api -write   # renews the snapshots
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
	"github.com/altertable-ai/altertable-go/tools/internal/snapshot"
)

func main() {
	write := flag.Bool("write", false, "renew the snapshots")
	flag.Parse()
	same, err := run(os.Stdout, ".", *write)
	if err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(2)
	}
	if !same {
		os.Exit(1)
	}
}

// run reports whether the API of the repository that dir is in is that of its snapshots.
func run(out io.Writer, dir string, write bool) (same bool, err error) {
	root, err := modules.Root(dir)
	if err != nil {
		return false, err
	}
	found, err := snapshot.Load(root)
	if err != nil {
		return false, err
	}
	written, err := snapshot.Written(root)
	if err != nil {
		return false, err
	}
	changes := snapshot.Check(found, written)
	report(out, changes)
	switch {
	case len(changes) == 0:
		fmt.Fprintln(out, "The API is that of the snapshots.")
	case write:
		fmt.Fprintln(out, "\nThe snapshots are renewed.")
		return true, snapshot.Write(root, found)
	default:
		fmt.Fprintln(out, "\nIf this is meant, renew the snapshots, and commit them: go run -C tools ./api -write")
	}
	return len(changes) == 0, nil
}

func report(out io.Writer, changes []snapshot.Change) {
	for _, kind := range []struct {
		compatible bool
		title      string
	}{
		{false, "Incompatible changes, which break callers' code and are named in CHANGELOG.md:"},
		{true, "Compatible changes:"},
	} {
		title := kind.title
		for _, c := range changes {
			if c.Compatible == kind.compatible {
				if title != "" {
					fmt.Fprintln(out, title)
					title = ""
				}
				fmt.Fprintln(out, "-", c.Text)
			}
		}
	}
}
