package show

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Cause is what the system says about a file, without the operation and the path:
// a sentence names the file as people know it.
func Cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// Unwritten returns the sentence for a file that cannot be written, and nil for
// nil. todo is what people can do about it.
func Unwritten(path string, err error, todo string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s cannot be written: its directory does not exist: make it, or %s", path, todo)
	}
	return fmt.Errorf("%s cannot be written: %w: %s", path, Cause(err), todo)
}
