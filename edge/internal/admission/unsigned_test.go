package admission_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

var gateKey = credential.Key{1, 2, 3}

// guestBy is resOne's entry with what else stands for it.
func guestBy(r id.Reservation, hashes ...credential.Hash) wire.Entry {
	e := entryOf(r, wire.EntryConfirmed)
	e.Credentials = append(hashes, gateKey.PIN(gateKey.Code(r, e.Generation)))
	return e
}

// keyed is a world in which these entries are cached.
func keyed(entries ...wire.Entry) *admission.State {
	return world(func(s *admission.State) {
		s.GateKey = gateKey
		for _, e := range entries {
			s.Entries[e.Reservation] = e
		}
	})
}

func plate(text string) admission.Credential {
	return admission.Credential{Kind: admission.Plate, Text: text}
}

func pin(text string) admission.Credential {
	return admission.Credential{Kind: admission.PIN, Text: text}
}

func card(text string) admission.Credential {
	return admission.Credential{Kind: admission.Card, Text: text}
}

func TestWhatStandsForAPassOpensAsItDoes(t *testing.T) {
	now := known(eight.Add(time.Minute))
	guest := guestBy(resOne, gateKey.Plate("DDOL123"), gateKey.Card("04a2b3"))
	over := guestBy(resOther, gateKey.Plate("PIRX77"))
	over.From, over.To = eight.Add(-3*time.Hour).Unix(), eight.Add(-time.Hour).Unix()
	later := guestBy(id.New[id.Reservation](eight), gateKey.Plate("PIRX77"))
	later.From, later.To = eight.Add(10*time.Hour).Unix(), eight.Add(12*time.Hour).Unix()
	cancelled := guestBy(id.New[id.Reservation](eight), gateKey.Plate("CNL99"))
	cancelled.State = wire.EntryRevoked
	for name, c := range map[string]struct {
		shown admission.Credential
		want  wire.Reason
		whose id.Reservation
	}{
		"the plate":                     {plate("dd-ol 123"), wire.AdmitReservation, resOne},
		"a zero for the D":              {plate("D0OL123"), wire.AdmitReservation, resOne},
		"a zero for the letter":         {plate("DD0L123"), wire.AdmitReservation, resOne},
		"an I for the one":              {plate("DDOLI23"), wire.AdmitReservation, resOne},
		"two characters misread":        {plate("DD0LI23"), wire.RefuseUnknown, id.Reservation{}},
		"another car, one digit apart":  {plate("DDOL124"), wire.RefuseUnknown, id.Reservation{}},
		"no plate at all":               {plate("***"), wire.RefuseUnknown, id.Reservation{}},
		"the card":                      {card("04a2b3"), wire.AdmitReservation, resOne},
		"another card":                  {card("04a2b4"), wire.RefuseUnknown, id.Reservation{}},
		"the PIN":                       {pin(gateKey.Code(resOne, 2)), wire.AdmitReservation, resOne},
		"the PIN before it was changed": {pin(gateKey.Code(resOne, 1)), wire.RefuseUnknown, id.Reservation{}},
		"a plate typed as a PIN":        {pin("DDOL123"), wire.RefuseUnknown, id.Reservation{}},
		"too late for one, too early for the other: the nearer": {plate("PIRX77"), wire.RefuseTooLate, resOther},
		"cancelled":                       {plate("CNL99"), wire.RefuseRevoked, cancelled.Reservation},
		"a misreading of a cancelled one": {plate("CNL9"), wire.RefuseUnknown, id.Reservation{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := keyed(guest, over, later, cancelled)
			v := ask(s, entry, c.shown, now)
			if v.Reason != c.want || v.Fact.Event.Reservation != c.whose {
				t.Errorf("%s for %v, want %s for %v", v.Reason, v.Fact.Event.Reservation, c.want, c.whose)
			}
		})
	}
	if v := ask(world(nil), entry, plate("DDOL123"), now); v.Reason != wire.RefuseStaleCache {
		t.Errorf("before the first gate key: %s", v.Reason)
	}
}

// A plate opens for one guest or for none: with two whom it may be, the pass has to
// say which. Who may not pass now is nobody to be taken for.
func TestAPlateThatMayBeTwoGuestsOpensForNeither(t *testing.T) {
	now := known(eight.Add(time.Minute))
	one, two := guestBy(resOne, gateKey.Plate("AB0XY")), guestBy(resOther, gateKey.Plate("ABDXY"))
	if v := ask(keyed(one, two), entry, plate("ABOXY"), now); v.Reason != wire.RefuseAmbiguous || len(v.Fact.Event.Note) != 0 {
		t.Errorf("a misreading of two: %s", v.Reason)
	}
	if v := ask(keyed(one, two), entry, plate("AB0XY"), now); v.Reason != wire.AdmitReservation || v.Fact.Event.Reservation != resOne {
		t.Errorf("read exactly: %s", v.Reason)
	}
	two.State = wire.EntryRevoked
	if v := ask(keyed(one, two), entry, plate("ABOXY"), now); v.Reason != wire.AdmitReservation || v.Fact.Event.Reservation != resOne {
		t.Errorf("one of the two was cancelled: %s", v.Reason)
	}
	if v := ask(keyed(one, two), entry, plate("ABDXY"), now); v.Reason != wire.RefuseRevoked {
		t.Errorf("cancelled, beside a guest whose plate looks like it: %s", v.Reason)
	}
	if v := ask(keyed(one, two), exit, plate("ABDXY"), now); v.Fact.Event.Reservation == resOne {
		t.Errorf("and out for him: %s", v.Reason)
	}
	same := guestBy(resOther, gateKey.Plate("AB0XY"))
	if v := ask(keyed(one, same), entry, plate("AB0XY"), now); v.Reason != wire.RefuseAmbiguous {
		t.Errorf("two reservations of one plate at a time: %s", v.Reason)
	}
	// One of them is inside: it is the other's turn.
	s := keyed(one, same)
	enter(s, genuine(passOf(resOne)), now)
	if v := ask(s, entry, plate("AB0XY"), now); v.Reason != wire.AdmitReservation || v.Fact.Event.Reservation != resOther {
		t.Errorf("the second while the first is inside: %s", v.Reason)
	}
}

// enter lets somebody come in and be inside.
func enter(s *admission.State, c admission.Credential, now admission.Time) id.Session {
	v := ask(s, entry, c, now)
	passed(s, v.Fact.Event.Session, now)
	return v.Fact.Event.Session
}

// passed sees the vehicle of an open authorisation pass.
func passed(s *admission.State, ses id.Session, now admission.Time) {
	f := admission.Ended(s.Sessions[ses], true, false)
	f.Event.Wall = now.Lo.UnixMilli()
	s.Apply(f, &admission.Changes{})
}

func TestWhoIsInsideLeavesByPlateCardOrPIN(t *testing.T) {
	now := known(eight.Add(time.Hour))
	for name, shown := range map[string]admission.Credential{
		"plate": plate("DDOL123"), "misread plate": plate("DDOLI23"), "card": card("04a2b3"), "PIN": pin(gateKey.Code(resOne, 2)),
	} {
		s := keyed(guestBy(resOne, gateKey.Plate("DDOL123"), gateKey.Card("04a2b3")))
		ses := enter(s, genuine(passOf(resOne)), now)
		if v := ask(s, exit, shown, known(eight.Add(40*time.Hour))); v.Reason != wire.AdmitReservation || v.Fact.Event.Session != ses {
			t.Errorf("%s: %s", name, v.Reason)
		}
	}
	// Two whom it may be are told to press, and a plate that nobody knows, too.
	s := keyed(guestBy(resOne, gateKey.Plate("AB0XY")), guestBy(resOther, gateKey.Plate("ABDXY")))
	enter(s, genuine(passOf(resOne)), now)
	enter(s, genuine(passOf(resOther)), now)
	if v := ask(s, exit, plate("ABOXY"), now); v.Reason != wire.RefuseAmbiguous {
		t.Errorf("two who are inside: %s", v.Reason)
	}
	if v := ask(s, exit, plate("ZZZ1"), now); v.Reason != wire.RefuseUnknown {
		t.Errorf("an unknown plate: %s", v.Reason)
	}
	if v := ask(s, exit, admission.Credential{Kind: admission.Button}, now); !v.Opens() {
		t.Errorf("the button after that: %s", v.Reason)
	}
	// A plate of a guest whom nobody saw come in is as good as his pass.
	s = keyed(guestBy(resOne, gateKey.Plate("DDOL123")))
	if v := ask(s, exit, plate("DDOL123"), now); v.Reason != wire.AdmitSoftPassback {
		t.Errorf("never seen coming in: %s", v.Reason)
	}
}

// Whoever guesses gets slower and slower, also with a PIN of his own in between;
// who mistypes once or twice notices nothing, and all is forgotten after a while.
func TestGuessingAPINIsSlow(t *testing.T) {
	var g admission.Guard
	now := time.Duration(0)
	tries, right := 0, false
	for now < 24*time.Hour {
		if !g.Blocks(now) {
			tries++
			g.Note(admission.PIN, wire.RefuseUnknown, now)
			if right = !right; right {
				g.Note(admission.PIN, wire.AdmitReservation, now)
			}
		}
		now += time.Second
	}
	if tries > 110 {
		t.Errorf("%d guesses in a day", tries)
	}
	g = admission.Guard{}
	for range 2 {
		g.Note(admission.PIN, wire.RefuseUnknown, now)
	}
	if g.Blocks(now) {
		t.Error("who mistypes twice is held up")
	}
	g.Note(admission.PIN, wire.RefuseUnknown, now)
	if !g.Blocks(now+29*time.Second) || g.Blocks(now+30*time.Second) {
		t.Error("the first pause is not 30 s")
	}
	now += 16 * time.Minute
	g.Note(admission.PIN, wire.RefuseUnknown, now)
	if g.Blocks(now) {
		t.Error("nothing was forgotten after a quarter of an hour")
	}
	g.Note(admission.Plate, wire.RefuseUnknown, now)
	g.Note(admission.Genuine, wire.RefuseUnknown, now)
	if g.Blocks(now) {
		t.Error("cameras and codes count as guesses")
	}
	s := keyed(guestBy(resOne))
	for _, l := range []admission.Lane{entry, exit} {
		v := admission.Decide(s, admission.Request{Parking: parking, Lane: l, Credential: pin(gateKey.Code(resOne, 2)), Now: known(eight), Blocked: true})
		if v.Reason != wire.RefuseThrottled {
			t.Errorf("a right PIN while blocked at the %s: %s", l.Direction, v.Reason)
		}
	}
}
