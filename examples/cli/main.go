// Command cli counts lines and words, and tracks its own use the way a good
// citizen does. A run writes one event to disk, which takes no network and no
// noticeable time, and exits. Every few minutes a run starts another process,
// which delivers what all runs have left, while the user goes on.
//
//	go run ./examples/cli           # counts README.md
//	go run ./examples/cli deliver   # shows what was recorded
//
// DO_NOT_TRACK or EXAMPLE_CLI_NO_ANALYTICS turns that off; then nothing is
// written, and no process is started. A first run says so, and what is recorded.
//
// Without ALTERTABLE_API_KEY and ALTERTABLE_BASE_URL it runs offline: nothing is
// delivered in the background, and "deliver" sends to an embedded server.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
	"unicode"
)

const version = "1.0.0"

const usage = `Usage:

	cli [-v] count FILE...   counts lines and words; "-" is standard input
	cli [-v] deliver         delivers what was recorded of earlier runs, and shows it

Without a command it counts README.md, if there is one.

`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (status int) {
	begun := time.Now()
	flags := flag.NewFlagSet("cli", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); flags.PrintDefaults() }
	verbose := flags.Bool("v", false, "say why a run could not be recorded")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}

	files, hint := flags.Args(), false
	switch {
	case flags.Arg(0) == "deliver" && flags.NArg() == 1:
		return report("deliver", deliver(stdout), stderr)
	case flags.Arg(0) == "count" && flags.NArg() > 1:
		files = files[1:]
	case flags.NArg() == 0 && exists("README.md"):
		files, hint = []string{"README.md"}, true
	default:
		flags.Usage()
		return 2
	}
	status = report("count", count(files, stdin, stdout), stderr)

	err := recordInTime(commandRun{command: "count", status: status, duration: time.Since(begun)}, stderr)
	if err != nil && *verbose {
		fmt.Fprintln(stderr, "cli: this run was not recorded:", err)
	}
	if hint && err == nil && !optedOut() {
		fmt.Fprint(stdout, "\nThis run was recorded. To see what that means: go run ./examples/cli deliver\n")
	}
	return status
}

// report prints a command's error, and returns the exit status.
func report(command string, err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "cli %s: %v\n", command, err)
	return 1
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// count prints how many lines and words the files have. One that cannot be read
// does not keep it from the others.
func count(files []string, stdin io.Reader, stdout io.Writer) error {
	var errs []error
	for _, file := range files {
		lines, words, err := countFile(file, stdin)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(stdout, "%8d lines %8d words  %s\n", lines, words, file)
	}
	return errors.Join(errs...)
}

func countFile(file string, stdin io.Reader) (lines, words int, err error) {
	if file == "-" {
		return countText(stdin)
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	return countText(f)
}

func countText(text io.Reader) (lines, words int, err error) {
	inWord := false
	for r := bufio.NewReader(text); ; {
		char, _, err := r.ReadRune()
		if errors.Is(err, io.EOF) {
			return lines, words, nil
		} else if err != nil {
			return 0, 0, err
		}
		if char == '\n' {
			lines++
		}
		if !inWord && !unicode.IsSpace(char) {
			words++
		}
		inWord = !unicode.IsSpace(char)
	}
}
