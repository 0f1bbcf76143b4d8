package reader

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
	bridge "github.com/openlot/openlot/firmware-bridge/board"
)

// tellAtMost is how often it is said what was dropped.
const tellAtMost = time.Minute

// desk passes what one reader reads through its screen to the lane.
type desk struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	screen  Screen
	dropped [outcomes]int
	told    time.Time
}

// take never waits.
func (d *desk) take(text string, confidence float64, pass func(device.Read) bool) Outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	text, out := d.screen.Take(text, confidence, now)
	if out == Passed && !pass(device.Read{Medium: d.screen.Medium, Text: text}) {
		d.screen.Forget()
		out = Busy
	}
	if out == Passed || out == Repeated {
		return out
	}
	d.dropped[out]++
	if now.Sub(d.told) >= tellAtMost {
		d.told = now
		d.log.Warn("a reader's text was dropped", "why", out.String(),
			"junk", d.dropped[Junk], "unsure", d.dropped[Unsure], "too_many", d.dropped[TooMany], "busy", d.dropped[Busy])
		clear(d.dropped[:])
	}
	return out
}

// source is a reader that is opened, read until it is lost, and opened again.
type source struct {
	desk
	open func() (io.ReadCloser, error)
	// read passes on lines until the end of what was opened.
	read func(r io.Reader, line func(string)) error
}

var _ device.Reader = (*source)(nil)

// Run implements device.Reader.
func (s *source) Run(ctx context.Context, take func(device.Read) bool) error {
	return device.Keep(ctx, s.log, "reader", func(ctx context.Context, there func()) error { return s.once(ctx, take, there) })
}

func (s *source) once(ctx context.Context, take func(device.Read) bool, there func()) error {
	f, err := s.open()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.Close() }) // wakes the read
	defer func() {
		if stop() {
			_ = f.Close()
		}
	}()
	s.log.Info("a reader is there")
	there()
	return s.read(f, func(text string) { s.take(text, 1, take) })
}

// Serial is a reader that sends lines over a serial port. With flush above 0 a line
// also ends when nothing came for so long.
func Serial(port string, baud int, frame Framer, flush time.Duration, screen Screen, log *slog.Logger) device.Reader {
	return &source{
		desk: desk{log: log, now: time.Now, screen: screen},
		open: func() (io.ReadCloser, error) { return bridge.OpenSerial(port, baud) },
		read: func(r io.Reader, line func(string)) error { return readSerial(r, frame, flush, line) },
	}
}

func readSerial(r io.Reader, frame Framer, flush time.Duration, line func(string)) error {
	timed, _ := r.(interface{ SetReadDeadline(time.Time) error })
	buf := make([]byte, 1024)
	for {
		if timed != nil && flush > 0 {
			until := time.Time{}
			if frame.Pending() {
				until = time.Now().Add(flush)
			}
			if err := timed.SetReadDeadline(until); err != nil {
				return err
			}
		}
		n, err := r.Read(buf)
		frame.Feed(buf[:n], line)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			frame.Flush(line)
		case err != nil:
			return err
		}
	}
}
