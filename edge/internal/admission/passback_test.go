package admission_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

func setPolicy(s *admission.State, change func(*wire.Policy)) *admission.State {
	change(&s.Policy)
	return s
}

func leave(s *admission.State, c admission.Credential, now admission.Time) {
	v := ask(s, exit, c, now)
	passed(s, v.Fact.Event.Session, now)
}

// fault tells a lane's fault as a recorder does.
func fault(s *admission.State, lane id.Lane, name string) {
	s.Apply(admission.Fact{Event: wire.Event{Kind: wire.LaneFault, Lane: lane, Note: name}}, &admission.Changes{})
}

func TestAntiPassbackIsWhatThePolicySays(t *testing.T) {
	came := known(eight.Add(time.Minute))
	soon, later := known(eight.Add(5*time.Minute)), known(eight.Add(40*time.Minute))
	mode := func(m wire.Passback) func(*wire.Policy) {
		return func(p *wire.Policy) { p.EntryPassback, p.ExitPassback, p.PassbackMinutes = m, m, 30 }
	}
	none := func(*wire.Policy) {}
	for name, c := range map[string]struct {
		policy func(*wire.Policy)
		at     admission.Time
		inside wire.Reason // shown at an entry while it is inside
		again  wire.Reason // at an entry after it has left
		out    wire.Reason // at an exit after it has left
	}{
		"unset":               {none, soon, wire.RefusePassback, wire.RefusePassback, wire.AdmitSoftPassback},
		"hard":                {mode(wire.PassbackHard), later, wire.RefusePassback, wire.RefusePassback, wire.RefusePassback},
		"soft":                {mode(wire.PassbackSoft), soon, wire.AdmitSoftPassback, wire.AdmitWalkin, wire.AdmitSoftPassback},
		"off":                 {mode(wire.PassbackOff), soon, wire.AdmitPolicy, wire.AdmitWalkin, wire.AdmitPolicy},
		"timed, soon":         {mode(wire.PassbackTimed), soon, wire.RefusePassback, wire.RefusePassback, wire.RefusePassback},
		"timed, later":        {mode(wire.PassbackTimed), later, wire.AdmitSoftPassback, wire.AdmitWalkin, wire.AdmitSoftPassback},
		"timed, no one knows": {mode(wire.PassbackTimed), admission.Time{Lo: soon.Lo}, wire.RefusePassback, wire.RefusePassback, wire.RefusePassback},
	} {
		t.Run(name, func(t *testing.T) {
			s := setPolicy(world(nil), c.policy)
			enter(s, genuine(passOf(resOne)), came)
			if v := ask(s, entry, genuine(passOf(resOne)), c.at); v.Reason != c.inside {
				t.Errorf("while inside: %s, want %s", v.Reason, c.inside)
			}
			s = setPolicy(world(nil), c.policy)
			enter(s, genuine(passOf(resOne)), came)
			leave(s, genuine(passOf(resOne)), came)
			if v := ask(s, exit, genuine(passOf(resOne)), c.at); v.Reason != c.out {
				t.Errorf("out again: %s, want %s", v.Reason, c.out)
			}
			s = setPolicy(world(nil), c.policy)
			enter(s, genuine(passOf(resOne)), came)
			leave(s, genuine(passOf(resOne)), came)
			if v := ask(s, entry, genuine(passOf(resOne)), c.at); v.Reason != c.again {
				t.Errorf("in again: %s, want %s", v.Reason, c.again)
			}
			// Who has left stands on nothing any more.
			s = setPolicy(world(nil), c.policy)
			enter(s, genuine(passOf(resOne)), came)
			leave(s, genuine(passOf(resOne)), came)
			clear(s.Allotments)
			if v := ask(s, entry, genuine(passOf(resOne)), c.at); v.Opens() {
				t.Errorf("in again with no unit left: %s", v.Reason)
			}
			// Whatever the mode: the button opens, and so does the pass of who is inside.
			s = setPolicy(world(nil), c.policy)
			ses := enter(s, genuine(passOf(resOne)), came)
			if v := ask(s, exit, admission.Credential{Kind: admission.Button}, c.at); !v.Opens() {
				t.Errorf("the button at an exit: %s", v.Reason)
			}
			if v := ask(s, exit, genuine(passOf(resOne)), c.at); v.Reason != wire.AdmitReservation || v.Fact.Event.Session != ses {
				t.Errorf("who is inside leaves: %s", v.Reason)
			}
		})
	}
}

// Whatever the mode, a pass that opens one lane right now opens no other.
func TestNoModeOpensTwoLanesAtOnce(t *testing.T) {
	for m := range wire.PassbackOff + 1 {
		s := setPolicy(world(nil), func(p *wire.Policy) { p.EntryPassback = m })
		fault(s, "exit-1", "not_closing") // and while everything is in doubt
		now := known(eight.Add(time.Minute))
		if v := ask(s, entry, genuine(passOf(resOne)), now); !v.Opens() {
			t.Fatalf("mode %d: %s", m, v.Reason)
		}
		if v := ask(s, admission.Lane{ID: "entry-2", Direction: admission.Entry}, genuine(passOf(resOne)), known(now.Lo.Add(50*time.Millisecond))); v.Reason != wire.RefusePassback {
			t.Errorf("mode %d at the next lane: %s", m, v.Reason)
		}
	}
}

// A pass is neutral when nobody can know whether it is inside. It is let through
// once for each doubt, under the stay that it had, and backing out restores it.
func TestANeutralPassIsLetThroughOnce(t *testing.T) {
	now := known(eight.Add(time.Minute))
	for name, doubt := range map[string]func(*admission.State){
		"an operator says so": func(s *admission.State) {
			e := s.Entries[resOne]
			e.Neutral = eight.Add(2 * time.Minute).UnixMilli()
			s.Entries[resOne] = e
		},
		"somebody passed unseen": func(s *admission.State) { fault(s, "exit-1", "unexpected_passage") },
		"an arm stood open":      func(s *admission.State) { fault(s, "exit-1", "not_closing"); fault(s, "exit-1", "not_closing_over") },
		"an arm was held open":   func(s *admission.State) { fault(s, "exit-1", "held_open"); fault(s, "exit-1", "held_open_over") },
		"it stood open and the agent began anew": func(s *admission.State) {
			fault(s, "exit-1", "fire")
			s.Apply(admission.Fact{Event: wire.Event{Kind: wire.Started}}, &admission.Changes{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := world(nil)
			first := enter(s, genuine(passOf(resOne)), now)
			if v := ask(s, entry, genuine(passOf(resOne)), now); v.Reason != wire.RefusePassback {
				t.Fatalf("before the doubt: %s", v.Reason)
			}
			doubt(s)
			at := known(eight.Add(10 * time.Minute))
			v := ask(s, entry, genuine(passOf(resOne)), at)
			if v.Reason != wire.AdmitReservation || v.Fact.Event.Session != first {
				t.Fatalf("%s under session %v, want the same stay", v.Reason, v.Fact.Event.Session)
			}
			s.Apply(admission.Ended(s.Sessions[first], false, false), &admission.Changes{})
			if ses := s.Sessions[first]; ses.Phase != admission.Inside {
				t.Fatalf("after backing out it is in phase %d: its driver, who may be inside, could not leave", ses.Phase)
			}
			if got := enter(s, genuine(passOf(resOne)), at); got != first || len(s.Sessions) != 1 {
				t.Fatalf("after backing out it came in as %v, %d sessions", got, len(s.Sessions))
			}
			if v := ask(s, entry, genuine(passOf(resOne)), at); v.Reason != wire.RefusePassback {
				t.Errorf("a second time for one doubt: %s", v.Reason)
			}
			if v := ask(s, exit, genuine(passOf(resOne)), at); v.Reason != wire.AdmitReservation || v.Fact.Event.Session != first {
				t.Errorf("and out: %s", v.Reason)
			}
		})
	}
	for _, name := range []string{"board_lost", "obstructed", "not_opening"} {
		s := world(nil)
		enter(s, genuine(passOf(resOne)), now)
		fault(s, "exit-1", name)
		if v := ask(s, entry, genuine(passOf(resOne)), now); v.Reason != wire.RefusePassback {
			t.Errorf("%s makes passes neutral: %s", name, v.Reason)
		}
	}
}

// Doubt about who is inside makes no pass good that has left.
func TestAPassThatHasLeftStaysUsedWhateverIsInDoubt(t *testing.T) {
	s := world(nil)
	now := known(eight.Add(time.Minute))
	enter(s, genuine(passOf(resOne)), now)
	leave(s, genuine(passOf(resOne)), now)
	fault(s, "exit-1", "not_closing")
	if v := ask(s, entry, genuine(passOf(resOne)), now); v.Reason != wire.RefusePassback {
		t.Errorf("an arm that stands open makes a used pass good: %s", v.Reason)
	}
	e := s.Entries[resOne]
	e.Neutral = eight.Add(2 * time.Minute).UnixMilli()
	s.Entries[resOne] = e
	if v := ask(s, entry, genuine(passOf(resOne)), known(eight.Add(3*time.Minute))); v.Reason != wire.AdmitWalkin || !v.Fact.Allotted {
		t.Errorf("an operator's word lets it in on a unit of the allotment: %s", v.Reason)
	}
}

// A stay that is over, as the cloud knows, does not begin again by an operator's
// word: what comes in is another.
func TestAnOperatorsWordBeginsNoStayAgain(t *testing.T) {
	s := world(nil)
	e := entryOf(resOne, wire.EntryDone)
	e.Session, e.Neutral = id.New[id.Session](eight), eight.Add(time.Minute).UnixMilli()
	s.Entries[resOne] = e
	if v := ask(s, entry, genuine(passOf(resOne)), known(eight.Add(2*time.Minute))); v.Reason != wire.AdmitWalkin || v.Fact.Event.Session == e.Session {
		t.Errorf("%s as %v", v.Reason, v.Fact.Event.Session)
	}
}

// An edge's clock that is behind does not make one word of an operator last.
func TestAnOperatorsWordIsGoodOnce(t *testing.T) {
	s := world(nil)
	now := known(eight.Add(time.Minute))
	enter(s, genuine(passOf(resOne)), now)
	e := s.Entries[resOne]
	e.Neutral = eight.Add(time.Hour).UnixMilli()
	s.Entries[resOne] = e
	enter(s, genuine(passOf(resOne)), now)
	if v := ask(s, entry, genuine(passOf(resOne)), now); v.Reason != wire.RefusePassback {
		t.Errorf("twice for one word: %s", v.Reason)
	}
}

// A walk-in is asked to pay once. Then his ticket opens, and the button always did.
func TestWhoIsAskedToPayIsNotKeptIn(t *testing.T) {
	s := setPolicy(world(nil), func(p *wire.Policy) { p.PayFirst = 600 })
	ses := enter(s, admission.Credential{Kind: admission.Button}, known(eight))
	ticket := admission.Credential{Kind: admission.Ticket, Session: ses}
	if v := admission.Decide(s, admission.Request{Parking: parking, Lane: exit, Credential: ticket, Now: known(eight.Add(9 * time.Minute))}); v.Reason != wire.AdmitWalkin {
		t.Errorf("within the time: %s", v.Reason)
	}
	late := known(eight.Add(time.Hour))
	if v := admission.Decide(s, admission.Request{Parking: parking, Lane: exit, Credential: ticket, Now: admission.Time{Lo: late.Lo}}); v.Reason != wire.AdmitWalkin {
		t.Errorf("with a clock in doubt: %s", v.Reason)
	}
	if v := ask(s, exit, ticket, late); v.Reason != wire.RefuseUnpaid {
		t.Errorf("an hour later: %s", v.Reason)
	}
	if v := admission.Decide(s, admission.Request{Parking: parking, Lane: exit, Credential: admission.Credential{Kind: admission.Button}, Now: late}); !v.Opens() {
		t.Errorf("the button: %s", v.Reason)
	}
	if v := ask(s, exit, ticket, late); v.Reason != wire.AdmitWalkin || v.Fact.Event.Session != ses {
		t.Errorf("shown again: %s", v.Reason)
	}
	s = setPolicy(world(nil), func(p *wire.Policy) { p.PayFirst = 600 })
	ses = enter(s, admission.Credential{Kind: admission.Button}, known(eight))
	s.Apply(admission.Fact{Event: wire.Event{Kind: wire.Paid, Session: ses, Wall: 1}}, &admission.Changes{})
	if v := ask(s, exit, admission.Credential{Kind: admission.Ticket, Session: ses}, late); v.Reason != wire.AdmitWalkin {
		t.Errorf("who has paid: %s", v.Reason)
	}
}
