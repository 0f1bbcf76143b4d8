package admission_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// numbered is an edge of two charging bays; resOne is to stand in 12.
func numbered() *admission.State {
	return world(func(s *admission.State) {
		s.Bays = []wire.Bays{{SpaceType: "ev", Labels: []string{"11", "12"}}}
		e := entryOf(resOne, wire.EntryConfirmed)
		e.SpaceType, e.Bay = "ev", "12"
		s.Entries[resOne] = e
		s.Allotments["ev"] = admission.Allotment{
			Allotment: wire.Allotment{SpaceType: "ev", Version: 1, Units: 2, Until: eight.Add(12 * time.Hour).Unix()}, Adopted: 1,
		}
	})
}

func charging(r id.Reservation) admission.Credential {
	p := passOf(r)
	p.SpaceType = "ev"
	return genuine(p)
}

func isIn(t *testing.T, v admission.Verdict, bay string) {
	t.Helper()
	if !v.Opens() || v.Fact.Event.Bay != bay || bay != "" && !strings.HasSuffix(v.Sentence, " Bay "+bay+".") {
		t.Errorf("sent to %q with %s, %q; want %q", v.Fact.Event.Bay, v.Reason, v.Sentence, bay)
	}
}

// The driver is told the bay that is free for him: the one that he was promised,
// another when somebody stands there, none when all are taken. It needs no
// network, and holds until he leaves.
func TestTheGateTellsTheBay(t *testing.T) {
	now := known(eight.Add(time.Minute))
	lane := entry
	lane.SpaceType = "ev"

	s := numbered()
	isIn(t, ask(s, entry, charging(resOne), now), "12")

	// A walk-in keeps off the bay that is counted on, as long as there is another.
	s = numbered()
	first := ask(s, lane, admission.Credential{Kind: admission.Button}, now)
	isIn(t, first, "11")
	isIn(t, ask(s, entry, charging(resOne), now), "12")

	// Somebody stands in the promised one.
	s = numbered()
	e := s.Entries[resOne]
	e.Bay = "11"
	s.Entries[resOne] = e
	s.Sessions[first.Fact.Event.Session] = admission.Session{ID: first.Fact.Event.Session, SpaceType: "ev", Phase: admission.Inside, Bay: "11"}
	v := ask(s, entry, charging(resOne), now)
	isIn(t, v, "12")
	in := admission.Ended(s.Sessions[v.Fact.Event.Session], true, false)
	if in.Event.Kind != wire.Entered || in.Event.Bay != "12" {
		t.Errorf("the entry tells %+v", in.Event)
	}
	s.Apply(in, &admission.Changes{})

	// Both are taken: he comes in, and takes what he finds.
	p := passOf(resOther)
	p.SpaceType, p.Revision = "ev", 51
	isIn(t, ask(s, entry, genuine(p), now), "")

	// Whoever leaves makes room.
	s.Apply(admission.Fact{Event: wire.Event{Kind: wire.Exited, Session: v.Fact.Event.Session, Reservation: resOne}}, &admission.Changes{})
	third := id.New[id.Reservation](eight)
	p = passOf(third)
	p.SpaceType, p.Revision = "ev", 51
	isIn(t, ask(s, entry, genuine(p), now), "12")
}

// An exact bay is a type of one: its guest is sent there or nowhere.
func TestAnExactBayIsNeverExchanged(t *testing.T) {
	now := known(eight.Add(time.Minute))
	s := numbered()
	s.Bays = []wire.Bays{{SpaceType: "ev", Labels: []string{"12"}}, {SpaceType: "other", Labels: []string{"1", "2"}}}
	stands := id.New[id.Session](eight)
	s.Sessions[stands] = admission.Session{ID: stands, SpaceType: "ev", Phase: admission.Inside, Bay: "12"}
	isIn(t, ask(s, entry, charging(resOne), now), "")

	s = numbered()
	s.Bays = s.Bays[:1]
	s.Bays[0].Labels = []string{"12"}
	isIn(t, ask(s, entry, charging(resOne), now), "12")
}

// Whom the cloud knows to be inside stands in his bay, whatever this edge has
// forgotten.
func TestABayOfSomebodyForgottenIsTaken(t *testing.T) {
	s := numbered()
	other := entryOf(resOther, wire.EntryActive)
	other.SpaceType, other.Bay, other.Session = "ev", "12", id.New[id.Session](eight)
	s.Entries[resOther] = other
	isIn(t, ask(s, entry, charging(resOne), known(eight.Add(time.Minute))), "11")
}
