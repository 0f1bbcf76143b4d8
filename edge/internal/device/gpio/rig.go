package gpio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
)

const (
	resync     = time.Second            // an input is read at least so often, whatever its edges say
	firstLook  = 300 * time.Millisecond // how long the first reading waits for inputs to be still
	stuckAfter = time.Minute            // a button that is held for longer is stuck
)

// sample is what was read of an input, or learned from an edge of it.
type sample struct {
	role  role
	level gpio.Level
	edge  bool // the line changed since the last sample
}

type commandKind uint8

const (
	doOpen commandKind = iota
	doClose
	doRead
	doLight
)

type command struct {
	kind  commandKind
	lamp  role
	lasts time.Duration
	reply chan answer
}

type answer struct {
	inputs lane.Inputs
	err    error
}

// rig is one gate. Everything about it happens in the goroutine of serve; one
// more for each input waits for edges.
type rig struct {
	number  int
	wiring  Gate
	owner   *gates
	inputs  map[role]inPin
	outputs map[role]outPin

	samples  chan sample
	commands chan command

	filters  [inputRoles]filter
	want     outputs
	put      [allRoles]bool // what is on the lines
	opening  []chan answer  // who waits for the pulse to begin
	looking  []chan answer  // who waits for the first reading
	lookEnds time.Time
	told     lane.Inputs
	pressed  lane.Level
	stuck    time.Time // when the button is held for too long, zero if it is not
}

func newRig(d driver, number int, wiring Gate, owner *gates) (*rig, error) {
	r := &rig{
		number: number, wiring: wiring, owner: owner, inputs: map[role]inPin{}, outputs: map[role]outPin{},
		samples: make(chan sample), commands: make(chan command),
	}
	for role := range allRoles {
		l := wiring.line(role)
		if l == nil {
			continue
		}
		var err error
		if role < inputRoles {
			kernel := l.debounce(role)
			if role.bare() {
				kernel = 0
			}
			var in inPin
			if in, err = d.input(*l, kernel); err == nil {
				r.inputs[role] = in
				if !in.Debounced() {
					r.filters[role].period = l.debounce(role)
				}
			}
		} else {
			var out outPin
			if out, err = d.output(*l, !l.active()); err == nil {
				r.outputs[role] = out
			}
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("gate %d, %s: %w", number, role, err), r.release())
		}
	}
	return r, nil
}

// active is the level that means active.
func (l Line) active() gpio.Level { return gpio.Level(!l.ActiveLow) }

// release lets go of all lines, the barrier's first.
func (r *rig) release() error {
	var errs error
	for role := open; role < allRoles; role++ {
		if out := r.outputs[role]; out != nil {
			errs = errors.Join(errs, out.Out(!r.wiring.line(role).active()), out.Close())
		}
	}
	for _, in := range r.inputs {
		errs = errors.Join(errs, in.Close())
	}
	return errs
}

// watch hands samples of an input to take until ctx ends or the line is lost.
func watch(ctx context.Context, role role, in inPin, take func(sample)) error {
	unhook := context.AfterFunc(ctx, func() { _ = in.Halt() }) // it cannot fail
	defer unhook()
	for edge := false; ; {
		level, known := in.Edge()
		if !edge || !known {
			var err error
			if level, err = in.Sure(); err != nil {
				return err
			}
		}
		take(sample{role, level, edge})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		edge = in.WaitForEdge(resync)
	}
}

func (r *rig) take(ctx context.Context, s sample) {
	select {
	case r.samples <- s:
	case <-ctx.Done():
	}
}

// serve runs the gate until ctx ends or a line is lost.
func (r *rig) serve(ctx context.Context) error {
	r.lookEnds = time.Now().Add(firstLook)
	wake := time.NewTimer(firstLook)
	defer wake.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake.C:
		case s := <-r.samples:
			r.sample(s, time.Now())
		case c := <-r.commands:
			err = r.command(c, time.Now())
		}
		now := time.Now()
		if err = errors.Join(err, r.turn(now)); err != nil {
			return err
		}
		if at := r.wake(); at.IsZero() {
			wake.Stop()
		} else {
			wake.Reset(at.Sub(now))
		}
	}
}

func (r *rig) wake() (at time.Time) {
	earliest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for i := range r.filters {
		earliest(r.filters[i].wake())
	}
	earliest(r.want.wake())
	earliest(r.stuck)
	if len(r.looking) > 0 {
		earliest(r.lookEnds)
	}
	return at
}

func (r *rig) sample(s sample, now time.Time) {
	f, changed := r.filters[s.role].sample(s.level, s.edge, now)
	r.filters[s.role] = f
	if changed { // before the next sample may change it back
		r.tell(now)
	}
}

// read takes a bare sample of an input now.
func (r *rig) read(role role, now time.Time) error {
	in := r.inputs[role]
	if in == nil {
		return nil
	}
	level, err := in.Sure()
	if err != nil {
		return err
	}
	r.sample(sample{role: role, level: level}, now)
	return nil
}

// turn is what the passing of time and new levels do.
func (r *rig) turn(now time.Time) error {
	changed := false
	for i := range r.filters {
		var c bool
		r.filters[i], c = r.filters[i].settle(now)
		changed = changed || c
	}
	if changed || !r.stuck.IsZero() {
		r.tell(now)
	}
	r.want = r.want.tick(now)
	if r.want.on[closing] && !r.mayClose() {
		r.want = r.want.off(closing, now)
	}
	if !r.inactive(stop) {
		r.want = r.want.off(closing, now).dropOpen(now)
	}
	err := r.apply()
	r.answerOpen(err)
	if len(r.looking) > 0 && (r.allKnown() || !now.Before(r.lookEnds)) {
		for _, reply := range r.looking {
			reply <- answer{inputs: r.levels()}
		}
		r.looking = nil
	}
	return err
}

// apply puts on the lines what is wanted: what goes off first.
func (r *rig) apply() error {
	for _, on := range []bool{false, true} {
		for role := open; role < allRoles; role++ {
			if r.want.on[role] != on || r.put[role] == on {
				continue
			}
			if out := r.outputs[role]; out != nil {
				if err := out.Out(r.wiring.line(role).active() == gpio.Level(on)); err != nil {
					return err
				}
			}
			r.put[role] = on
		}
	}
	return nil
}

func (r *rig) answerOpen(err error) {
	switch {
	case len(r.opening) == 0:
		return
	case err == nil && r.put[open]:
	case err == nil && r.want.opening > 0:
		return // when the gap is over
	case err == nil:
		err = fmt.Errorf("%w: %w", device.ErrNotAsked, ErrStopped)
	}
	for _, reply := range r.opening {
		reply <- answer{err: err}
	}
	r.opening = nil
}

func (r *rig) command(c command, now time.Time) error {
	switch c.kind {
	case doOpen:
		if r.outputs[open] == nil {
			c.reply <- answer{err: fmt.Errorf("%w: %w", device.ErrNotAsked, ErrNoLine)}
			return nil
		}
		if err := r.read(stop, now); err != nil {
			c.reply <- answer{err: fmt.Errorf("%w: %w", device.ErrNotAsked, err)}
			return err
		}
		r.want = r.want.askOpen(r.wiring.openPulse(), now)
		r.opening = append(r.opening, c.reply)
	case doClose:
		refused, lost := r.close(now)
		err := errors.Join(lost, r.apply())
		c.reply <- answer{err: errors.Join(refused, err)}
		return err
	case doRead:
		for role := range r.inputs {
			if err := r.read(role, now); err != nil {
				c.reply <- answer{err: err}
				return err
			}
		}
		r.looking = append(r.looking, c.reply)
	case doLight:
		r.want = r.want.light(c.lamp, c.lasts, now)
		err := r.apply()
		c.reply <- answer{err: err}
		return err
	}
	return nil
}

// close begins a pulse if nothing speaks against it, which is read now.
func (r *rig) close(now time.Time) (refused, lost error) {
	if r.outputs[closing] == nil {
		return ErrNoLine, nil
	}
	for _, role := range []role{safety, fire, stop} {
		if err := r.read(role, now); err != nil {
			return nil, err
		}
	}
	if !r.mayClose() {
		return ErrSafety, nil
	}
	next, ok := r.want.askClose(r.wiring.closePulse(), now)
	r.want = next
	if !ok {
		return ErrInterlocked, nil
	}
	return nil, nil
}

// mayClose says that the safety loop is there, free and still, and neither fire
// nor stop.
func (r *rig) mayClose() bool {
	return r.inputs[safety] != nil && r.inactive(safety) && r.inactive(fire) && r.inactive(stop)
}

// inactive says that an input is surely not active, down to its last sample. One
// that is not wired cannot be active.
func (r *rig) inactive(role role) bool {
	l := r.wiring.line(role)
	if l == nil {
		return true
	}
	f := r.filters[role]
	return f.known && !f.unsettled() && f.stable != l.active() && f.raw != l.active()
}

func (r *rig) allKnown() bool {
	for role := range r.inputs {
		if !r.filters[role].known {
			return false
		}
	}
	return true
}

func (r *rig) level(role role) lane.Level {
	l, f := r.wiring.line(role), r.filters[role]
	switch {
	case l == nil && (role == fire || role == stop):
		return lane.Off
	case l == nil || !f.known:
		return lane.Unknown
	case f.stable == l.active():
		return lane.On
	default:
		return lane.Off
	}
}

func (r *rig) levels() lane.Inputs {
	return lane.Inputs{
		Arming: r.level(arming), Safety: r.level(safety), Far: r.level(far),
		ArmOpen: r.level(armOpen), ArmClosed: r.level(armClosed), Fire: r.level(fire),
	}
}

// tell tells the agent what has changed.
func (r *rig) tell(now time.Time) {
	if in := r.levels(); in != r.told {
		r.told = in
		r.owner.emit(device.Event{Gate: r.number, Kind: device.Changed, Inputs: in})
	}
	held := r.level(button)
	if held == lane.On && r.pressed == lane.Off { // one that is held at the start is no press
		r.owner.emit(device.Event{Gate: r.number, Kind: device.Pressed})
		r.stuck = now.Add(stuckAfter)
	}
	if held != lane.On {
		r.stuck = time.Time{}
	}
	if !r.stuck.IsZero() && !now.Before(r.stuck) {
		r.stuck = time.Time{}
		r.owner.emit(device.Event{Gate: r.number, Kind: device.Fault, Text: "button_stuck"})
	}
	r.pressed = held
}
