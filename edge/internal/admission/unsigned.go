package admission

import (
	"bytes"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// named are the reservations whose plate, card or PIN was shown: exact as it was
// read, and near if one character of a plate was misread. Both are in the order of
// their ids, so that the same question has the same answer.
func (s *State) named(c Credential) (exact, near []wire.Entry) {
	var own credential.Hash
	misread := map[credential.Hash]bool{}
	switch c.Kind {
	case Plate:
		plate, ok := credential.NormalPlate(c.Text)
		if !ok {
			return nil, nil
		}
		own = s.GateKey.Plate(plate)
		for _, m := range credential.Misreadings(plate) {
			misread[s.GateKey.Plate(m)] = true
		}
	case Card:
		own = s.GateKey.Card(c.Text)
	case PIN:
		own = s.GateKey.PIN(c.Text)
	default:
		return nil, nil
	}
	for _, e := range s.Entries {
		switch {
		case slices.Contains(e.Credentials, own):
			exact = append(exact, e)
		case slices.ContainsFunc(e.Credentials, func(h credential.Hash) bool { return misread[h] }):
			near = append(near, e)
		}
	}
	byID := func(a, b wire.Entry) int { return bytes.Compare(a.Reservation.Bytes(), b.Reservation.Bytes()) }
	slices.SortFunc(exact, byID)
	slices.SortFunc(near, byID)
	return exact, near
}

// passOf is the pass that an entry stands for.
func passOf(e wire.Entry, at id.Parking) Pass {
	from, to := e.Window()
	return Pass{
		Parking: at, Reservation: e.Reservation, Generation: e.Generation, SpaceType: e.SpaceType,
		From: from, To: to, NoShowAt: time.Unix(e.NoShowAt, 0).UTC(),
	}
}

// decideUnsigned decides an entry by a plate, a card or a PIN: it opens when
// exactly one reservation that may pass now fits.
func decideUnsigned(s *State, r Request) Verdict {
	switch {
	case r.Credential.Kind == PIN && r.Blocked:
		return r.refuseOwn(wire.RefuseThrottled)
	case s.GateKey == credential.Key{}:
		return r.refuse(wire.RefuseStaleCache, id.Reservation{}, 0, r.say(noKeys))
	case !s.may(wire.AllowUnsigned, r):
		return r.refuseOwn(wire.RefuseStaleCache)
	}
	exact, near := s.named(r.Credential)
	if v, ok := one(s, r, exact); ok {
		return v
	}
	if len(exact) > 0 { // it is theirs, and nobody's whose plate looks like it
		return closest(s, r, exact)
	}
	if v, ok := one(s, r, near); ok {
		return v
	}
	return r.refuseOwn(wire.RefuseUnknown)
}

// one is the verdict on those of the entries that may pass now; ok is false when
// none may.
func one(s *State, r Request, all []wire.Entry) (v Verdict, ok bool) {
	for _, e := range all {
		next := decidePass(s, r, passOf(e, r.Parking))
		switch {
		case !next.Opens():
		case ok:
			return r.refuseOwn(wire.RefuseAmbiguous), true
		default:
			v, ok = next, true
		}
	}
	return v, ok
}

// closest is why none of those who were named may pass: of the one whose window
// is nearest. Whom a misreading would name is told nothing about.
func closest(s *State, r Request, all []wire.Entry) Verdict {
	away := func(e wire.Entry) int64 { return max(e.From-r.Now.Lo.Unix(), r.Now.Lo.Unix()-e.To, 0) }
	return decidePass(s, r, passOf(slices.MinFunc(all, func(a, b wire.Entry) int { return int(away(a) - away(b)) }), r.Parking))
}

// exitUnsigned lets out whose plate, card or PIN was shown. Where that is not one
// who is inside the button is left, which opens.
func exitUnsigned(s *State, r Request) Verdict {
	if r.Credential.Kind == PIN && r.Blocked {
		return r.refuse(wire.RefuseThrottled, id.Reservation{}, 0, r.say(pressToLeave))
	}
	var exact, near []wire.Entry
	if s.GateKey != (credential.Key{}) {
		exact, near = s.named(r.Credential)
	}
	named := exact
	if len(exact) == 0 {
		named = near
	}
	here := slices.DeleteFunc(slices.Clone(named), func(e wire.Entry) bool { return !s.isInside(e.Reservation) })
	switch {
	case len(here) == 1:
		return exitPass(s, r, passOf(here[0], r.Parking))
	case len(here) > 1:
		return r.refuse(wire.RefuseAmbiguous, id.Reservation{}, 0, r.say(pressToLeave))
	case len(exact) == 1:
		return exitPass(s, r, passOf(exact[0], r.Parking))
	}
	return r.refuse(wire.RefuseUnknown, id.Reservation{}, 0, r.say(pressToLeave))
}

func (s *State) isInside(r id.Reservation) bool {
	for ses := range s.staysOf(r) {
		if ses.Phase == Inside {
			return true
		}
	}
	return false
}
