//go:build !unix

package main

import "os"

// maxMemory is known on Unix alone.
func maxMemory(*os.ProcessState) int64 { return 0 }
