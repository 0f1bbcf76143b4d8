//go:build !linux

package stack

import "syscall"

// childAttr gives a child its own process group, so that Ctrl-C reaches it
// through us and in our order.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
