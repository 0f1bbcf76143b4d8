package admission_test

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// lot is a parking and what really happened at it.
type lot struct {
	t      *rapid.T
	s      *admission.State
	now    time.Time
	lo     time.Time // the trusted lower bound: it never falls
	plates map[id.Reservation]string
	all    []id.Reservation
	// The truth: who is on his way in or inside by one opening, who is on his way
	// out, and who has left.
	in, out map[id.Reservation]id.Session
	left    map[id.Reservation]bool
	walkins map[id.Session]bool
	version uint64
}

func newLot(t *rapid.T) *lot {
	l := &lot{
		t: t, now: eight.Add(time.Minute), lo: eight, s: keyed(), plates: map[id.Reservation]string{}, in: map[id.Reservation]id.Session{},
		out: map[id.Reservation]id.Session{}, left: map[id.Reservation]bool{}, walkins: map[id.Session]bool{}, version: 1,
	}
	for i := range 4 {
		r := id.New[id.Reservation](eight)
		l.all = append(l.all, r)
		l.plates[r] = []string{"DDOL123", "PIRAB7", "LWX44", "MEIX9"}[i]
		if i < 3 { // the last was sold while the edge was away
			l.s.Entries[r] = guestBy(r, gateKey.Plate(l.plates[r]), gateKey.Card(l.plates[r]))
		}
	}
	return l
}

// clock is what the edge knows of the time: sometimes no upper bound, sometimes a
// lower one that has stood still for days, as after a power cut.
func (l *lot) clock() admission.Time {
	n := known(l.now)
	switch rapid.IntRange(0, 3).Draw(l.t, "clock") {
	case 0:
		n.Hi = time.Time{}
	case 1:
		return admission.Time{Lo: l.lo}
	}
	l.lo = n.Lo
	return n
}

func (l *lot) ask(dir admission.Direction, c admission.Credential) admission.Verdict {
	n := l.clock()
	v := admission.Decide(l.s, admission.Request{
		Parking: parking, Lane: admission.Lane{ID: id.Lane(dir + "-1"), Direction: dir}, Credential: c, Now: n,
		Mode:   rapid.SampledFrom([]admission.Mode{admission.Open, admission.Full, admission.Closed, admission.ClosedToAll}).Draw(l.t, "mode"),
		Online: rapid.Bool().Draw(l.t, "online"), Fresh: id.New[id.Session](l.now),
	})
	l.apply(v.Fact)
	return v
}

func (l *lot) apply(f admission.Fact) {
	f.Event.Wall, f.Event.TrustedLo, f.Event.Offline = l.now.UnixMilli(), l.lo.UnixMilli(), rapid.Bool().Draw(l.t, "offline")
	l.s.Apply(f, &admission.Changes{})
}

// shown is something that stands for a reservation; a plate only if all agree.
func (l *lot) shown(r id.Reservation) admission.Credential {
	e, cached := l.s.Entries[r]
	kinds := 1
	if cached {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds-1).Draw(l.t, "what") {
	case 1:
		return plate(l.plates[r])
	case 2:
		return card(l.plates[r])
	case 3:
		return pin(gateKey.Code(r, e.Generation))
	default:
		p := passOf(r)
		if cached {
			p.Generation = e.Generation
		} else {
			p.Revision = 1 << 40
		}
		return genuine(p)
	}
}

func (l *lot) enter(r id.Reservation) {
	v := l.ask(admission.Entry, l.shown(r))
	if !v.Opens() {
		return
	}
	if ses, inside := l.in[r]; inside {
		l.t.Fatalf("G1: %s opens an entry though session %v is on its way or inside", v.Reason, ses)
	}
	if l.left[r] {
		l.t.Fatalf("G1: %s opens an entry for who has left", v.Reason)
	}
	l.in[r] = v.Fact.Event.Session
}

func (l *lot) exit(r id.Reservation) {
	ses, inside := l.in[r]
	inside = inside && l.s.Sessions[ses].Phase == admission.Inside
	v := l.ask(admission.Exit, l.shown(r))
	if inside && (!v.Opens() || v.Fact.Event.Session != ses) {
		l.t.Fatalf("G5: who is inside as %v was answered %s for %v", ses, v.Reason, v.Fact.Event.Session)
	}
	if inside {
		delete(l.in, r)
		l.out[r] = ses
	}
}

// finish ends every open authorisation, as it was seen or as a restart concludes.
func (l *lot) finish(restart bool) {
	pending := l.s.Pending()
	slices.SortFunc(pending, func(a, b admission.Session) int { // the state has no order
		return cmp.Or(slices.Index(l.all, a.Reservation)-slices.Index(l.all, b.Reservation), bytes.Compare(a.ID.Bytes(), b.ID.Bytes()))
	})
	for _, ses := range pending {
		didPass := restart || rapid.Bool().Draw(l.t, "passed")
		f := admission.Ended(ses, didPass, restart)
		l.apply(f)
		for r, s := range l.in {
			if s == ses.ID && !didPass {
				delete(l.in, r)
			}
		}
		for r, s := range l.out {
			if s != ses.ID {
				continue
			}
			delete(l.out, r)
			if didPass {
				l.left[r] = true
			} else {
				l.in[r] = s
			}
		}
		if ses.Reservation.IsZero() && ses.Phase == admission.Entering && didPass {
			l.walkins[ses.ID] = true
		}
	}
}

// sync brings what a cloud may say that has heard everything, or nothing for days.
func (l *lot) sync() {
	r := rapid.SampledFrom(l.all).Draw(l.t, "whose")
	l.version++
	e := guestBy(r, gateKey.Plate(l.plates[r]), gateKey.Card(l.plates[r]))
	if before, ok := l.s.Entries[r]; ok {
		e.Generation = before.Generation
	}
	e.Generation += uint16(rapid.IntRange(0, 1).Draw(l.t, "changed"))
	e = func(g uint16) wire.Entry { // the PIN changes with the generation
		e.Credentials = append(e.Credentials[:len(e.Credentials)-1:len(e.Credentials)-1], gateKey.PIN(gateKey.Code(r, g)))
		return e
	}(e.Generation)
	e.Version = uint32(l.version)
	e.State = rapid.SampledFrom([]wire.EntryState{wire.EntryConfirmed, wire.EntryActive, wire.EntryDone, wire.EntryRevoked, wire.EntryNoShow}).Draw(l.t, "state")
	if e.State == wire.EntryActive {
		e.Session = l.in[r]
	}
	m := &wire.Sync{Kind: wire.Delta, Base: l.s.Revision, Through: l.s.Revision + 1, Parts: 1, Entries: []wire.Entry{e}}
	if rapid.Bool().Draw(l.t, "snapshot") {
		m.Kind, m.Base = wire.Snapshot, 0
		for other, before := range l.s.Entries {
			if other != r {
				m.Entries = append(m.Entries, before)
			}
		}
		m.Allotments = []wire.Allotment{{SpaceType: id.Standard, Version: l.version, Units: 3, Until: eight.Add(90 * time.Hour).Unix()}}
		l.s.ApplySnapshot([]*wire.Sync{m}, &admission.Changes{})
	} else if err := l.s.ApplyDelta(m, &admission.Changes{}); err != nil {
		l.t.Fatal(err)
	}
}

// Whatever is shown in whatever order, whoever passes or backs out, whatever the
// cloud says and whenever the agent begins anew, online or days off, with a clock
// or without: a pass opens at most one entry while it is inside and none after it
// has left (G1); who is inside gets out on whatever stands for his pass, and
// everybody on the button (G5).
func TestNoPassOpensTwiceAndNobodyIsKeptIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLot(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			l.now = l.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "s")) * time.Second)
			if rapid.IntRange(0, 19).Draw(t, "long") == 0 {
				l.now = l.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "h")) * time.Hour)
			}
			r := rapid.SampledFrom(l.all).Draw(t, "who")
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0, 1:
				l.enter(r)
			case 2:
				l.exit(r)
			case 3:
				l.finish(false)
			case 4:
				l.sync()
			case 5: // a crash
				l.finish(true)
				l.apply(admission.Fact{Event: wire.Event{Kind: wire.Started, Inferred: true}})
			case 6:
				l.ask(admission.Entry, admission.Credential{Kind: admission.Button})
			case 7:
				if v := l.ask(admission.Exit, admission.Credential{Kind: admission.Button}); !v.Opens() {
					t.Fatalf("G5: the button at an exit: %s", v.Reason)
				}
			}
		}
		l.finish(true)
		for _, r := range l.all { // and at the end everybody gets out, on his pass
			l.exit(r)
			l.finish(true)
		}
		for ses := range l.walkins {
			if v := l.ask(admission.Exit, admission.Credential{Kind: admission.Ticket, Session: ses}); !v.Opens() {
				t.Fatalf("G5: a walk-in's ticket: %s", v.Reason)
			}
			l.finish(true)
		}
	})
}

// The interval of the time never keeps anybody in: what an exit answers is the same
// whatever is known of it, and the pass of who is inside opens.
func TestNoClockKeepsAnybodyIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := eight.Add(time.Duration(rapid.Int64Range(-100000, 100000).Draw(t, "lo")) * time.Minute)
		now := admission.Time{Lo: lo}
		if rapid.Bool().Draw(t, "bounded") {
			now.Hi = lo.Add(time.Duration(rapid.Int64Range(0, 100000).Draw(t, "width")) * time.Minute)
		}
		s := keyed(guestBy(resOne, gateKey.Plate("DDOL123")))
		s.Hear(eight)
		s.Policy.PassbackMinutes = 10
		s.Policy.ExitPassback = wire.Passback(rapid.IntRange(0, 4).Draw(t, "mode"))
		ses := enter(s, genuine(passOf(resOne)), known(eight))
		for _, c := range []admission.Credential{genuine(passOf(resOne)), plate("DDOL123"), pin(gateKey.Code(resOne, 2))} {
			v := admission.Decide(s, admission.Request{Parking: parking, Lane: exit, Credential: c, Now: now, Fresh: id.New[id.Session](eight)})
			if v.Reason != wire.AdmitReservation || v.Fact.Event.Session != ses {
				t.Fatalf("at [%v, %v]: %s", now.Lo, now.Hi, v.Reason)
			}
		}
	})
}
