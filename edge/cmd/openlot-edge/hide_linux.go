package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// hide keeps a terminal from showing what is typed; terminal is false for anything else.
func hide(f *os.File) (show func(), terminal bool) {
	fd := int(f.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}, false
	}
	silent := *was
	silent.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &silent); err != nil {
		return func() {}, true
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, was) }, true // the shell's next prompt mends it
}
