package gpio

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// edgeQueue is how many edges wait for WaitForEdge; one more marks a gap.
const edgeQueue = 64

// cdev makes pins over go-gpiocdev.
type cdev struct{}

func (cdev) input(l Line, kernel time.Duration) (inPin, error) {
	p, err := newCdevPin(l)
	if err != nil {
		return nil, err
	}
	p.debounce = kernel
	if err := p.In(pull(l.Pull), gpio.BothEdges); err != nil {
		return nil, err
	}
	return p, nil
}

func (cdev) output(l Line, idle gpio.Level) (outPin, error) {
	p, err := newCdevPin(l)
	if err != nil {
		return nil, err
	}
	if err := p.Out(idle); err != nil {
		return nil, err
	}
	return p, nil
}

// cdevPin is a line of go-gpiocdev as a pin of periph. Read never changes the
// direction, Out requests the line with its value, WaitForEdge with a negative
// timeout waits for ever.
type cdevPin struct {
	halting
	chip   string // device
	offset int
	name   string

	debounce time.Duration // by the kernel

	mu       sync.Mutex // over the request
	line     *gpiocdev.Line
	output   bool
	set      gpio.Level
	pulled   gpio.Pull
	edges    chan edge
	gone     chan struct{} // closed by Close
	closed   bool
	lastEdge edge // only for the goroutine that waits
}

var (
	_ gpio.PinIO = (*cdevPin)(nil)
	_ inPin      = (*cdevPin)(nil)
	_ outPin     = (*cdevPin)(nil)
)

func newCdevPin(l Line) (*cdevPin, error) {
	chip, offset, err := find(l)
	if err != nil {
		return nil, err
	}
	return &cdevPin{chip: chip, offset: offset, name: l.String(), halting: make(halting, 1), gone: make(chan struct{})}, nil
}

// In implements gpio.PinIn.
func (p *cdevPin) In(pull gpio.Pull, which gpio.Edge) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.release(); err != nil {
		return err
	}
	opts := []gpiocdev.LineReqOption{gpiocdev.WithConsumer(consumer), gpiocdev.AsInput}
	switch pull {
	case gpio.PullUp:
		opts = append(opts, gpiocdev.WithPullUp)
	case gpio.PullDown:
		opts = append(opts, gpiocdev.WithPullDown)
	case gpio.Float:
		opts = append(opts, gpiocdev.WithBiasDisabled)
	case gpio.PullNoChange:
	}
	p.edges, p.lastEdge = make(chan edge, edgeQueue), edge{}
	if which != gpio.NoEdge {
		opts = append(opts, watching(which), gpiocdev.WithEventHandler(p.handler(p.edges)))
		if p.debounce > 0 {
			opts = append(opts, gpiocdev.WithDebounce(p.debounce))
		}
	}
	line, err := gpiocdev.RequestLine(p.chip, p.offset, opts...)
	if err != nil {
		return fmt.Errorf("take %s as an input: %w", p.name, err)
	}
	p.line, p.output, p.pulled = line, false, pull
	return nil
}

func watching(e gpio.Edge) gpiocdev.LineReqOption {
	switch e {
	case gpio.RisingEdge:
		return gpiocdev.WithRisingEdge
	case gpio.FallingEdge:
		return gpiocdev.WithFallingEdge
	default:
		return gpiocdev.WithBothEdges
	}
}

// handler takes the kernel's events, in the goroutine of the request. The kernel
// numbers the events of a line; what is missing was lost in its queue.
func (p *cdevPin) handler(edges chan<- edge) gpiocdev.EventHandler {
	var last uint32
	return func(e gpiocdev.LineEvent) {
		select {
		case edges <- edge{level: e.Type == gpiocdev.LineEventRisingEdge, known: e.LineSeqno == last+1}:
			last = e.LineSeqno
		default: // the next one that has room shows the gap
		}
	}
}

// Read implements gpio.PinIn. A line that cannot be read is low; see Sure.
func (p *cdevPin) Read() gpio.Level {
	l, _ := p.Sure()
	return l
}

// Sure implements inPin. With a debounce of the kernel it is the debounced level.
func (p *cdevPin) Sure() (gpio.Level, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		return gpio.Low, errClosed
	}
	if p.output {
		return p.set, nil
	}
	v, err := p.line.Value()
	if err != nil {
		return gpio.Low, fmt.Errorf("read %s: %w", p.name, err)
	}
	return v != 0, nil
}

// WaitForEdge implements gpio.PinIn.
func (p *cdevPin) WaitForEdge(timeout time.Duration) bool {
	p.mu.Lock()
	edges := p.edges
	p.mu.Unlock()
	var end <-chan time.Time
	if timeout >= 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		end = t.C
	}
	select {
	case e := <-edges: // what has happened comes before the end of the time
		p.lastEdge = e
		return true
	default:
	}
	select {
	case e := <-edges:
		p.lastEdge = e
		return true
	case <-end:
	case <-p.halting:
	case <-p.gone:
	}
	return false
}

// Edge implements inPin.
func (p *cdevPin) Edge() (gpio.Level, bool) { return p.lastEdge.level, p.lastEdge.known }

// Debounced implements inPin.
func (p *cdevPin) Debounced() bool { return p.debounce > 0 }

// Out implements gpio.PinOut.
func (p *cdevPin) Out(l gpio.Level) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := 0
	if l {
		v = 1
	}
	if p.closed {
		return errClosed
	}
	if p.output {
		if err := p.line.SetValue(v); err != nil {
			return fmt.Errorf("set %s: %w", p.name, err)
		}
		p.set = l
		return nil
	}
	if err := p.release(); err != nil {
		return err
	}
	line, err := gpiocdev.RequestLine(p.chip, p.offset, gpiocdev.WithConsumer(consumer), gpiocdev.AsOutput(v))
	if err != nil {
		return fmt.Errorf("take %s as an output: %w", p.name, err)
	}
	p.line, p.output, p.set = line, true, l
	return nil
}

// PWM implements gpio.PinOut.
func (p *cdevPin) PWM(gpio.Duty, physic.Frequency) error {
	return errors.New("the kernel's GPIO interface has no PWM")
}

// Close releases the line.
func (p *cdevPin) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.gone)
	}
	return p.release()
}

func (p *cdevPin) release() error {
	if p.line == nil {
		return nil
	}
	err := p.line.Close() // waits for the handler, which never waits for us
	p.line = nil
	if err != nil {
		return fmt.Errorf("release %s: %w", p.name, err)
	}
	return nil
}

// Pull implements gpio.PinIn.
func (p *cdevPin) Pull() gpio.Pull { return p.pulled }

// DefaultPull implements gpio.PinIn.
func (p *cdevPin) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// String implements conn.Resource.
func (p *cdevPin) String() string { return p.name }

// Name implements pin.Pin.
func (p *cdevPin) Name() string { return p.name }

// Number implements pin.Pin: the offset on its chip.
func (p *cdevPin) Number() int { return p.offset }

// Function implements pin.Pin.
func (p *cdevPin) Function() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.line == nil:
		return ""
	case p.output:
		return string(gpio.OUT)
	default:
		return string(gpio.IN)
	}
}

func pull(p Pull) gpio.Pull {
	switch p {
	case PullUp:
		return gpio.PullUp
	case PullDown:
		return gpio.PullDown
	case PullNone:
		return gpio.Float
	default:
		return gpio.PullNoChange
	}
}
