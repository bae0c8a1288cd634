package duck

import (
	"os"

	"golang.org/x/sys/windows"
)

// freeIn returns the bytes that this process may still write there.
func freeIn(path string) (uint64, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	return free, err
}

// ours reports whether the file is this user's: the directory for temporary files
// is one for each user.
func ours(os.FileInfo) bool { return true }
