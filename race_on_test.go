//go:build race

package altertable_test

// raceEnabled: the race detector makes long tests several times longer.
const raceEnabled = true
