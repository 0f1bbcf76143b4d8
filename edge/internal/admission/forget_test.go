package admission_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// A link that never breaks brings no snapshot: the cache has to shrink by itself.
func TestReservationsAreForgottenADayAfterTheirEnd(t *testing.T) {
	s := world(nil)
	stays, gone, elsewhere, later := resOne, id.New[id.Reservation](eight), id.New[id.Reservation](eight), id.New[id.Reservation](eight)
	s.Entries[gone] = entryOf(gone, wire.EntryDone)
	s.Entries[elsewhere] = entryOf(elsewhere, wire.EntryActive)
	e := entryOf(later, wire.EntryConfirmed)
	e.To += 3600
	s.Entries[later] = e
	v := ask(s, entry, genuine(passOf(stays)), known(eight))
	passes(s, v.Fact.Event.Session, true)
	mark := func(at time.Time) admission.Changes {
		var c admission.Changes
		s.Apply(admission.Fact{Event: wire.Event{Kind: wire.TimeMark, TrustedLo: at.UnixMilli()}}, &c)
		return c
	}
	end := eight.Add(2 * time.Hour)
	if c := mark(end.Add(24 * time.Hour)); len(c.Entries) != 0 || len(s.Entries) != 4 {
		t.Fatalf("forgotten within the day: %v", c.Entries)
	}
	c := mark(end.Add(24*time.Hour + time.Second))
	if _, there := s.Entries[gone]; there || len(c.Entries) != 1 || len(s.Entries) != 3 {
		t.Fatalf("%d entries are left, changed %v; want only the one gone forgotten", len(s.Entries), c.Entries)
	}
	// What is kept for who is inside goes with him.
	out := ask(s, exit, genuine(passOf(stays)), known(end.Add(30*time.Hour)))
	if out.Reason != wire.AdmitReservation || out.Fact.Event.Session != v.Fact.Event.Session {
		t.Fatalf("who is inside: %s", out.Reason)
	}
	passes(s, v.Fact.Event.Session, true)
	mark(end.Add(31 * time.Hour))
	if _, there := s.Entries[elsewhere]; !there || len(s.Entries) != 1 {
		t.Errorf("%d entries are left, want the one whose guest the cloud knows to be inside", len(s.Entries))
	}
	if v := ask(s, entry, genuine(passOf(gone)), known(end.Add(31*time.Hour))); v.Opens() {
		t.Errorf("an old pass: %s", v.Reason)
	}
}
