package drain

import "errors"

var (
	errNoJSON     = errors.New("the payload is not JSON: an object, or an array of messages, was expected")
	errNoMessages = errors.New("the payload is an empty array")
)

// means are the bytes that mean something outside strings.
var means = func() (table [256]bool) {
	for _, c := range []byte(`"{}[],`) {
		table[c] = true
	}
	return table
}()

// split appends the messages in a payload, which is an array or one object, in one
// pass. They share its memory. What is inside a message is the core's and the API's
// to judge, but brackets must match, so that no message reaches into the next.
func split(events [][]byte, payload []byte) ([][]byte, error) {
	text := trim(payload)
	switch {
	case len(text) == 0:
		return events, errNoJSON
	case text[0] == '{':
		return append(events, text), nil
	case text[0] != '[' || text[len(text)-1] != ']':
		return events, errNoJSON
	}
	begin, depth := 1, 0
	for i := 1; i < len(text); i++ {
		c := text[i]
		if !means[c] {
			continue
		}
		switch c {
		case '"':
			if i = endOfString(text, i+1); i < 0 {
				return events, errNoJSON
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return endSplit(events, text, begin, i)
			}
		case ',':
			if depth > 0 {
				continue
			}
			event := trim(text[begin:i])
			if len(event) == 0 {
				return events, errNoJSON
			}
			events = append(events, event)
			begin = i + 1
		}
	}
	return events, errNoJSON
}

// endSplit appends the last message, which the bracket at i ends.
func endSplit(events [][]byte, text []byte, begin, i int) ([][]byte, error) {
	last := trim(text[begin:i])
	switch {
	case i != len(text)-1, len(last) == 0 && len(events) > 0:
		return events, errNoJSON
	case len(last) == 0:
		return events, errNoMessages
	}
	return append(events, last), nil
}

// endOfString returns where the string ends that begins at i, -1 if nowhere.
func endOfString(text []byte, i int) int {
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

// trim takes the white space off both ends.
func trim(text []byte) []byte {
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
