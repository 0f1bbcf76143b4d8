package store

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// fileLock keeps all other agents off a store. It is a file of its own: the bbolt
// file may be replaced, and is opened by the check as well.
type fileLock struct{ f *os.File }

func lockPath(path string) string { return path + "-lock" }

// lock waits for a moment for another process to let go.
func lock(path string) (fileLock, error) {
	f, err := os.OpenFile(lockPath(path), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fileLock{}, err
	}
	for until := time.Now().Add(lockWait); ; time.Sleep(lockWait / 20) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return fileLock{f}, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fileLock{}, errors.Join(err, f.Close())
		}
		if time.Now().After(until) {
			return fileLock{}, errors.Join(ErrInUse, f.Close())
		}
	}
}

func (l fileLock) unlock() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}
