//go:build race

package altertable

// RaceEnabled: the race detector makes long tests several times longer.
const RaceEnabled = true
