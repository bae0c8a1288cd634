package stage

import (
	"context"
	"fmt"
)

// Digest identifies the rows before a position, and their order. It is about
// their content, and not about where in the source they are. See Engine.
func (s *Stage) Digest(ctx context.Context, position int64) (string, error) {
	var digest string
	err := s.db.QueryRowContext(ctx, fmt.Sprintf(
		`SELECT format('{}-{}-{}', count(*), coalesce(bit_xor(h), 0), coalesce(sum(h), 0)) FROM (SELECT hash(rowid, hash) AS h FROM sorted WHERE rowid < %d)`,
		position)).Scan(&digest)
	if err != nil {
		return "", sentence(ctx, "the rows cannot be compared", err)
	}
	return digest, nil
}
