package reader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/openlot/openlot/edge/internal/device"
)

// grab is EVIOCGRAB: what is typed reaches nobody else, no console above all.
const grab = 0x40044590

// stampSize is the size of the time in front of an event; it differs between 32
// and 64 bits.
const stampSize = int(unsafe.Sizeof(unix.Timeval{}))

// Keyboard is a reader that types like a keyboard, with the layout us or de.
func Keyboard(input, layout string, screen Screen, log *slog.Logger) device.Reader {
	return &source{
		desk: desk{log: log, now: time.Now, screen: screen},
		open: func() (io.ReadCloser, error) { return openKeyboard(input) },
		read: func(r io.Reader, line func(string)) error { return readKeyboard(r, NewKeys(layout), line) },
	}
}

func openKeyboard(path string) (io.ReadCloser, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	var grabbed error
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { grabbed = unix.IoctlSetInt(int(fd), grab, 1) })
	}
	if err = errors.Join(err, grabbed); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("have %s for ourselves: %w", path, err)
	}
	return f, nil
}

func readKeyboard(r io.Reader, keys *Keys, line func(string)) error {
	buf := make([]byte, stampSize+8)
	for {
		if _, err := io.ReadFull(r, buf); err != nil {
			return err
		}
		e := buf[stampSize:]
		if text, ok := keys.Event(
			binary.NativeEndian.Uint16(e), binary.NativeEndian.Uint16(e[2:]), int32(binary.NativeEndian.Uint32(e[4:])), stamp(buf),
		); ok {
			line(text)
		}
	}
}

func stamp(event []byte) time.Time {
	if stampSize == 8 {
		return time.Unix(int64(binary.NativeEndian.Uint32(event)), int64(binary.NativeEndian.Uint32(event[4:]))*1000)
	}
	return time.Unix(int64(binary.NativeEndian.Uint64(event)), int64(binary.NativeEndian.Uint64(event[8:]))*1000)
}
