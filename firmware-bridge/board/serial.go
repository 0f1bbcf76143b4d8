package board

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"go.bug.st/serial"

	"github.com/openlot/openlot/protocol/fault"
)

// OpenSerial opens a serial port, eight data bits, no parity, raw, and throws
// away what it had received before. It holds an exclusive lock on the device
// itself until it is closed, so that two agents cannot share a board; the
// kernel drops the lock with the process, so none is ever left over.
//
// The errors are ErrPortBusy and ErrPortMissing, and the system's own.
//
// go.bug.st/serial sets the port up; bytes go through the runtime's poller
// instead of its Read, because a Close must wake a pending Read without ever
// touching a file descriptor that belongs to somebody else by then, and a
// Write must not outlast its deadline.
func OpenSerial(path string, baud int) (io.ReadWriteCloser, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, portError(path, err)
	}
	if err := configure(f, path, baud); err != nil {
		_ = f.Close()
		return nil, portError(path, err)
	}
	return f, nil
}

func configure(f *os.File, path string, baud int) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	if err := raw.Control(func(fd uintptr) {
		locked = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
	}); err != nil {
		return err
	}
	if locked != nil {
		return locked
	}
	// The settings belong to the device and outlast this handle. Its exclusive
	// mode must not: after a killed process it would lock the next one out.
	p, err := serial.Open(path, &serial.Mode{BaudRate: baud, DataBits: 8})
	if err != nil {
		return err
	}
	return errors.Join(p.ResetInputBuffer(), p.Close())
}

func portError(path string, err error) error {
	var pe *serial.PortError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(err, ErrPortMissing.Kind, ErrPortMissing.Code, fmt.Sprintf("There is no serial port %s.", path))
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EBUSY), errors.As(err, &pe) && pe.Code() == serial.PortBusy:
		return fault.Wrap(err, ErrPortBusy.Kind, ErrPortBusy.Code, fmt.Sprintf("Another program is using the serial port %s.", path))
	default:
		return fmt.Errorf("open serial port %s: %w", path, err)
	}
}
