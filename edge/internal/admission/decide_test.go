package admission_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

const parking id.Parking = "dresden-altmarkt"

var (
	eight    = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	entry    = admission.Lane{ID: "entry-1", Direction: admission.Entry, SpaceType: id.Standard}
	exit     = admission.Lane{ID: "exit-1", Direction: admission.Exit, SpaceType: id.Standard}
	resOne   = id.New[id.Reservation](eight)
	resOther = id.New[id.Reservation](eight)
)

// known is an interval of a tenth of a second around t.
func known(t time.Time) admission.Time {
	return admission.Time{Lo: t.Add(-50 * time.Millisecond), Hi: t.Add(50 * time.Millisecond)}
}

// the pass of a reservation from 8 to 10, no-show at 9, confirmed at revision 40.
func passOf(r id.Reservation) admission.Pass {
	return admission.Pass{
		Parking: parking, Reservation: r, Generation: 2, SpaceType: id.Standard,
		From: eight, To: eight.Add(2 * time.Hour), NoShowAt: eight.Add(time.Hour), Revision: 40,
	}
}

func entryOf(r id.Reservation, st wire.EntryState) wire.Entry {
	return wire.Entry{
		Reservation: r, Generation: 2, SpaceType: id.Standard, From: eight.Unix(), To: eight.Add(2 * time.Hour).Unix(),
		NoShowAt: eight.Add(time.Hour).Unix(), State: st, Version: 1,
	}
}

// world is an edge that is complete through revision 50 with resOne cached.
func world(change func(*admission.State)) *admission.State {
	s := admission.NewState()
	s.Revision = 50
	s.Policy = wire.Policy{EarlyEntry: 900}
	s.Keys = []wire.PassKey{{ID: make([]byte, 8), Public: make([]byte, 32)}}
	s.Entries[resOne] = entryOf(resOne, wire.EntryConfirmed)
	s.Allotments[id.Standard] = admission.Allotment{
		Allotment: wire.Allotment{SpaceType: id.Standard, Version: 1, Units: 1, Until: eight.Add(12 * time.Hour).Unix()}, Adopted: 1,
	}
	if change != nil {
		change(s)
	}
	return s
}

func setEntry(st wire.EntryState) func(*admission.State) {
	return func(s *admission.State) { s.Entries[resOne] = entryOf(resOne, st) }
}

// ask decides and applies the fact, as the store does.
func ask(s *admission.State, l admission.Lane, c admission.Credential, now admission.Time) admission.Verdict {
	v := admission.Decide(s, admission.Request{
		Parking: parking, Lane: l, Credential: c, Now: now, Fresh: id.New[id.Session](now.Lo), Zone: time.UTC,
	})
	f := v.Fact
	f.Event.Wall = now.Lo.UnixMilli()
	s.Apply(f, &admission.Changes{})
	return v
}

func genuine(p admission.Pass) admission.Credential {
	return admission.Credential{Kind: admission.Genuine, Pass: p}
}

// Who comes too early is told when to come again, and that all is taken only when
// it is.
func TestWhoComesTooEarlyIsToldTheTruth(t *testing.T) {
	for name, c := range map[string]struct {
		state *admission.State
		early time.Duration
		want  string
	}{
		"hours early, much room": {world(nil), 5 * time.Hour, "Your time starts at 08:00. Come back from 07:45."},
		"a little early, no room": {
			world(func(s *admission.State) { clear(s.Allotments) }), 10 * time.Minute, "Your time starts at 08:00. No space can be given to you before then.",
		},
	} {
		v := ask(c.state, entry, genuine(passOf(resOne)), known(eight.Add(-c.early)))
		if v.Reason != wire.RefuseTooEarly || v.Sentence != c.want {
			t.Errorf("%s: %s %q, want %q", name, v.Reason, v.Sentence, c.want)
		}
	}
}

func TestWhoComesIn(t *testing.T) {
	noon := known(eight.Add(time.Minute))
	pass := passOf(resOne)
	with := func(f func(*admission.Pass)) admission.Credential {
		p := pass
		f(&p)
		return genuine(p)
	}
	for name, c := range map[string]struct {
		state *admission.State
		cred  admission.Credential
		now   admission.Time
		want  wire.Reason
	}{
		"cached and in time":              {world(nil), genuine(pass), noon, wire.AdmitReservation},
		"another parking's pass":          {world(nil), with(func(p *admission.Pass) { p.Parking = "dresden-semperoper" }), noon, wire.RefuseWrongParking},
		"an older generation":             {world(nil), with(func(p *admission.Pass) { p.Generation = 1 }), noon, wire.RefuseSuperseded},
		"a newer generation, edge behind": {world(nil), with(func(p *admission.Pass) { p.Generation, p.Revision = 3, 51 }), noon, wire.AdmitPassOffline},
		"a newer generation, edge is not": {world(nil), with(func(p *admission.Pass) { p.Generation = 3 }), noon, wire.RefuseUnknown},
		"cancelled":                       {world(setEntry(wire.EntryRevoked)), genuine(pass), noon, wire.RefuseRevoked},
		"unknown though complete":         {world(nil), genuine(passOf(resOther)), noon, wire.RefuseUnknown},
		"unknown, edge behind":            {world(func(s *admission.State) { s.Revision = 39 }), genuine(passOf(resOther)), noon, wire.AdmitPassOffline},
		"unknown, edge behind, too late":  {world(func(s *admission.State) { s.Revision = 39 }), genuine(passOf(resOther)), known(eight.Add(3 * time.Hour)), wire.RefuseTooLate},
		"active elsewhere in the cloud":   {world(setEntry(wire.EntryActive)), genuine(pass), noon, wire.RefusePassback},
		"has left, as the cloud knows":    {world(setEntry(wire.EntryDone)), genuine(pass), noon, wire.RefusePassback},
		"window over":                     {world(nil), genuine(pass), known(eight.Add(2*time.Hour + time.Second)), wire.RefuseTooLate},
		"window over, clock in doubt":     {world(nil), genuine(pass), admission.Time{Lo: eight.Add(-time.Hour)}, wire.AdmitReservation},
		"early with room":                 {world(nil), genuine(pass), known(eight.Add(-10 * time.Minute)), wire.AdmitReservation},
		"early without room":              {world(func(s *admission.State) { clear(s.Allotments) }), genuine(pass), known(eight.Add(-10 * time.Minute)), wire.RefuseTooEarly},
		"earlier than the grace":          {world(nil), genuine(pass), known(eight.Add(-16 * time.Minute)), wire.RefuseTooEarly},
		"late, not declared a no-show":    {world(nil), genuine(pass), known(eight.Add(61 * time.Minute)), wire.AdmitReservation},
		"declared a no-show, room":        {world(setEntry(wire.EntryNoShow)), genuine(pass), known(eight.Add(61 * time.Minute)), wire.AdmitWalkin},
		"declared a no-show, no room":     {world(func(s *admission.State) { setEntry(wire.EntryNoShow)(s); clear(s.Allotments) }), genuine(pass), known(eight.Add(61 * time.Minute)), wire.RefuseFull},
		"forged":                          {world(nil), admission.Credential{Kind: admission.BadSignature}, noon, wire.RefuseBadSignature},
		"signed by nobody we know":        {world(nil), admission.Credential{Kind: admission.UnknownKey}, noon, wire.RefuseUnknown},
		"before the first sync":           {admission.NewState(), admission.Credential{Kind: admission.UnknownKey}, admission.Time{Lo: eight}, wire.RefuseStaleCache},
		"gibberish":                       {world(nil), admission.Credential{}, noon, wire.RefuseUnknown},
		"a ticket at the entry":           {world(nil), admission.Credential{Kind: admission.Ticket, Session: id.New[id.Session](eight)}, noon, wire.RefuseUnknown},
		"the button":                      {world(nil), admission.Credential{Kind: admission.Button}, noon, wire.AdmitWalkin},
		"the button, allotment over":      {world(nil), admission.Credential{Kind: admission.Button}, known(eight.Add(12 * time.Hour)), wire.RefuseFull},
		"the button, no upper bound":      {world(nil), admission.Credential{Kind: admission.Button}, admission.Time{Lo: eight}, wire.RefuseClockUntrusted},
		"the button, nothing allotted":    {admission.NewState(), admission.Credential{Kind: admission.Button}, noon, wire.RefuseFull},
	} {
		t.Run(name, func(t *testing.T) {
			v := ask(c.state, entry, c.cred, c.now)
			if v.Reason != c.want {
				t.Fatalf("%s, want %s", v.Reason, c.want)
			}
			if v.Sentence == "" || len(v.Sentence) > 120 {
				t.Errorf("the driver is told %q (%d bytes), want a sentence of at most 120", v.Sentence, len(v.Sentence))
			}
			kind, sessions := wire.Refused, 0
			if v.Opens() {
				kind, sessions = wire.Admitted, 1
			}
			if v.Fact.Event.Kind != kind || len(c.state.Sessions) != sessions {
				t.Errorf("journalled kind %d with %d sessions", v.Fact.Event.Kind, len(c.state.Sessions))
			}
			if v.Reason == wire.AdmitWalkin && c.cred.Kind == admission.Button && !strings.HasPrefix(v.Ticket, "TK1:ses_") {
				t.Errorf("a walk-in got the ticket %q", v.Ticket)
			}
		})
	}
}

func TestOnePassLetsOneCarInUntilItBacksOut(t *testing.T) {
	for _, offline := range []bool{false, true} {
		s := world(nil)
		r := resOne
		if offline {
			s.Revision, r = 39, resOther
		}
		now := known(eight.Add(time.Minute))
		first := ask(s, entry, genuine(passOf(r)), now)
		if !first.Opens() {
			t.Fatal(first.Reason)
		}
		if v := ask(s, admission.Lane{ID: "entry-2", Direction: admission.Entry}, genuine(passOf(r)), known(now.Lo.Add(50*time.Millisecond))); v.Reason != wire.RefusePassback {
			t.Fatalf("the same pass at the next lane 50 ms later: %s", v.Reason)
		}
		s.Apply(admission.Ended(s.Sessions[first.Fact.Event.Session], false, false), &admission.Changes{})
		if len(s.Sessions) != 0 {
			t.Fatal("a session stayed though nobody came in")
		}
		// The cloud has applied the admission but not yet the backing out.
		e := entryOf(r, wire.EntryActive)
		e.Session = first.Fact.Event.Session
		s.Entries[r] = e
		again := ask(s, entry, genuine(passOf(r)), now)
		if !again.Opens() {
			t.Fatalf("after backing out: %s", again.Reason)
		}
		ses := s.Sessions[again.Fact.Event.Session]
		s.Apply(admission.Ended(ses, true, false), &admission.Changes{})
		out := ask(s, exit, genuine(passOf(r)), now)
		s.Apply(admission.Ended(s.Sessions[out.Fact.Event.Session], true, false), &admission.Changes{})
		if v := ask(s, entry, genuine(passOf(r)), now); v.Reason != wire.RefusePassback {
			t.Fatalf("a pass that was in and out: %s", v.Reason)
		}
		// A snapshot cannot make it fresh.
		s.ApplySnapshot([]*wire.Sync{{Kind: wire.Snapshot, Through: 99, Parts: 1, Entries: []wire.Entry{entryOf(r, wire.EntryConfirmed)}}}, &admission.Changes{})
		if v := ask(s, entry, genuine(passOf(r)), now); v.Reason != wire.RefusePassback {
			t.Fatalf("a used pass after a snapshot: %s", v.Reason)
		}
	}
}

func TestWhoGoesOut(t *testing.T) {
	now := known(eight.Add(time.Hour))
	admitted := func(s *admission.State, c admission.Credential) id.Session {
		v := ask(s, entry, c, known(eight.Add(time.Minute)))
		if !v.Opens() {
			t.Fatal(v.Reason)
		}
		s.Apply(admission.Ended(s.Sessions[v.Fact.Event.Session], true, false), &admission.Changes{})
		return v.Fact.Event.Session
	}
	t.Run("a guest", func(t *testing.T) {
		s := world(nil)
		ses := admitted(s, genuine(passOf(resOne)))
		late := known(eight.Add(30 * time.Hour))
		s.Entries[resOne] = entryOf(resOne, wire.EntryRevoked)
		v := ask(s, exit, genuine(passOf(resOne)), late)
		if v.Reason != wire.AdmitReservation || v.Fact.Event.Session != ses || v.Fact.Event.Reservation != resOne {
			t.Errorf("a guest inside, late and cancelled meanwhile: %s %v", v.Reason, v.Fact.Event)
		}
		if w := ask(s, admission.Lane{ID: "exit-2", Direction: admission.Exit}, genuine(passOf(resOne)), late); w.Opens() {
			t.Errorf("the same pass at another exit while the first is open: %s", w.Reason)
		}
	})
	t.Run("a walk-in by ticket", func(t *testing.T) {
		s := world(nil)
		ses := admitted(s, admission.Credential{Kind: admission.Button})
		read, ok := admission.ParseTicket(admission.TicketText(ses))
		if !ok {
			t.Fatal("the ticket cannot be read back")
		}
		v := ask(s, exit, admission.Credential{Kind: admission.Ticket, Session: read}, now)
		if v.Reason != wire.AdmitWalkin || v.Fact.Event.Session != ses {
			t.Errorf("%s for session %v, want %v", v.Reason, v.Fact.Event.Session, ses)
		}
	})
	t.Run("a guest from before this edge's memory", func(t *testing.T) {
		s := world(setEntry(wire.EntryActive))
		e := s.Entries[resOne]
		e.Session = id.New[id.Session](eight)
		s.Entries[resOne] = e
		if v := ask(s, exit, genuine(passOf(resOne)), now); v.Reason != wire.AdmitReservation || v.Fact.Event.Session != e.Session {
			t.Errorf("%s for session %v", v.Reason, v.Fact.Event.Session)
		}
	})
	t.Run("never seen coming in", func(t *testing.T) {
		s := world(nil)
		v := ask(s, exit, genuine(passOf(resOne)), now)
		if v.Reason != wire.AdmitSoftPassback || v.Fact.Event.Session.IsZero() || v.Fact.Event.Reservation != resOne {
			t.Errorf("%s %v", v.Reason, v.Fact.Event)
		}
	})
	for name, c := range map[string]struct {
		cred admission.Credential
		want wire.Reason
	}{
		"the button":                {admission.Credential{Kind: admission.Button}, wire.AdmitPolicy},
		"a pass by an unknown key":  {admission.Credential{Kind: admission.UnknownKey}, wire.AdmitPolicy},
		"a ticket nobody remembers": {admission.Credential{Kind: admission.Ticket, Session: id.New[id.Session](eight)}, wire.AdmitSoftPassback},
		"gibberish":                 {admission.Credential{}, wire.RefuseUnknown},
		"a forged pass":             {admission.Credential{Kind: admission.BadSignature}, wire.RefuseBadSignature},
	} {
		t.Run(name+" at an edge that knows nothing", func(t *testing.T) {
			v := ask(admission.NewState(), exit, c.cred, admission.Time{Lo: eight})
			if v.Reason != c.want {
				t.Errorf("%s, want %s", v.Reason, c.want)
			}
			if v.Opens() && v.Fact.Event.Session.IsZero() {
				t.Error("released without a session")
			}
		})
	}
}

func TestAnAllotmentIsAdoptedWhenItFits(t *testing.T) {
	s := world(func(s *admission.State) {
		a := s.Allotments[id.Standard]
		a.Units = 2
		s.Allotments[id.Standard] = a
	})
	now := known(eight)
	one := ask(s, entry, admission.Credential{Kind: admission.Button}, now)
	ask(s, entry, admission.Credential{Kind: admission.Button}, now)
	if v := ask(s, entry, admission.Credential{Kind: admission.Button}, now); v.Reason != wire.RefuseFull {
		t.Fatalf("the third of two: %s", v.Reason)
	}
	smaller := &wire.Sync{Kind: wire.Delta, Base: 50, Through: 51, Parts: 1, Allotments: []wire.Allotment{
		{SpaceType: id.Standard, Version: 2, Units: 1, Until: eight.Add(time.Hour).Unix()},
	}}
	if err := s.ApplyDelta(smaller, &admission.Changes{}); err != nil {
		t.Fatal(err)
	}
	if got := s.Adoptions(now.Lo); len(got) != 0 {
		t.Fatalf("adopted %v while two are inside by the old version: the cloud would sell an occupied space", got)
	}
	s.Apply(admission.Ended(s.Sessions[one.Fact.Event.Session], true, false), &admission.Changes{})
	out := ask(s, exit, admission.Credential{Kind: admission.Ticket, Session: one.Fact.Event.Session}, now)
	s.Apply(admission.Ended(s.Sessions[out.Fact.Event.Session], true, false), &admission.Changes{})
	got := s.Adoptions(now.Lo)
	if len(got) != 1 || got[0].Event.Version != 2 || got[0].Event.Units != 1 {
		t.Fatalf("after one left: %v, want version 2 adopted", got)
	}
	s.Apply(got[0], &admission.Changes{})
	if len(s.Adoptions(now.Lo)) != 0 {
		t.Error("adopted twice")
	}
	// A message that was delayed cannot bring the old one back.
	old := &wire.Sync{Kind: wire.Delta, Base: 50, Through: 52, Parts: 1, Allotments: []wire.Allotment{{SpaceType: id.Standard, Version: 1, Units: 9, Until: eight.Add(time.Hour).Unix()}}}
	if err := s.ApplyDelta(old, &admission.Changes{}); err != nil {
		t.Fatal(err)
	}
	if s.Allotments[id.Standard].Units != 1 {
		t.Error("an older version replaced a newer one")
	}
}

func TestSyncsFollowOnOrAskAgain(t *testing.T) {
	s := admission.NewState()
	var g admission.Staging
	part := func(n, of uint16, through uint64, r id.Reservation) *wire.Sync {
		return &wire.Sync{Kind: wire.Snapshot, Through: through, Part: n, Parts: of, Entries: []wire.Entry{entryOf(r, wire.EntryConfirmed)}}
	}
	if whole, err := g.Add(part(1, 2, 10, resOther)); whole != nil || err != nil {
		t.Fatal("half a snapshot is not one")
	}
	if whole, _ := g.Add(part(1, 2, 10, resOther)); whole != nil {
		t.Fatal("the same part twice is not two parts")
	}
	whole, _ := g.Add(part(0, 2, 10, resOne))
	s.ApplySnapshot(whole, &admission.Changes{})
	if s.Revision != 10 || len(s.Entries) != 2 {
		t.Fatalf("revision %d with %d entries after both parts", s.Revision, len(s.Entries))
	}
	delta := func(base, through uint64) *wire.Sync {
		return &wire.Sync{Kind: wire.Delta, Base: base, Through: through, Parts: 1}
	}
	if err := s.ApplyDelta(delta(11, 12), &admission.Changes{}); err != admission.ErrGap || s.Revision != 10 {
		t.Fatalf("a gap: %v at %d", err, s.Revision)
	}
	for _, d := range []*wire.Sync{delta(10, 12), delta(10, 12), delta(9, 11), delta(11, 13)} {
		if err := s.ApplyDelta(d, &admission.Changes{}); err != nil {
			t.Fatal(err)
		}
	}
	if s.Revision != 13 {
		t.Errorf("revision %d, want 13", s.Revision)
	}
	s.ApplySnapshot([]*wire.Sync{part(0, 1, 12, resOne)}, &admission.Changes{})
	if s.Revision != 13 || len(s.Entries) != 2 {
		t.Error("a late snapshot took the cache back")
	}
}
