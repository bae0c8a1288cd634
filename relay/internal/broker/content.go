package broker

import "bytes"

// A content is what must be known of a message to put it together with others.
type content struct {
	joins       bool
	object      bool // one event, not an array
	events      int
	environment string // of the first event, as JSON; a message has one environment
}

// contentOf reads data, which is JSON. What is not clearly events of one
// environment does not join others.
func contentOf(data []byte) content {
	data = bytes.TrimSpace(data)
	if len(data) < 2 {
		return content{}
	}
	object := data[0] == '{'
	if !object && data[0] != '[' {
		return content{}
	}
	s := scan{data: data, top: 1}
	if object {
		s.top = 0
	}
	ok := s.run()
	return content{joins: ok && s.events > 0, object: object, events: s.events, environment: s.environment}
}

// inside returns the events without the brackets of their array.
func (c content) inside(data []byte) []byte {
	data = bytes.TrimSpace(data)
	if c.object {
		return data
	}
	return data[1 : len(data)-1]
}

// A scan goes through JSON once: it counts the objects at depth top, and reads the
// environment of the first.
type scan struct {
	data        []byte
	top         int
	events      int
	environment string
}

// run reports whether the brackets match and no name of the first event is escaped.
func (s *scan) run() bool {
	depth, name := 0, false // name: the next string at the event's depth is one
	for i := 0; i < len(s.data); i++ {
		switch s.data[i] {
		case '{', '[':
			if depth == s.top && s.data[i] == '{' {
				s.events++
				name = true
			} else if depth == s.top && s.top == 1 {
				return false // an array in the array
			}
			depth++
		case '}', ']':
			if depth--; depth < 0 || depth == 0 && i != len(s.data)-1 {
				return false
			}
		case ',':
			name = name || depth == s.top+1
		case '"':
			end := stringEnd(s.data, i)
			if end < 0 {
				return false
			}
			if s.events == 1 && depth == s.top+1 && name {
				name = false
				if !s.member(i, end) {
					return false
				}
			}
			i = end
		}
	}
	return depth == 0
}

// member looks at the name that data has from start to end, quotes included.
func (s *scan) member(start, end int) bool {
	name := s.data[start+1 : end]
	if bytes.IndexByte(name, '\\') >= 0 {
		return false
	}
	if string(name) != "environment" {
		return true
	}
	value := bytes.TrimLeft(s.data[end+1:], " \t\r\n:")
	if len(value) == 0 || value[0] != '"' || s.environment != "" {
		return false
	}
	last := stringEnd(value, 0)
	if last < 0 {
		return false
	}
	s.environment = string(value[:last+1])
	return true
}

// stringEnd returns where the string that begins at i ends, or -1.
func stringEnd(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
