package store

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// limitMemory bounds what this process may take beyond what it has.
func limitMemory(more uint64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return // the time limit is left
	}
	_, rest, _ := bytes.Cut(status, []byte("VmData:"))
	var kib uint64
	if _, err := fmt.Sscan(string(rest), &kib); err != nil {
		return // as above
	}
	limit := kib<<10 + more
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}) // as above
}

// reserve gives a file its blocks on the disk, so that writing within its size
// does not find the disk full.
func reserve(f *os.File, size int64) error {
	return unix.Fallocate(int(f.Fd()), 0, 0, size)
}
