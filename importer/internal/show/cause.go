package show

import (
	"errors"
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
