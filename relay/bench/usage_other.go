//go:build !unix

package main

import (
	"errors"
	"os"
)

func interrupt(*os.Process) error {
	return errors.New("this system cannot tell a process to end, and its times are known only then")
}

func maxMemory(*os.ProcessState) int64 { return 0 }
