package lane

import (
	"flag"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// Model checking. `make check-lane` runs it in full; the ordinary test does little of
// it.
var (
	depth = flag.Int("depth", 5, "steps of the exhaustive searches by theme")
	whole = flag.Int("whole", 3, "steps of the exhaustive search over all inputs")
	steps = flag.Int("steps", 300_000, "random steps")
)

// quick are waits so short that a dozen steps of 0.4 and 4 seconds reach everything.
func quick() Config {
	return Config{
		EnterWithin: 2 * time.Second, BackOutAfter: time.Second, OpenWithin: time.Second, ObstructAfter: 2 * time.Second,
		CloseAfter: 800 * time.Millisecond, CloseWithin: time.Second, SampleEvery: 400 * time.Millisecond, OpenTries: 2, CloseTries: 2,
		SettleAfter: 1200 * time.Millisecond, RaiseEvery: 800 * time.Millisecond, Gap: 200 * time.Millisecond, OutFor: 2 * time.Second,
		Reversible: true,
	}
}

// world is a lane with what a bystander knows about it, who has read the rules and not
// the machine.
type world struct {
	State

	asked      bool       // a decision is with the shell
	current    id.Session // the journalled authorisation
	held       bool       // by command
	alarm      bool       // since a fire or a command
	halted     bool
	freeFrom   time.Time // the safety loop is known to be free since
	lastSample time.Time
	opened     time.Time // the last Open or Raise
	closed     time.Time // the last Close
	closing    bool      // a Close was the last pulse
	falls      time.Time // the arm may be coming down since, zero if it is not
	askedDown  bool      // by a Close
	lifted     bool      // a pulse to go up was carried out since, or may have been
	due        time.Time // no pulse to go up is needed before
	pulsed     bool      // an Open is not answered
	minted     byte
	clock      time.Time // of the random walk
}

// move is an input and the time before it.
type move struct {
	after time.Duration
	in    Input
}

// moves are the alphabet of the search.
func moves() []move {
	var all []move
	for _, after := range []time.Duration{400 * time.Millisecond, 4 * time.Second} {
		add := func(in Input) { all = append(all, move{after, in}) }
		sense := func(in Inputs) { add(Input{Kind: Sensed, Inputs: in, Asked: true}) }
		for _, arm := range [][2]Level{{Off, On}, {On, Off}} {
			for _, a := range []Level{Off, On} {
				for _, b := range []Level{Off, On, Unknown} {
					sense(Inputs{Arming: a, Safety: b, ArmOpen: arm[0], ArmClosed: arm[1], Fire: Off, Far: Off})
				}
			}
		}
		sense(Inputs{Arming: Unknown, Safety: Off, ArmOpen: On, ArmClosed: Off, Fire: Off})
		sense(Inputs{Arming: Off, Safety: Off, ArmOpen: Off, ArmClosed: Off, Fire: Off})
		sense(Inputs{Arming: Off, Safety: Off, ArmOpen: On, ArmClosed: On, Fire: Off})
		sense(Inputs{Arming: Off, Safety: Off, ArmOpen: On, ArmClosed: Off, Fire: On})
		sense(Inputs{Arming: Off, Safety: Off, ArmOpen: On, ArmClosed: Off, Fire: Unknown})
		sense(Inputs{Arming: Off, Safety: Off, ArmOpen: On, ArmClosed: Off, Fire: Off, Stop: On})
		add(Input{Kind: Sensed, Inputs: Inputs{Arming: Off, Safety: Off, ArmOpen: On, ArmClosed: Off, Fire: Off, Far: Off}})
		for _, k := range []InputKind{Tick, Blinded, Restarted, Presented, Attended, Admitted, NotAdmitted, OpenFailed, OpenInDoubt, RaiseFailed} {
			add(Input{Kind: k})
		}
		for _, c := range []Command{HoldOpen, LetGo, Alarm, Reset, Halt, Resume, TakeOut, PutBack, Turn} {
			add(Input{Kind: Commanded, Command: c})
		}
	}
	return all
}

// step takes a move and says which rule was broken.
func (w *world) step(m move, now time.Time) error {
	in := m.in
	fire, stop, safety, limit := w.Inputs.Fire, w.Inputs.Stop, w.Inputs.Safety, w.Inputs.ArmClosed
	switch in.Kind {
	case Admitted, NotAdmitted:
		if w.asked && in.Kind == Admitted {
			w.minted++
			w.current = session(w.minted)
		}
		in.Session = session(w.minted + 1) // an answer that nobody asked for
		if w.asked {
			in.Session = w.current
		}
		w.asked = false
	case Sensed:
		w.armMoves(w.Inputs, in.Inputs, now)
		fire, stop, safety, limit = in.Inputs.Fire, in.Inputs.Stop, in.Inputs.Safety, in.Inputs.ArmClosed
		w.alarm = w.alarm || fire == On
		switch {
		case in.Inputs.Safety != Off:
			w.freeFrom = time.Time{}
		case w.freeFrom.IsZero() || now.Sub(w.lastSample) > freshSample:
			w.freeFrom = now
		}
		w.lastSample = now
	case Blinded, Restarted:
		w.freeFrom, w.lastSample, fire, stop, safety, limit = time.Time{}, time.Time{}, Unknown, Unknown, Unknown, Unknown
	case OpenFailed, OpenInDoubt, RaiseFailed:
		if in.Kind == RaiseFailed || w.pulsed {
			w.lifted = false
			if soon := now.Add(openRetry); soon.Before(w.due) {
				w.due = soon
			}
		}
		w.pulsed = w.pulsed && in.Kind == RaiseFailed
	case Commanded:
		switch in.Command {
		case HoldOpen:
			w.held = true
		case LetGo:
			w.held = false
		case Alarm:
			w.alarm = true
		case Reset:
			w.alarm = fire == On
		case Halt:
			w.halted = true
		case Resume:
			w.halted = false
		case TakeOut, PutBack, Turn: // let nobody through, or another way
		}
	default: // tells a bystander nothing
	}
	if !w.falls.IsZero() && (!w.askedDown || limit == Unknown) && !now.Before(w.falls.Add(w.cfg.CloseWithin)) {
		w.falls = time.Time{}
	}
	var out []Effect
	w.State, out = Step(w.State, in, now)
	for i, e := range out {
		switch e.Kind {
		case Open, Raise, Close:
			if i > 0 && out[i-1].Kind != Open && out[i-1].Kind != Raise && out[i-1].Kind != Close {
				return fmt.Errorf("the barrier waits for effect %d", out[i-1].Kind)
			}
			if w.halted || stop == On {
				return fmt.Errorf("effect %d though it is stopped", e.Kind)
			}
		default:
		}
		switch e.Kind {
		case Decide:
			if w.asked || !w.current.IsZero() {
				return fmt.Errorf("a second decision")
			}
			w.asked = true
		case Open:
			if w.current.IsZero() || e.Session != w.current {
				return fmt.Errorf("opened without a journalled decision")
			}
		case Raise:
			if !w.held && !w.alarm && (w.falls.IsZero() || safety == Off) {
				return fmt.Errorf("raised for no reason")
			}
		case Close:
			switch {
			case in.Kind != Sensed || !in.Asked || in.Inputs.Safety != Off || fire != Off:
				return fmt.Errorf("closed on %+v", in)
			case w.freeFrom.IsZero() || now.Sub(w.freeFrom) < w.cfg.CloseAfter:
				return fmt.Errorf("closed though the loop is free since %s only", w.freeFrom)
			case w.held || w.alarm:
				return fmt.Errorf("closed though it is held open")
			case !w.current.IsZero():
				return fmt.Errorf("closed on an open authorisation")
			}
		case Passed, BackedOut:
			if w.current.IsZero() || e.Session != w.current {
				return fmt.Errorf("ended an authorisation that is not open")
			}
			w.current, w.pulsed = id.Session{}, false
		default:
		}
		switch e.Kind {
		case Open, Raise:
			w.lifted, w.pulsed = !w.falls.IsZero(), w.pulsed || e.Kind == Open
			if e.Kind == Raise {
				w.due = now.Add(w.cfg.RaiseEvery)
			}
			if w.closing && now.Sub(w.closed) < w.cfg.Gap {
				return fmt.Errorf("open %s after close", now.Sub(w.closed))
			}
			w.opened, w.closing = now, false
		case Close:
			if now.Sub(w.opened) < w.cfg.Gap {
				return fmt.Errorf("close %s after open", now.Sub(w.opened))
			}
			w.closed, w.closing = now, true
			w.falls, w.askedDown, w.lifted, w.due = now, true, false, now.Add(w.cfg.Gap)
		default:
		}
	}
	wake, wakes := w.Wake()
	switch {
	case !w.falls.IsZero() && safety != Off && !w.halted && stop != On && !now.Before(w.due):
		return fmt.Errorf("an arm that falls on somebody is left to fall")
	case !w.falls.IsZero() && safety != Off && !w.halted && stop != On && (!wakes || wake.After(w.due)):
		return fmt.Errorf("nobody wakes the lane to raise a falling arm")
	case w.Waiting() && !wakes:
		return fmt.Errorf("a credential waits for ever")
	case wakes && !wake.After(now):
		return fmt.Errorf("wants to be woken at %s, and would be for ever", wake)
	case w.Authorised() != !w.current.IsZero() && !w.asked:
		return fmt.Errorf("authorised %v, journalled %v", w.Authorised(), !w.current.IsZero())
	case w.State.Held() != (w.held || w.alarm):
		return fmt.Errorf("held %v, should be %v", w.State.Held(), w.held || w.alarm)
	}
	return nil
}

// armMoves notes what the limit switches say about an arm that may be falling.
func (w *world) armMoves(before, in Inputs, now time.Time) {
	if in.ArmOpen == On && in.ArmClosed == On {
		return
	}
	up := in.ArmOpen == On && (w.lifted || !w.askedDown)
	switch {
	case in.ArmClosed == On || up:
		w.falls = time.Time{}
	case w.falls.IsZero() && before.ArmOpen == On && in.ArmOpen == Off:
		w.falls, w.askedDown, w.lifted, w.due = now, false, false, now
	}
	if w.falls.IsZero() {
		w.askedDown, w.lifted = false, false
	}
}

func session(n byte) (s id.Session) {
	b := [16]byte{6: 0x70, 8: 0x80, 15: n}
	s, err := id.FromBytes[id.Session](b[:])
	if err != nil {
		panic(err)
	}
	return s
}

// canonical is the world as it looks at an instant, whenever that is: what happens
// from here on depends on nothing else. What is due is alike, however long it is, and
// so is what is longer past than anything that is compared with it.
func (w world) canonical(now time.Time) world {
	rel := func(t *time.Time, oldest time.Duration) {
		if t.IsZero() {
			return
		}
		*t = time.Unix(1000, 0).UTC().Add(min(max(t.Sub(now), -oldest), 2400*time.Millisecond))
	}
	for _, due := range []*time.Time{
		&w.waitEnds, &w.nextLook, &w.settled, &w.nextRaise, &w.outUntil, &w.due,
		&w.auth.deadline, &w.auth.reopen, &w.auth.underOver,
	} {
		rel(due, 0)
	}
	for _, pulse := range []*time.Time{&w.lastOpen, &w.lastClose, &w.opened, &w.closed} {
		rel(pulse, w.cfg.Gap)
	}
	for _, seen := range []*time.Time{&w.sampled, &w.lastSample} {
		rel(seen, freshSample+1)
	}
	for _, free := range []*time.Time{&w.freeSince, &w.freeFrom} {
		rel(free, w.cfg.CloseAfter)
	}
	rel(&w.since, max(w.cfg.CloseAfter, w.cfg.CloseWithin))
	rel(&w.auth.aLeft, w.cfg.BackOutAfter)
	rel(&w.auth.bSince, w.cfg.ObstructAfter)
	rel(&w.fall.at, w.cfg.CloseWithin)
	rel(&w.falls, w.cfg.CloseWithin)
	if !w.current.IsZero() {
		w.current, w.auth.session = session(1), session(1)
	}
	w.minted = 0
	if w.auth.session.IsZero() {
		w.auth = authorisation{}
	} else {
		w.auth.session = session(1)
	}
	w.auth.tails, w.auth.pulses, w.auth.asked = min(w.auth.tails, 1), min(w.auth.pulses, 4), min(max(w.auth.asked, -1), 2)
	return w
}

// themes are inputs that belong together: with few of them the search goes deep.
func themes() map[string][]move {
	sensed := func(after time.Duration, in ...Inputs) (all []move) {
		for _, x := range in {
			all = append(all, move{after, Input{Kind: Sensed, Inputs: x, Asked: true}})
		}
		return all
	}
	done := func(kinds ...InputKind) (all []move) {
		for _, k := range kinds {
			all = append(all, move{400 * time.Millisecond, Input{Kind: k}})
		}
		return all
	}
	ordered := func(commands ...Command) (all []move) {
		for _, c := range commands {
			all = append(all, move{400 * time.Millisecond, Input{Kind: Commanded, Command: c}})
		}
		return all
	}
	const short = 400 * time.Millisecond
	open := Inputs{Arming: Off, Safety: Off, ArmOpen: On, ArmClosed: Off, Fire: Off, Far: Off}
	shut := open
	shut.ArmOpen, shut.ArmClosed = Off, On
	with := func(in Inputs, a, b Level) Inputs { in.Arming, in.Safety = a, b; return in }
	moving, both, fire, stop := open, open, open, open
	moving.ArmOpen, both.ArmClosed, fire.Fire, stop.Stop = Off, On, On, On
	tick := move{4 * time.Second, Input{Kind: Tick}}
	join := func(lists ...[]move) (all []move) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return append(all, tick)
	}
	return map[string][]move{
		"passages": join(sensed(short, open, with(open, On, Off), with(open, On, On), with(open, Off, On), shut, with(shut, On, Off)),
			done(Presented, Admitted, OpenFailed)),
		"staff": join(done(Attended), sensed(short, open, shut, with(open, Off, On), fire), ordered(HoldOpen, LetGo, Reset, Halt, Resume), done(Presented, Admitted)),
		"sensors": join(sensed(short, open, with(open, Off, On), with(open, Off, Unknown), with(open, Unknown, Off), moving, both, stop, shut),
			done(Blinded, Presented, Admitted)),
		"turning": join(sensed(short, open, shut, with(shut, On, Off), with(open, Off, On)), ordered(Turn, TakeOut, PutBack), done(Presented, Admitted, NotAdmitted, OpenInDoubt, Restarted)),
		"falling": join(sensed(short, open, with(open, Off, On), moving, with(moving, On, On), with(moving, Off, Unknown), shut),
			done(Attended, Admitted, OpenFailed, RaiseFailed, Blinded)),
	}
}

func TestEveryStateWithinSomeSteps(t *testing.T) {
	for name, theme := range themes() {
		t.Run(name, func(t *testing.T) { search(t, theme, *depth) })
	}
	t.Run("all inputs", func(t *testing.T) { search(t, moves(), *whole) })
}

// search goes to every distinct state that some moves lead to.
func search(t *testing.T, all []move, depth int) {
	began := time.Now()
	now := time.Unix(1000, 0).UTC()
	seedA, seedB := maphash.MakeSeed(), maphash.MakeSeed()
	type mark [2]uint64
	markOf := func(w world) mark { return mark{maphash.Comparable(seedA, w), maphash.Comparable(seedB, w)} }
	seen := map[mark]struct{}{}
	var frontier []world
	for _, exit := range []bool{false, true} {
		w := world{State: New(quick(), exit)}
		frontier = append(frontier, w)
		seen[markOf(w.canonical(now))] = struct{}{}
	}
	transitions, d := 0, 0
	for ; d < depth && len(frontier) > 0; d++ {
		var next []world
		for _, from := range frontier {
			for _, m := range all {
				w := from
				at := now.Add(m.after)
				transitions++
				if err := w.step(m, at); err != nil {
					t.Fatalf("%v: after %v of %s in\n%+v", err, m.in, m.after, from)
				}
				c := w.canonical(at)
				k := markOf(c)
				if _, known := seen[k]; !known {
					seen[k] = struct{}{}
					next = append(next, c)
				}
			}
		}
		frontier = next
	}
	t.Logf("depth %d: %d distinct states, %d transitions, %s", d, len(seen), transitions, time.Since(began).Round(time.Millisecond))
}

func TestRandomSteps(t *testing.T) {
	began := time.Now()
	all := moves()
	random := rand.New(rand.NewPCG(1, uint64(*steps)))
	var w world
	ended := 0
	for n := range *steps {
		if n%1000 == 0 {
			cfg := quick()
			if n%2000 == 0 {
				cfg = Defaults()
			}
			w = world{State: New(cfg, n%3000 == 0)}
		}
		m := all[random.IntN(len(all))]
		if random.IntN(3) == 0 {
			m.after = time.Duration(random.IntN(40_000)) * time.Millisecond
		} else if random.IntN(2) == 0 {
			m.after = time.Duration(random.IntN(1000)) * time.Millisecond
		}
		if m.in.Kind == Sensed {
			m.in.Asked = random.IntN(3) > 0
		}
		if m.in.Kind == Sensed && random.IntN(2) == 0 {
			m.in.Inputs.Safety = []Level{Unknown, Off, On}[random.IntN(3)]
			m.in.Inputs.Arming = []Level{Unknown, Off, On}[random.IntN(3)]
		}
		if m.in.Kind == Commanded && (m.in.Command == Halt || m.in.Command == TakeOut || m.in.Command == Alarm) && random.IntN(10) > 0 {
			continue
		}
		w.clock = w.clock.Add(m.after)
		was := !w.current.IsZero()
		if err := w.step(m, w.clock); err != nil {
			t.Fatalf("step %d: %v: after %v of %s in\n%+v", n, err, m.in, m.after, w.State)
		}
		if was && w.current.IsZero() {
			ended++
		}
	}
	if ended < *steps/1000 {
		t.Errorf("only %d authorisations ended: the walk reaches too little", ended)
	}
	t.Logf("%d steps, %d authorisations, %s", *steps, ended, time.Since(began).Round(time.Millisecond))
}
