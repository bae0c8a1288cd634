package server

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWindow(t *testing.T) {
	w := window[string]{first: 1}
	for _, item := range []string{"a", "b", "c", "d"} {
		w.push(item)
	}
	assert.Equal(t, "a", w.pop())
	assert.Equal(t, "b", w.pop())
	assert.Equal(t, "c", w.pop())
	assert.Equal(t, []string{"d"}, w.kept())
	for number, want := range map[int64]string{-1: "", 0: "", 1: "", 3: "", 4: "d", 5: ""} {
		item, ok := w.at(number)
		assert.Equal(t, want, item, number)
		assert.Equal(t, want != "", ok, number)
	}
	w.clear()
	assert.Empty(t, w.kept())
	assert.Equal(t, int64(5), w.next(), "no number means two items")
	w.push("e")
	item, ok := w.at(5)
	assert.True(t, ok)
	assert.Equal(t, "e", item)
}
