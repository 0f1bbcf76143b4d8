//go:build !linux

package benchgate

import "os"

// datasync returns when the file's data is on the disk.
func datasync(f *os.File) error { return f.Sync() }
