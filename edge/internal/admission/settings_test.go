package admission_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/hours"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// open has a parking in Berlin open from 9:30 to 18:00 each day. What plays at eight UTC
// plays at ten there.
func open(h *hours.Hours) func(*admission.State) {
	return func(s *admission.State) {
		s.Policy.Zone = "Europe/Berlin"
		s.Policy.SetHours(h)
	}
}

func daily(from, to hours.Clock) *hours.Hours {
	h := &hours.Hours{}
	for d := range 7 {
		h.Week.Put(time.Weekday(d), []hours.Span{{From: from, To: to}})
	}
	return h
}

// Outside the opening hours nobody is let in who would take a unit of the allotment; every
// guest comes in to what was sold to him, and everybody gets out. The gate says when it
// opens.
func TestOutsideItsHoursAParkingLetsNoWalkinIn(t *testing.T) {
	shut := open(daily(10*60+30, 18*60)) // it is 10:01 there
	now := known(eight.Add(time.Minute))
	button := admission.Credential{Kind: admission.Button}
	v := ask(world(shut), entry, button, now)
	if v.Reason != wire.RefuseLaneClosed || !strings.Contains(v.Sentence, "08:30") { // the clock of the request is UTC
		t.Errorf("a walk-in: %s %q", v.Reason, v.Sentence)
	}
	if v := ask(world(shut), entry, genuine(passOf(resOne)), now); v.Reason != wire.AdmitReservation {
		t.Errorf("a guest in his time: %s", v.Reason)
	}
	// Before his time, and after he was declared missing, a guest is one who takes a unit.
	if v := ask(world(shut), entry, genuine(passOf(resOne)), known(eight.Add(-time.Minute))); v.Opens() {
		t.Errorf("a guest before his time: %s", v.Reason)
	}
	missing := world(shut)
	setEntry(wire.EntryNoShow)(missing)
	if v := ask(missing, entry, genuine(passOf(resOne)), now); v.Reason != wire.RefuseLaneClosed {
		t.Errorf("a guest who was missing: %s", v.Reason)
	}
	for _, c := range []admission.Credential{{Kind: admission.Manual}, {Kind: admission.Evacuation}} {
		if v := ask(world(shut), entry, c, now); !v.Opens() {
			t.Errorf("by hand: %s", v.Reason)
		}
	}
	inside := world(open(daily(0, 11*60)))
	ticket := ask(inside, entry, button, now)
	if !ticket.Opens() {
		t.Fatal(ticket.Reason)
	}
	inside.Apply(admission.Fact{Event: wire.Event{Kind: wire.Entered, Session: ticket.Fact.Event.Session, Lane: "entry-1"}}, &admission.Changes{})
	if v := ask(inside, exit, admission.Credential{Kind: admission.Ticket, Session: ticket.Fact.Event.Session}, known(eight.Add(10*time.Hour))); !v.Opens() {
		t.Errorf("who leaves after the hours: %s", v.Reason)
	}
}

// A lane that is full, or closed to all, is no more open for being closed by its hours.
func TestTheStricterOfModeAndHoursHolds(t *testing.T) {
	now := known(eight.Add(time.Minute))
	shut := world(open(daily(10*60+30, 18*60)))
	for mode, want := range map[admission.Mode][2]wire.Reason{
		admission.Open: {wire.RefuseLaneClosed, wire.AdmitReservation}, admission.Full: {wire.RefuseLaneClosed, wire.AdmitReservation},
		admission.Closed: {wire.RefuseLaneClosed, wire.AdmitReservation}, admission.ClosedToAll: {wire.RefuseLaneClosed, wire.RefuseLaneClosed},
	} {
		for i, c := range []admission.Credential{{Kind: admission.Button}, genuine(passOf(resOne))} {
			r := admission.Request{Parking: parking, Lane: entry, Mode: mode, Credential: c, Now: now, Fresh: id.New[id.Session](eight), Zone: time.UTC}
			if v := admission.Decide(shut, r); v.Reason != want[i] {
				t.Errorf("%s, %d: %s", mode, i, v.Reason)
			}
		}
	}
}

// Whatever the hours, the clock's doubt and the day on which clocks change: a walk-in is
// let in only when the parking is open at every instant that it may be, and an exit always
// opens.
func TestNoDoubtLetsAWalkinInOutsideTheHours(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(r, "zone")
		z, err := time.LoadLocation(name)
		if err != nil {
			r.Fatal(err)
		}
		from := rapid.IntRange(0, 95).Draw(r, "from")
		h := daily(hours.Clock(15*from), hours.Clock(15*rapid.IntRange(from+1, 96).Draw(r, "to")))
		day := rapid.SampledFrom([]string{"2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04"}).Draw(r, "day")
		start, err := time.Parse(time.DateOnly, day)
		if err != nil {
			r.Fatal(err)
		}
		lo := start.Add(time.Duration(rapid.IntRange(-86400, 86400).Draw(r, "lo")) * time.Second)
		now := admission.Time{Lo: lo, Hi: lo.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 60, 4000, 50_000}).Draw(r, "doubt")) * time.Second)}
		if rapid.IntRange(0, 9).Draw(r, "no bound") == 0 {
			now.Hi = time.Time{}
		}
		s := world(func(s *admission.State) {
			s.Policy.Zone = name
			s.Policy.SetHours(h)
			a := s.Allotments[id.Standard]
			a.Until = start.Add(100 * time.Hour).Unix()
			s.Allotments[id.Standard] = a
		})
		request := admission.Request{Parking: parking, Lane: entry, Credential: admission.Credential{Kind: admission.Button}, Now: now, Fresh: id.New[id.Session](eight), Zone: time.UTC}
		if v := admission.Decide(s, request); v.Opens() {
			for at := now.Lo; !at.After(now.Hi); at = at.Add(max(now.Hi.Sub(now.Lo)/500, time.Second)) {
				local := at.In(z)
				minute := local.Hour()*60 + local.Minute()
				// Where a time comes twice the day is open from the first to the second.
				if !h.Open(at, z) || (minute < 15*from-61 || minute > int(h.Week.On(local.Weekday())[0].To)+61) {
					r.Fatalf("let in though it may be %s", local)
				}
			}
		} else if h.Throughout(now.Lo, now.Hi, z) && !now.Hi.IsZero() {
			r.Fatalf("open, and refused: %s", v.Reason)
		}
		request.Lane = exit
		if v := admission.Decide(s, request); !v.Opens() {
			r.Fatalf("kept in: %s", v.Reason)
		}
	})
}

// What the owner has set of a lane is found by its name.
func TestWhatIsSetOfALane(t *testing.T) {
	s := world(func(s *admission.State) {
		s.Policy.Lanes = []wire.LaneSetting{{Lane: "entry-1", Label: "North", Mode: wire.LaneClosedToAll}, {Lane: "entry-2", Label: "South"}}
	})
	if set := s.Setting("entry-1"); set.Label != "North" {
		t.Errorf("%+v", set)
	}
	for m, want := range map[wire.LaneMode]admission.Mode{wire.LaneOpen: admission.Open, wire.LaneFull: admission.Full, wire.LaneClosed: admission.Closed, wire.LaneClosedToAll: admission.ClosedToAll} {
		if got, ok := admission.SetMode(m); !ok || got != want {
			t.Errorf("%d is %s", m, got)
		}
	}
	if _, ok := admission.SetMode(s.Setting("entry-2").Mode); ok {
		t.Error("a lane without a mode has one")
	}
}
