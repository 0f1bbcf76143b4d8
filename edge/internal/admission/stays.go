package admission

import (
	"iter"
	"slices"

	"github.com/openlot/openlot/protocol/id"
)

// staysOf are the sessions of a reservation. A gate asks for them between the
// credential and the open command, so that it must not matter how many others are
// inside: an index of those with a reservation is made when it is first asked for.
func (s *State) staysOf(r id.Reservation) iter.Seq[Session] {
	if s.stays == nil {
		s.stays = map[id.Reservation][]id.Session{}
		for _, ses := range s.Sessions {
			s.index(ses)
		}
	}
	return func(yield func(Session) bool) {
		for _, i := range s.stays[r] {
			if !yield(s.Sessions[i]) {
				return
			}
		}
	}
}

func (s *State) index(ses Session) {
	if s.stays != nil && !ses.Reservation.IsZero() && !slices.Contains(s.stays[ses.Reservation], ses.ID) {
		s.stays[ses.Reservation] = append(s.stays[ses.Reservation], ses.ID)
	}
}

func (s *State) setSession(ses Session, c *Changes) {
	s.Sessions[ses.ID] = ses
	s.index(ses)
	touch(&c.Sessions, ses.ID)
}

func (s *State) dropSession(i id.Session, c *Changes) {
	r := s.Sessions[i].Reservation
	delete(s.Sessions, i)
	touch(&c.Sessions, i)
	if left := slices.DeleteFunc(s.stays[r], func(other id.Session) bool { return other == i }); len(left) > 0 {
		s.stays[r] = left
	} else {
		delete(s.stays, r)
	}
}
