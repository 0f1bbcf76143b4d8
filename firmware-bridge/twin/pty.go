package twin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/creack/pty"
	"go.bug.st/serial"

	"github.com/openlot/openlot/protocol/fault"
)

// ErrPathTaken says that the path for the port is somebody else's.
var ErrPathTaken = fault.New(fault.Conflict, "pty_path_taken", "Something else is at the path for the serial port.")

// line is the twin's end of a serial line. The other end is a path that stays
// the same over restarts.
type line struct {
	master *os.File
	slave  *os.File // held open, so that the line outlives every agent on it
	path   string   // symbolic link to the slave
	lock   *os.File // path.lock, held while the twin lives
}

func openLine(path string) (*line, error) {
	lock, err := lockPath(path)
	if err != nil {
		return nil, err
	}
	l := &line{path: path, lock: lock}
	if err := l.open(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func lockPath(path string) (*os.File, error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the path of the serial port: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fault.Wrap(err, ErrPathTaken.Kind, ErrPathTaken.Code, fmt.Sprintf("Another twin is running at %s.", path))
	}
	return f, nil
}

func (l *line) open() error {
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	l.slave = slave
	// A copy of the descriptor without blocking gets deadlines and wakes on
	// Close, which the file from pty.Open does not on every system.
	fd, err := syscall.Dup(int(master.Fd()))
	_ = master.Close()
	if err != nil {
		return fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	l.master = os.NewFile(uintptr(fd), "ptmx")
	// Opening it as a serial port makes it raw; that lasts.
	p, err := serial.Open(slave.Name(), &serial.Mode{BaudRate: 115200, DataBits: 8})
	if err != nil {
		return fmt.Errorf("make the pseudo-terminal raw: %w", err)
	}
	if err := p.Close(); err != nil {
		return fmt.Errorf("make the pseudo-terminal raw: %w", err)
	}
	return l.link()
}

// link points the path at the slave. It replaces a link, which an earlier twin
// left, and nothing else.
func (l *line) link() error {
	info, err := os.Lstat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("look at %s: %w", l.path, err)
	case info.Mode()&fs.ModeSymlink == 0:
		return fault.New(ErrPathTaken.Kind, ErrPathTaken.Code, fmt.Sprintf("%s exists and is not a link that a twin made.", l.path))
	}
	next := l.path + ".next"
	_ = os.Remove(next)
	if err := os.Symlink(l.slave.Name(), next); err != nil {
		return fmt.Errorf("link the serial port: %w", err)
	}
	if err := os.Rename(next, l.path); err != nil {
		return fmt.Errorf("link the serial port: %w", err)
	}
	return nil
}

// hangUp ends reads and writes on the line.
func (l *line) hangUp() {
	if l.master != nil {
		_ = l.master.Close()
	}
}

// close removes all traces.
func (l *line) close() {
	l.hangUp()
	if l.slave != nil {
		if target, err := os.Readlink(l.path); err == nil && target == l.slave.Name() {
			_ = os.Remove(l.path)
		}
		_ = l.slave.Close()
	}
	_ = os.Remove(l.lock.Name())
	_ = l.lock.Close()
}
