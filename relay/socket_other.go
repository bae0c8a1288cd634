//go:build !unix

package main

import "net"

// listenPrivate makes a socket, which is as private as its directory.
func listenPrivate(path string) (net.Listener, error) { return net.Listen("unix", path) }
