// Command altertable-import brings users and their history to Altertable Product
// Analytics.
package main

import (
	_ "github.com/schollz/progressbar/v3"
	_ "golang.org/x/sys/execabs"
	_ "golang.org/x/term"

	_ "github.com/altertable-ai/altertable-go/importer/internal/deliver"
	_ "github.com/altertable-ai/altertable-go/importer/internal/preset"
	_ "github.com/altertable-ai/altertable-go/importer/internal/survey"
)

func main() {}
