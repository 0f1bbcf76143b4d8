//go:build unix

package obs

import (
	"os"
	"syscall"
)

// identity is the device and inode behind a file.
func identity(f *os.File) (dev, inode uint64, ok bool) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return uint64(s.Dev), s.Ino, true //nolint:unconvert // not 64 bits wide everywhere
}
