package server

import (
	"os"
	"slices"
	"strings"
)

// inherited are the variables that an engine gets of its server's: those that
// programs need to run at all. DuckDB shows some others to whoever asks, such as
// a proxy with its password.
var inherited = []string{
	"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot", "TMPDIR", "TMP", "TEMP",
	"GOCOVERDIR", "GODEBUG", "GOMAXPROCS", "GORACE",
}

func engineEnvironment() []string {
	var environment []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		// Windows does not tell upper and lower case apart.
		if slices.ContainsFunc(inherited, func(known string) bool { return strings.EqualFold(known, name) }) {
			environment = append(environment, variable)
		}
	}
	// What it prints when it crashes is a dump of its memory: nobody's to see.
	return append(environment, engineVariable+"=1", "GOTRACEBACK=none")
}
