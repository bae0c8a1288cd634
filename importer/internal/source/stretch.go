package source

import "github.com/altertable-ai/altertable-go/importer/internal/duck"

// A stretch is the last rows of a file, as many as DuckDB has in memory at a time.
type stretch struct {
	sizes [duck.RowsInMemory]int32
	next  int   // the oldest of sizes
	bytes int64 // of all of them
	most  int64 // that these have been
}

func (s *stretch) add(size int) {
	s.bytes += int64(size) - int64(s.sizes[s.next])
	s.sizes[s.next] = int32(size)
	s.next = (s.next + 1) % len(s.sizes)
	s.most = max(s.most, s.bytes)
}
