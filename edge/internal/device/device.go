// Package device is what the agent asks of the hardware that carries its gates.
// Adapters implement Gates: device/board for boards behind a serial line.
package device

import (
	"context"
	"errors"
	"time"

	"github.com/openlot/openlot/edge/internal/lane"
)

// EventKind says what an Event is about.
type EventKind uint8

// The kinds of event.
const (
	Changed    EventKind = iota // Inputs are the levels after the change
	Pressed                     // the walk-in's button was pressed
	Credential                  // Text is what was shown at the reader
	Fault                       // Text names it
	Restarted                   // the device has restarted: outputs released, inputs unknown; concerns all gates
)

// Medium is what a reader reads, and so what its text can be: the text of a code
// is never taken for a plate, whatever it says.
type Medium uint8

// The media.
const (
	Code  Medium = iota // a QR code or the like: passes and tickets
	Plate               // what a camera took for a plate
	Card                // the token of a card
	PIN                 // what was typed
)

// Event is something that happened at a gate.
type Event struct {
	Gate   int
	Kind   EventKind
	Inputs lane.Inputs
	Text   string
	Medium Medium // of a Credential
}

// ErrNotAsked is wrapped by an error of Open that came before the barrier could
// have been asked: the arm has surely not moved because of this call.
var ErrNotAsked = errors.New("the barrier was not asked")

// Gates is one device with its gates, while it is connected. Commands may come
// from any goroutine.
type Gates interface {
	// Run passes events to handle until ctx ends or the device is lost.
	Run(ctx context.Context, handle func(Event)) error
	// Open asks the barrier to open. An error means that it may not have been
	// asked, and one that wraps ErrNotAsked that it surely was not.
	Open(ctx context.Context, gate int) error
	// Close asks the barrier to close. The device refuses if its own loop is not free.
	Close(ctx context.Context, gate int) error
	// Inputs reads the levels now.
	Inputs(ctx context.Context, gate int) (lane.Inputs, error)
	// Present shows a sentence and hands out a ticket if there is one.
	Present(ctx context.Context, gate int, text, ticket string) error
	// Light shows green or red for a while.
	Light(ctx context.Context, gate int, green bool, d time.Duration) error
}

// Connect finds the device. The agent calls it again after the device was lost.
type Connect func(ctx context.Context) (Gates, error)

// Read is what a reader read. Its text is in no log.
type Read struct {
	Medium Medium
	Text   string
}

// Reader reads credentials at one lane, beside those that Gates bring.
type Reader interface {
	// Run passes on what is read until ctx ends, over all losses of the reader. take
	// never waits; it is false when the lane has no room for another read.
	Run(ctx context.Context, take func(Read) bool) error
}

// Display shows sentences to the driver at one lane, beside what Gates show.
type Display interface {
	// Show never waits: what comes before it was shown is not shown.
	Show(text string)
}
