package message

// chunkSize is how much memory messages share. A row that is kept holds its chunk.
const chunkSize = 64 << 10

// maxNames bounds the names of events that are kept.
const maxNames = 1000

// A scratch is the memory that one call of Map uses at a time. What it gives away
// it never touches again.
type scratch struct {
	out   []byte // the message
	bag   []byte // JSON of properties or traits
	line  []byte // of _json
	raw   []byte // values, for the hash
	field [roles]field
	taken []bool   // columns whose name a member of bag has
	props []member // of bag
	rest  []member // of line

	chunk []byte            // free memory of a chunk
	names map[string]string // of events
}

func newScratch(columns int) *scratch {
	return &scratch{taken: make([]bool, columns), names: map[string]string{}}
}

func (s *scratch) reset() {
	s.out, s.bag = s.out[:0], s.bag[:0]
	s.field = [roles]field{}
	clear(s.taken)
	s.props, s.rest = s.props[:0], s.rest[:0]
}

// keep returns a copy of b that may be kept, and written to.
func (s *scratch) keep(b []byte) []byte {
	if len(b) > chunkSize/4 {
		return append([]byte(nil), b...)
	}
	if len(b) > len(s.chunk) {
		s.chunk = make([]byte, chunkSize)
	}
	kept := s.chunk[:len(b):len(b)]
	s.chunk = s.chunk[len(b):]
	copy(kept, b)
	return kept
}

// name returns b as a string. There are few different ones.
func (s *scratch) name(b []byte) string {
	if name, ok := s.names[string(b)]; ok {
		return name
	}
	name := string(b)
	if len(s.names) < maxNames && len(name) < 256 {
		s.names[name] = name
	}
	return name
}
