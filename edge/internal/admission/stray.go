package admission

import "github.com/openlot/openlot/protocol/wire"

// Strayed are the facts about a vehicle that has passed though nobody let it through:
// who came in is a walk-in without a ticket, who went out ends the stay of the one
// that has been inside for longest, as a lost ticket does. So the count of those
// inside stays right, and each takes the place that he takes. note says what told of
// him: a fault, or a count.
func Strayed(s *State, r Request, inward bool, note string) []Fact {
	if inward {
		admitted := r.admit(wire.AdmitPolicy, Fact{Allotted: true, Event: wire.Event{SpaceType: r.walkinType()}}, "").Fact
		admitted.Event.Note = note
		return []Fact{admitted, seen(admitted, Entering)}
	}
	released := standIn(s, r, wire.AdmitPolicy, Session{ID: r.Fresh}).Fact
	released.Event.Note = note
	return []Fact{released, seen(released, Leaving)}
}

// seen is the passage that followed a decision nobody waited for.
func seen(f Fact, p Phase) Fact {
	e := f.Event
	end := Conclude(Session{
		ID: e.Session, Phase: p, Lane: e.Lane, Reason: e.Reason, Reservation: e.Reservation, Generation: e.Generation, SpaceType: e.SpaceType,
	})
	end.Event.Note = e.Note
	return end
}
