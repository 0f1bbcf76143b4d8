//go:build linux

// Command init is the first program of the kernel that make test-hardware boots:
// it prepares what programs expect to find, runs the tests, says how they ended
// and switches the machine off.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"unsafe"
)

const tracing = "/sys/kernel/tracing"

func main() {
	code := 1
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "this takes over a whole kernel: run make test-hardware")
		os.Exit(2)
	}
	if err := prepare(); err != nil {
		fmt.Println("prepare:", err)
	} else {
		code = run(os.Args[1:])
	}
	fmt.Printf("hardware tests ended with %d\n", code) // the runner looks for it
	syscall.Sync()
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}

func run(args []string) int {
	cmd := exec.CommandContext(context.Background(), "/hardware.test", args...) //nolint:gosec // the arguments are the kernel's command line
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func prepare() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"configfs", "/sys/kernel/config"}, {"tracefs", tracing}, {"tmpfs", "/tmp"}} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m[0], m[1], m[0], 0, ""); err != nil && !errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	if err := randomness(); err != nil {
		return fmt.Errorf("randomness: %w", err)
	}
	if err := loopback(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return os.WriteFile(filepath.Join(tracing, "events/gpio/enable"), []byte("1"), 0o600)
}

// randomness tells the kernel that it has some. One without devices gathers none
// for minutes, and whatever makes an id waits for it.
func randomness() error {
	f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	const addToEntropyCount = 0x40045201 // RNDADDTOENTCNT
	bits := int32(256)
	return errors.Join(ioctl(int(f.Fd()), addToEntropyCount, unsafe.Pointer(&bits)), f.Close()) //nolint:gosec // an ioctl takes a pointer
}

// loopback switches lo on, for the tests' broker.
func loopback() error {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	request := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{name: [syscall.IFNAMSIZ]byte{'l', 'o'}, flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	return errors.Join(ioctl(s, syscall.SIOCSIFFLAGS, unsafe.Pointer(&request)), syscall.Close(s)) //nolint:gosec // an ioctl takes a pointer
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); e != 0 {
		return e
	}
	return nil
}
