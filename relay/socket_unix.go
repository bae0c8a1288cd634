//go:build unix

package main

import (
	"net"
	"syscall"
)

// listenPrivate makes a socket that nobody else can open at any moment.
func listenPrivate(path string) (net.Listener, error) {
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	return net.Listen("unix", path)
}
