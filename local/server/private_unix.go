//go:build unix

package server

import "syscall"

// keepFilesPrivate lets nobody but their owner read the files that DuckDB
// creates: they hold personal data.
func keepFilesPrivate() { syscall.Umask(0o077) }
