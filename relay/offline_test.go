package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestArrived(t *testing.T) {
	tests := []struct {
		events              map[string]int
		identifies, aliases int
		want                string
	}{
		{nil, 0, 0, ""},
		{map[string]int{"signed_up": 1}, 0, 0, "arrived at the embedded API: 1 event (signed_up 1)"},
		{map[string]int{"b": 2, "a": 1, "": 7}, 2, 1, "arrived at the embedded API: 10 events (others 7, a 1, b 2), 2 identify calls, 1 alias call"},
		{map[string]int{"\x1b[31m\u00e9": 1}, 0, 0, `arrived at the embedded API: 1 event (\x1b[31m\u00e9 1)`},
		{nil, 1, 0, "arrived at the embedded API: 1 identify call"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, arrived(tt.events, tt.identifies, tt.aliases))
	}
}
