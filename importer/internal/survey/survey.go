// Package survey looks at all rows of a stage and sends nothing: the dry run.
package survey

import (
	"context"
	"errors"
	"io"

	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

// A Survey is what a dry run has found.
type Survey struct{}

// Make reads all rows.
func Make(ctx context.Context, s *stage.Stage) (*Survey, error) { return nil, errors.New("not built") }

// Print writes the survey for people, as wide as width. Values of rows are shown
// with showValues alone.
func (s *Survey) Print(out io.Writer, width int, showValues bool) error { return nil }
