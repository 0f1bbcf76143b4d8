package admission_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// roomy is a world with room for many walk-ins.
func roomy() *admission.State {
	return world(func(s *admission.State) {
		a := s.Allotments[id.Standard]
		a.Units = 1000
		s.Allotments[id.Standard] = a
	})
}

// passes ends an open authorisation as seen, and returns the event.
func passes(s *admission.State, ses id.Session, passed bool) wire.Event {
	f := admission.Ended(s.Sessions[ses], passed, false)
	s.Apply(f, &admission.Changes{})
	return f.Event
}

func walkIn(t interface{ Fatal(...any) }, s *admission.State, at time.Time) id.Session {
	v := ask(s, entry, admission.Credential{Kind: admission.Button}, known(at))
	if !v.Opens() {
		t.Fatal(v.Reason)
	}
	passes(s, v.Fact.Event.Session, true)
	return v.Fact.Event.Session
}

func ticket(ses id.Session) admission.Credential {
	return admission.Credential{Kind: admission.Ticket, Session: ses}
}

func TestWhoLeavesWithoutAStayStandsInForTheOldestWalkIn(t *testing.T) {
	s := roomy()
	guest := ask(s, entry, genuine(passOf(resOne)), known(eight))
	passes(s, guest.Fact.Event.Session, true)
	var in []id.Session
	for i := range 5 {
		in = append(in, walkIn(t, s, eight.Add(time.Duration(i+1)*time.Minute)))
	}
	later := known(eight.Add(time.Hour))
	leave := func(who string, c admission.Credential, reason wire.Reason, want id.Session) {
		t.Helper()
		v := ask(s, exit, c, later)
		if v.Reason != reason || v.Fact.Event.Session != want {
			t.Fatalf("%s: %s for %v, want %s for %v", who, v.Reason, v.Fact.Event.Session, reason, want)
		}
		if out := passes(s, want, true); out.Kind != wire.Exited || out.Session != want || out.Reason != reason || !out.Reservation.IsZero() {
			t.Fatalf("%s: exited as %+v", who, out)
		}
	}
	leave("a lost ticket", admission.Credential{Kind: admission.Button}, wire.AdmitPolicy, in[0])
	leave("the one in whose place he left", ticket(in[0]), wire.AdmitSoftPassback, in[1])
	leave("his own ticket, inside", ticket(in[3]), wire.AdmitWalkin, in[3])
	leave("a ticket of another life", ticket(id.New[id.Session](eight)), wire.AdmitSoftPassback, in[2])
	leave("a pass by an unknown key", admission.Credential{Kind: admission.UnknownKey}, wire.AdmitPolicy, in[4])
	// Only the guest is inside now, and nobody stands in for a guest.
	v := ask(s, exit, admission.Credential{Kind: admission.Button}, later)
	if _, known := s.Sessions[v.Fact.Event.Session]; v.Reason != wire.AdmitPolicy || !known || v.Fact.Event.Session == guest.Fact.Event.Session {
		t.Fatalf("nobody to stand in for: %s %+v", v.Reason, v.Fact.Event)
	}
	passes(s, v.Fact.Event.Session, true)
	out := ask(s, exit, genuine(passOf(resOne)), later)
	if out.Reason != wire.AdmitReservation || out.Fact.Event.Session != guest.Fact.Event.Session {
		t.Fatalf("the guest: %s %+v", out.Reason, out.Fact.Event)
	}
	passes(s, guest.Fact.Event.Session, true)
	if len(s.Sessions) != 0 || s.Taken(id.Standard, later.Lo) != 0 {
		t.Errorf("%d sessions and %d units are left of an empty parking", len(s.Sessions), s.Taken(id.Standard, later.Lo))
	}
}

// Two leave at once: the second one's session is what the first one leaves on.
func TestADriverWhoseStayIsLeavingWithSomebodyElseIsNotTrapped(t *testing.T) {
	s := roomy()
	first, second := walkIn(t, s, eight), walkIn(t, s, eight.Add(time.Minute))
	now := known(eight.Add(time.Hour))
	ask(s, exit, admission.Credential{Kind: admission.Button}, now) // on the first one's session
	other := admission.Lane{ID: "exit-2", Direction: admission.Exit}
	v := ask(s, other, ticket(first), now)
	if v.Reason != wire.AdmitSoftPassback || v.Fact.Event.Session != second {
		t.Fatalf("%s for %v, want to stand in for %v", v.Reason, v.Fact.Event.Session, second)
	}
	third := ask(s, admission.Lane{ID: "exit-3", Direction: admission.Exit}, ticket(second), now)
	if ses := third.Fact.Event.Session; !third.Opens() || ses == first || ses == second {
		t.Fatalf("nobody left to stand in for: %s for %v", third.Reason, ses)
	}
	// Whoever backs out is inside again, under the same session.
	passes(s, first, false)
	if back := ask(s, exit, ticket(first), now); back.Reason != wire.AdmitWalkin || back.Fact.Event.Session != first {
		t.Errorf("after backing out: %s", back.Reason)
	}
}

// Over random comings and goings, with lost, foreign and used tickets: the
// edge's count of walk-ins is how many went in less how many went out, and no
// unit of the allotment is taken by nobody.
func TestTheCountOfWalkInsIsWhatPassed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := roomy()
		now, count := eight, 0
		var all, used []id.Session // tickets that were handed out, and shown once
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "s")) * time.Second)
			if rapid.IntRange(0, 2).Draw(t, "in") == 0 {
				all = append(all, walkIn(t, s, now))
				count++
			} else {
				c := admission.Credential{Kind: admission.Button}
				switch kind := rapid.IntRange(0, 4).Draw(t, "shown"); {
				case kind == 1 && len(all) > 0:
					i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
					c = ticket(all[i])
					used = append(used, all[i])
				case kind == 2 && len(used) > 0:
					c = ticket(rapid.SampledFrom(used).Draw(t, "used"))
				case kind == 3:
					c = ticket(id.New[id.Session](now))
				case kind == 4:
					c = genuine(passOf(resOther)) // never seen coming in
				}
				v := ask(s, exit, c, known(now))
				if !v.Opens() {
					t.Fatalf("not let out: %s", v.Reason)
				}
				passed := rapid.IntRange(0, 4).Draw(t, "passed") > 0
				if end := passes(s, v.Fact.Event.Session, passed); passed && end.Reason != v.Reason {
					t.Fatalf("released for %s, exited for %s", v.Reason, end.Reason)
				}
				if passed {
					count = max(0, count-1)
				}
			}
			inside := 0
			for _, ses := range s.Sessions {
				if ses.Phase == admission.Inside && ses.Reservation.IsZero() {
					inside++
				}
			}
			if taken := s.Taken(id.Standard, now); inside != count || taken != count || len(s.Sessions) != count {
				t.Fatalf("%d walk-ins inside, %d units taken, %d sessions; %d went in and did not come out", inside, taken, len(s.Sessions), count)
			}
		}
	})
}
