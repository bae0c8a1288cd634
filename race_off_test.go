//go:build !race

package altertable

const RaceEnabled = false
