package admission

import (
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Doubt is how often, and whether right now, vehicles may have passed unseen. A
// pass whose last passage was before that is neutral: whether it is inside is not
// known. It counts and does not tell the time, so that no clock that is put right
// makes a pass neutral for longer than once.
type Doubt struct {
	Count uint32   `cbor:"1,keyasint"`
	Known uint32   `cbor:"3,keyasint,omitempty"` // of Count, how many were settled by a count of those inside
	Open  []string `cbor:"2,keyasint,omitempty"` // what stands open: lane and fault
}

// The faults after which vehicles may have passed unseen: once, or for as long as
// the fault lasts.
const (
	faultPassage  = "unexpected_passage"
	faultTailgate = "tailgate"
	faultWrongWay = "wrong_way"
	faultArmUp    = "arm_was_up"
	faultUnsure   = "passage_unsure"
	faultUp       = "not_closing"
	faultFire     = "fire"
	faultHeldOpen = "held_open" // and whatever begins with it
	overSuffix    = "_over"
)

func (d *Doubt) fault(e *wire.Event, c *Changes) {
	name, over := strings.CutSuffix(e.Note, overSuffix)
	lasting := name == faultUp || name == faultFire || strings.HasPrefix(name, faultHeldOpen)
	switch name {
	case faultPassage, faultTailgate, faultWrongWay, faultArmUp, faultUnsure:
	default:
		if !lasting {
			return
		}
	}
	// What is open is replaced and never changed in place: a copy of the state may
	// share it.
	place := string(e.Lane) + " " + name
	open := slices.DeleteFunc(slices.Clone(d.Open), func(o string) bool { return o == place })
	if lasting && !over {
		open = append(open, place)
	}
	d.Count, d.Open, c.Cache = d.Count+1, open, true
}

// restart closes what stood open before a start: whatever still does is told anew.
func (d *Doubt) restart(e *wire.Event, c *Changes) {
	if e.Kind == wire.Started && len(d.Open) > 0 {
		d.Count, d.Open, c.Cache = d.Count+1, nil, true
	}
}

// whereabouts is where a pass is, as far as this edge can tell.
type whereabouts uint8

const (
	never   whereabouts = iota // was not used, or its entry backed out
	passing                    // an authorisation of it is open at a lane
	inside
	left
	neutral // not known
)

// whereIs tells where a reservation's pass is, since when, and under which session.
// hearsay says that only the cloud says so.
func (s *State) whereIs(r id.Reservation, e wire.Entry) (w whereabouts, since time.Time, session id.Session, hearsay bool) {
	for ses := range s.staysOf(r) {
		if ses.Phase != Inside {
			return passing, time.UnixMilli(ses.Since), ses.ID, false
		}
	}
	u, known := s.Uses[r]
	reset := e.Neutral > u.Neutral && e.Neutral > u.At
	unseen := u.Doubts < s.Doubt.Count || len(s.Doubt.Open) > 0
	if known && u.State != UseVoid {
		since = time.UnixMilli(u.At)
		switch {
		case u.State == UseInside && (reset || unseen):
			return neutral, since, u.Session, false
		case u.State == UseInside:
			return inside, since, u.Session, false
		case reset:
			return neutral, since, id.Session{}, false
		default:
			return left, since, id.Session{}, false
		}
	}
	if e.State != wire.EntryActive && e.State != wire.EntryDone {
		return never, since, session, false
	}
	// The cloud may not have heard yet that this very session backed out.
	if known && (e.Session == u.Session || e.Session.IsZero() && e.State == wire.EntryActive) {
		return never, since, session, false
	}
	since = time.Unix(e.From, 0)
	if !e.Session.IsZero() {
		since = e.Session.Time()
	}
	switch {
	case reset && e.State == wire.EntryActive:
		return neutral, since, e.Session, true
	case reset: // that stay is over
		return neutral, since, id.Session{}, true
	case e.State == wire.EntryActive:
		return inside, since, e.Session, true
	default:
		return left, since, e.Session, true
	}
}

// passback is the verdict on a pass that is where it would have to come from,
// which was there since then: empty when it is refused. def is the mode that holds
// where the policy has none.
func (s *State) passback(mode, def wire.Passback, since time.Time, hearsay bool, r Request) wire.Reason {
	if mode == 0 {
		mode = def
	}
	if mode == wire.PassbackTimed && r.Now.surelyReached(since.Add(time.Duration(s.Policy.PassbackMinutes)*time.Minute)) {
		mode = wire.PassbackSoft
	}
	if mode == wire.PassbackOff {
		return wire.AdmitPolicy
	}
	if mode == wire.PassbackSoft || hearsay && !s.may(wire.AllowCloudUses, r) {
		return wire.AdmitSoftPassback
	}
	return ""
}
