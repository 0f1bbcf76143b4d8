// Package display shows sentences to drivers on text displays behind serial
// ports, such as the customer displays of tills.
package display

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/openlot/openlot/edge/internal/device"
	bridge "github.com/openlot/openlot/firmware-bridge/board"
)

// writeWithin is how long a display may take what is written.
const writeWithin = 2 * time.Second

// Config describes a display.
type Config struct {
	Port          string
	Baud          int
	Columns, Rows int
	Charset       string        // ascii, latin1 or cp437
	Clear         string        // bytes that empty it and put the cursor in front
	Idle          string        // shown while nobody is told anything
	HoldFor       time.Duration // how long a sentence stays
}

// Display is one display. Run must run.
type Display struct {
	cfg  Config
	log  *slog.Logger
	next chan string // of one: the newest sentence
}

var _ device.Display = (*Display)(nil)

// New describes a display to be run.
func New(cfg Config, log *slog.Logger) *Display {
	return &Display{cfg: cfg, log: log, next: make(chan string, 1)}
}

// Show implements device.Display.
func (d *Display) Show(text string) {
	for {
		select {
		case d.next <- text:
			return
		default:
		}
		select {
		case <-d.next: // an older one gives way
		default:
		}
	}
}

// Run shows what it is given until ctx ends, over all losses of the display.
func (d *Display) Run(ctx context.Context) error { return device.Keep(ctx, d.log, "display", d.once) }

func (d *Display) once(ctx context.Context, there func()) error {
	port, err := bridge.OpenSerial(d.cfg.Port, d.cfg.Baud)
	if err != nil {
		return err
	}
	defer func() { _ = port.Close() }()
	// A display sends nothing; that its read ends says that it is gone.
	gone := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, port)
		gone <- err
	}()
	if err := d.write(port, d.cfg.Idle); err != nil {
		return err
	}
	there()
	idle := time.NewTimer(d.cfg.HoldFor)
	defer idle.Stop()
	for {
		text := d.cfg.Idle
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-gone:
			return err
		case text = <-d.next:
			idle.Reset(d.cfg.HoldFor)
		case <-idle.C:
		}
		if err := d.write(port, text); err != nil {
			return err
		}
	}
}

func (d *Display) write(w io.Writer, text string) error {
	if timed, ok := w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		if err := timed.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
			return err
		}
	}
	_, err := w.Write(append([]byte(d.cfg.Clear), Page(text, d.cfg.Columns, d.cfg.Rows, d.cfg.Charset)...))
	return err
}
