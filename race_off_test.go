//go:build !race

package altertable_test

const raceEnabled = false
