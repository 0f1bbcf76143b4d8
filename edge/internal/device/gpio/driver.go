package gpio

import (
	"errors"
	"io"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// driver makes pins. All calls for one pin but Sure come from one goroutine.
type driver interface {
	// input takes a line and watches both edges. The driver debounces for as long
	// as kernel says, if it can; the pin says whether it does.
	input(l Line, kernel time.Duration) (inPin, error)
	// output takes a line without moving it from where idle is.
	output(l Line, idle gpio.Level) (outPin, error)
}

// inPin is an input that is watched.
type inPin interface {
	gpio.PinIn
	io.Closer
	// Sure is Read with the error that Read cannot return. Any goroutine may call it.
	Sure() (gpio.Level, error)
	// Edge is the level after the edge for which WaitForEdge last returned true,
	// and whether that is known: if not, edges were lost, or the driver does not
	// tell, and only reading helps.
	Edge() (gpio.Level, bool)
	// Debounced says that the driver debounces.
	Debounced() bool
}

// edge is the level that an edge left behind, if that is known.
type edge struct {
	level gpio.Level
	known bool
}

// outPin is an output. It is never read: what it was set to is known.
type outPin interface {
	gpio.PinOut
	io.Closer
}

// errClosed is what a pin says after Close.
var errClosed = errors.New("the line is released")

// consumer is the name under which the kernel lists our lines.
const consumer = "openlot-edge"

// halting ends a WaitForEdge that listens to it, the next one if none is under way.
type halting chan struct{}

// Halt implements conn.Resource.
func (h halting) Halt() error {
	select {
	case h <- struct{}{}:
	default:
	}
	return nil
}
