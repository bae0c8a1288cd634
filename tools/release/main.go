// Command release says whether the repository can be released as it is, and if
// so, the commands that do it. It changes nothing.
//
//	go run -C tools ./release v0.3.0
//	go run -C tools ./release          # the version of the constant Version
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
)

func main() {
	flag.Parse()
	ready, err := run(os.Stdout, ".", flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(2)
	}
	if !ready {
		os.Exit(1)
	}
}

// run checks the repository that dir is in, and reports whether it can be released as version.
func run(out io.Writer, dir, version string) (ready bool, err error) {
	root, err := modules.Root(dir)
	if err != nil {
		return false, err
	}
	all, err := modules.Find(root)
	if err != nil {
		return false, err
	}
	constant, err := versionConstant(root)
	if err != nil {
		return false, err
	}
	if version == "" {
		version = "v" + constant.value
	}
	t := &tree{root: root, version: version, modules: all}
	for _, check := range []func(*tree) error{
		(*tree).checkVersion, (*tree).checkTags, (*tree).checkClean,
		func(t *tree) error { return t.checkConstant(constant) },
		(*tree).checkDocuments, (*tree).checkChangelog, (*tree).checkRequires, (*tree).checkReplaces,
		(*tree).checkTidy, (*tree).checkGo, (*tree).checkZip, (*tree).checkAPI,
	} {
		if err := check(t); err != nil {
			return false, err
		}
	}
	if len(t.problems) > 0 {
		fmt.Fprintf(out, "%s cannot be released yet:\n", version)
		for _, problem := range t.problems {
			fmt.Fprintln(out, "-", problem)
		}
		return false, nil
	}
	fmt.Fprint(out, commands(t))
	return true, nil
}
