package main

import "strings"

// A sample is the event of a scenario. Its properties are a map of its own for
// each event, on the heap.
type sample struct {
	event, user string
	properties  func() map[string]any
}

const (
	event = "checkout_completed"
	user  = "u_01jza857w4f23s1hf2s61befmw"
)

var (
	// usual is about 340 bytes of JSON.
	usual = sample{event, user, newProperties}

	// short is about 200 bytes of JSON.
	short = sample{"Opened", "u_4217", func() map[string]any {
		return map[string]any{"plan": "pro", "seats": 5}
	}}

	// longer is about 512 bytes of JSON, longest about 1,024.
	longer  = usualWith(strings.Repeat("n", 158))
	longest = usualWith(strings.Repeat("n", 670))
)

// newProperties returns a map on the heap. It would be on the caller's stack if
// the compiler inlined the function there.
//
//go:noinline
func newProperties() map[string]any {
	return map[string]any{
		"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
		"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
	}
}

func usualWith(note string) sample {
	return sample{event, user, func() map[string]any {
		properties := newProperties()
		properties["note"] = note
		return properties
	}}
}
