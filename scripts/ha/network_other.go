//go:build !linux

package ha

import "syscall"

func ownNetwork() (*syscall.SysProcAttr, error) { return nil, ErrCannot }

func hideNames(string) error { return ErrCannot }
