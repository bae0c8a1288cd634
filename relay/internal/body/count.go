package body

// Count returns how many messages a payload of a stream has: an object is one, a
// list has as many as objects. Of what is not JSON, it counts what comes before that.
func Count(text []byte) int {
	s := scan{text: text}
	if s.space(); s.at < len(text) && text[s.at] == '{' {
		return 1
	}
	if s.at == len(text) || text[s.at] != '[' || !s.open() {
		return 0
	}
	for count := 0; ; {
		object := s.at < len(text) && text[s.at] == '{'
		if !s.value() {
			return count
		}
		if object {
			count++
		}
		if end, ok := s.more(']'); end || !ok {
			return count
		}
	}
}
