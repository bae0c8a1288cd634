package server

// A window holds the newest items of a series whose items are numbered one
// after the other.
type window[T any] struct {
	items []T // the first start of them have left
	start int
	first int64 // number of the oldest that is kept
}

func (w *window[T]) kept() []T { return w.items[w.start:] }

func (w *window[T]) len() int { return len(w.items) - w.start }

// next returns the number that the next item gets.
func (w *window[T]) next() int64 { return w.first + int64(w.len()) }

func (w *window[T]) push(item T) { w.items = append(w.items, item) }

// pop lets go of the oldest item.
func (w *window[T]) pop() T {
	var none T
	item := w.items[w.start]
	w.items[w.start] = none
	w.start++
	w.first++
	if w.start > len(w.items)/2 {
		n := copy(w.items, w.items[w.start:])
		clear(w.items[n:])
		w.items, w.start = w.items[:n], 0
	}
	return item
}

// at returns the item of a number, if it is kept.
func (w *window[T]) at(number int64) (item T, ok bool) {
	if number < w.first || number >= w.next() {
		return item, false
	}
	return w.kept()[number-w.first], true
}

// clear lets go of all items. The numbers go on.
func (w *window[T]) clear() { *w = window[T]{first: w.next()} }
