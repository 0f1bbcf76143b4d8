package ha

import (
	"fmt"
	"os"
	"syscall"
)

// ownNetwork starts a process with an empty network and mounts that nobody else sees.
func ownNetwork() (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: not root", ErrCannot)
	}
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Setpgid: true, Pdeathsig: syscall.SIGTERM}, nil
}

// hideNames makes what is put into dir visible to this process and its children alone.
func hideNames(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return err
	}
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "")
}
