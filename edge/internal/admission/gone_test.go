package admission_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Whom the cloud takes to have left unseen frees his unit, which the cloud is
// told once; nobody else's exit closes him, and he still gets out with his ticket.
func TestWhoIsGoneTakesNoUnitAndStillGetsOut(t *testing.T) {
	for _, kind := range []wire.SyncKind{wire.Delta, wire.Snapshot} {
		s := world(nil)
		now := known(eight)
		in := ask(s, entry, admission.Credential{Kind: admission.Button}, now).Fact.Event.Session
		s.Apply(admission.Ended(s.Sessions[in], true, false), &admission.Changes{})
		if v := ask(s, entry, admission.Credential{Kind: admission.Button}, now); v.Reason != wire.RefuseFull {
			t.Fatalf("the second of one: %s", v.Reason)
		}
		m := &wire.Sync{Kind: kind, Through: 51, Parts: 1, Gone: []id.Session{in, id.New[id.Session](eight)}, Allotments: []wire.Allotment{s.Allotments[id.Standard].Allotment}}
		for range 2 { // and again
			var c admission.Changes
			if kind == wire.Snapshot {
				s.ApplySnapshot([]*wire.Sync{m}, &c)
			} else if err := s.ApplyDelta(m, &c); err != nil {
				t.Fatal(err)
			}
		}
		told := s.Dismissals()
		if len(told) != 1 || told[0].Event.Session != in || told[0].Event.Kind != wire.Dismissed {
			t.Fatalf("%v: he is told to be dismissed", told)
		}
		e := told[0].Event
		e.Seq, e.Boot = 1, id.New[id.Boot](eight)
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
		s.Apply(told[0], &admission.Changes{})
		if again := s.Dismissals(); len(again) != 0 {
			t.Fatalf("told again: %v", again)
		}
		if v := ask(s, entry, admission.Credential{Kind: admission.Button}, now); v.Reason != wire.AdmitWalkin {
			t.Fatalf("his unit is not free: %s", v.Reason)
		} else {
			s.Apply(admission.Ended(s.Sessions[v.Fact.Event.Session], true, false), &admission.Changes{})
			// Somebody without a ticket leaves: the other one is closed, not he.
			if out := ask(s, exit, admission.Credential{Kind: admission.Button}, now); out.Fact.Event.Session != v.Fact.Event.Session {
				t.Fatal("somebody who is gone was closed in place of one who is inside")
			}
		}
		late := known(eight.Add(30 * 24 * time.Hour))
		if v := ask(s, exit, admission.Credential{Kind: admission.Ticket, Session: in}, late); !v.Opens() || v.Fact.Event.Session != in || v.Reason != wire.AdmitWalkin {
			t.Fatalf("he is still there and cannot get out: %+v", v)
		}
	}
}

// A guest whose stay the cloud has closed unseen gets out with his pass, whether
// the edge remembers his entry or not.
func TestAGuestWhoIsPresumedGoneGetsOut(t *testing.T) {
	for _, remembered := range []bool{true, false} {
		s := world(nil)
		pass := admission.Credential{Kind: admission.Genuine, Pass: passOf(resOne)}
		if remembered {
			in := ask(s, entry, pass, known(eight))
			s.Apply(admission.Ended(s.Sessions[in.Fact.Event.Session], true, false), &admission.Changes{})
		}
		done := entryOf(resOne, wire.EntryDone)
		done.Version = 2
		if err := s.ApplyDelta(&wire.Sync{Kind: wire.Delta, Base: 50, Through: 51, Parts: 1, Entries: []wire.Entry{done}}, &admission.Changes{}); err != nil {
			t.Fatal(err)
		}
		v := ask(s, exit, pass, known(eight.Add(40*time.Hour)))
		if !v.Opens() || v.Fact.Event.Reservation != resOne {
			t.Fatalf("remembered %v: %+v", remembered, v)
		}
	}
}
