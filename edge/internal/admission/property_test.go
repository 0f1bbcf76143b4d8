package admission_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Whatever is shown where and whatever the cloud sends: nobody is admitted by an
// allotment that is used up, no reservation is inside twice, and what is adopted
// covers who is inside.
func TestTheAllotmentIsNeverOverdrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := world(nil)
		now := eight
		version := uint64(1)
		var reservations []id.Reservation
		for range 4 {
			r := id.New[id.Reservation](eight)
			reservations = append(reservations, r)
			s.Entries[r] = entryOf(r, wire.EntryConfirmed)
		}
		var pending, inside []id.Session
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "s")) * time.Second)
			before, limit := s.Taken(id.Standard, now), int(s.Allotments[id.Standard].Units)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				v := ask(s, entry, admission.Credential{Kind: admission.Button}, known(now))
				if v.Opens() {
					if before >= limit {
						t.Fatalf("a walk-in with %d of %d units taken", before, limit)
					}
					pending = append(pending, v.Fact.Event.Session)
				}
			case 1:
				r := rapid.SampledFrom(reservations).Draw(t, "who")
				v := ask(s, entry, genuine(passOf(r)), known(now))
				if v.Opens() {
					pending = append(pending, v.Fact.Event.Session)
				}
			case 2:
				if len(pending) > 0 {
					ses := s.Sessions[pending[0]]
					passed := rapid.Bool().Draw(t, "passed")
					s.Apply(admission.Ended(ses, passed, false), &admission.Changes{})
					if passed {
						inside = append(inside, ses.ID)
					}
					pending = pending[1:]
				}
			case 3:
				if len(inside) > 0 {
					v := ask(s, exit, admission.Credential{Kind: admission.Ticket, Session: inside[0]}, known(now))
					if !v.Opens() || v.Fact.Event.Session != inside[0] {
						t.Fatalf("somebody inside was not let out: %s", v.Reason)
					}
					s.Apply(admission.Ended(s.Sessions[inside[0]], true, false), &admission.Changes{})
					inside = inside[1:]
				}
			case 4:
				version++
				err := s.ApplyDelta(&wire.Sync{
					Kind: wire.Delta, Base: s.Revision, Through: s.Revision + 1, Parts: 1,
					Allotments: []wire.Allotment{{
						SpaceType: id.Standard, Version: version, Units: uint16(rapid.IntRange(0, 4).Draw(t, "units")),
						Until: eight.Add(12 * time.Hour).Unix(),
					}},
				}, &admission.Changes{})
				if err != nil {
					t.Fatal(err)
				}
			case 5:
				for _, f := range s.Adoptions(now) {
					if taken := s.Taken(id.Standard, now); taken > int(f.Event.Units) {
						t.Fatalf("adopted %d units with %d taken", f.Event.Units, taken)
					}
					s.Apply(f, &admission.Changes{})
				}
			}
			seen := map[id.Reservation]bool{}
			for _, ses := range s.Sessions {
				if !ses.Reservation.IsZero() && seen[ses.Reservation] {
					t.Fatal("a reservation is inside twice")
				}
				seen[ses.Reservation] = true
			}
		}
	})
}
