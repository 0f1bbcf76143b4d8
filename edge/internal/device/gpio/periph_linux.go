package gpio

import (
	"errors"
	"fmt"
	"os"
	"time"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"
)

// pumpTurn is how long periph is let wait for an edge before the goroutine of
// the line looks whether it is asked for something else: its Halt is lost when
// it comes before WaitForEdge.
const pumpTurn = 20 * time.Millisecond

var errLineLost = errors.New("the line's events ended; the chip is gone")

// periphDriver makes pins over periph's gpioioctl. It opens the chips once in a
// process: one that was unplugged is not found again before the next start.
type periphDriver struct{}

func periphLine(l Line) (*gpioioctl.GPIOLine, string, error) {
	name, offset, err := find(l) // by our rules: periph renames lines whose name another chip has, too
	if err != nil {
		return nil, "", err
	}
	if _, err := driverreg.Init(); err != nil {
		return nil, "", fmt.Errorf("start periph: %w", err)
	}
	for _, c := range gpioioctl.Chips {
		if c.Name() == name {
			return c.ByNumber(offset), c.Path(), nil
		}
	}
	return nil, "", fmt.Errorf("periph does not know the chip %s; it was plugged in after this program started", name)
}

func (periphDriver) input(l Line, _ time.Duration) (inPin, error) {
	line, path, err := periphLine(l)
	if err != nil {
		return nil, err
	}
	if err := line.In(pull(l.Pull), gpio.BothEdges); err != nil {
		line.Close()
		return nil, fmt.Errorf("take %s as an input: %w", l, err)
	}
	p := &periphIn{
		PinIn: line, line: line, path: path, name: l.String(),
		edges: make(chan struct{}, 1), asks: make(chan chan<- reading), halt: make(halting, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go p.pump()
	return p, nil
}

// output takes a line whose idle level is high as an input first: periph makes
// each new output low for a moment, which would be a command. The first Out is
// one anyway.
func (periphDriver) output(l Line, idle gpio.Level) (outPin, error) {
	line, _, err := periphLine(l)
	if err != nil {
		return nil, err
	}
	if idle == gpio.High {
		err = line.In(gpio.PullNoChange, gpio.NoEdge)
	} else {
		err = line.Out(gpio.Low)
	}
	if err != nil {
		line.Close()
		return nil, fmt.Errorf("take %s as an output: %w", l, err)
	}
	return &periphOut{PinOut: line, line: line, name: l.String(), idle: idle, driven: idle == gpio.Low}, nil
}

// reading is an answer of the pump.
type reading struct {
	level gpio.Level
	err   error
}

// periphIn is an input whose line is touched by one goroutine alone, pump.
type periphIn struct {
	gpio.PinIn // for Name and the like
	halt       halting
	line       *gpioioctl.GPIOLine
	path       string
	name       string
	edges      chan struct{} // a hint that there was one at least
	asks       chan chan<- reading
	stop, done chan struct{}
	lost       error // set before done is closed
}

var _ inPin = (*periphIn)(nil)

func (p *periphIn) pump() {
	defer close(p.done)
	defer p.line.Close()
	for early := 0; ; {
		select {
		case <-p.stop:
			p.lost = errClosed
			return
		case answer := <-p.asks:
			answer <- p.read()
			continue
		default:
		}
		began := time.Now()
		switch {
		case p.line.WaitForEdge(pumpTurn):
			early = 0
			select {
			case p.edges <- struct{}{}:
			default:
			}
		case time.Since(began) > pumpTurn/2:
			early = 0
		default: // it has failed; periph says only that there was no edge
			if early++; early > 3 {
				p.lost = fmt.Errorf("watch %s: %w", p.name, errLineLost)
				return
			}
		}
	}
}

// read reads. Periph answers low when the chip is gone, and logs it.
func (p *periphIn) read() reading {
	l := p.line.Read()
	if _, err := os.Stat(p.path); err != nil {
		return reading{err: fmt.Errorf("read %s: %w", p.name, err)}
	}
	return reading{level: l}
}

// Sure implements inPin.
func (p *periphIn) Sure() (gpio.Level, error) {
	answer := make(chan reading, 1)
	select {
	case p.asks <- answer:
		r := <-answer
		return r.level, r.err
	case <-p.done:
		return gpio.Low, p.lost
	}
}

// Read implements gpio.PinIn.
func (p *periphIn) Read() gpio.Level {
	l, _ := p.Sure()
	return l
}

// WaitForEdge implements gpio.PinIn; a negative timeout is for ever.
func (p *periphIn) WaitForEdge(timeout time.Duration) bool {
	var end <-chan time.Time
	if timeout >= 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		end = t.C
	}
	select {
	case <-p.edges:
		return true
	case <-end:
	case <-p.halt:
	case <-p.done:
	}
	return false
}

// Halt implements conn.Resource; periph's own is lost when nobody waits.
func (p *periphIn) Halt() error { return p.halt.Halt() }

// Edge implements inPin: periph keeps an edge's direction and number to itself.
func (p *periphIn) Edge() (gpio.Level, bool) { return gpio.Low, false }

// Debounced implements inPin.
func (p *periphIn) Debounced() bool { return false }

// Close implements inPin. It is called once.
func (p *periphIn) Close() error {
	close(p.stop)
	<-p.done
	return nil
}

// periphOut is an output that is never read: reading makes an input of it.
type periphOut struct {
	gpio.PinOut
	line   *gpioioctl.GPIOLine
	name   string
	idle   gpio.Level
	driven bool
}

var _ outPin = (*periphOut)(nil)

// Out implements gpio.PinOut.
func (p *periphOut) Out(l gpio.Level) error {
	if !p.driven && l == p.idle {
		return nil
	}
	p.driven = true
	if err := p.line.Out(l); err != nil {
		return fmt.Errorf("set %s: %w", p.name, err)
	}
	return nil
}

// Function implements pin.Pin, without the read that periph would do.
func (p *periphOut) Function() string { return string(gpio.OUT) }

// Close implements outPin.
func (p *periphOut) Close() error {
	p.line.Close()
	return nil
}
