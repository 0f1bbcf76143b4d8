package benchgate

import (
	"os"
	"syscall"
)

// datasync returns when the file's data is on the disk. Its size does not
// change, so that there is nothing else to write.
func datasync(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}
