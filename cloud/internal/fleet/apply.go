package fleet

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// Refusals of a batch. Nothing is changed by a refused batch.
var (
	// ErrJournal says that the batch is of a journal or epoch that is not the
	// parking's current one: the edge has to say hello.
	ErrJournal = fault.New(fault.Conflict, "journal_not_current", "This journal is not the one in use. Say hello first.")
	// ErrGap says that events before the batch have not been applied yet.
	ErrGap = fault.New(fault.Conflict, "journal_gap", "Events before this batch are missing. Send again from the acknowledged one.")
)

// errMalformed is why an event that could not be decoded is not applied. Its
// bytes are kept as an observation.
var errMalformed = errors.New("it could not be read")

// ErrStale says that what an op was made from has changed since it was read:
// it has to be made again.
var ErrStale = errors.New("what the operation was made from has changed")

// Mark is a place in a journal.
type Mark struct {
	Epoch uint32
	Seq   uint64
}

func markOf(m *commit.Watermark) Mark {
	if m == nil {
		return Mark{}
	}
	return Mark{m.Epoch, m.Seq}
}

// Inside counts the walk-ins that stand on an allotment, by space type, as of a
// watermark. Only applied events change them, so that the count is good as long
// as the watermark is At.
type Inside struct {
	At       Mark
	Allotted map[id.SpaceType]int16
	Tills    Tills // the cash of machines, as of it too
}

func (i Inside) clone() Inside {
	c := Inside{At: i.At, Allotted: maps.Clone(i.Allotted), Tills: maps.Clone(i.Tills)}
	if c.Allotted == nil {
		c.Allotted = map[id.SpaceType]int16{}
	}
	return c
}

// ApplyEvents applies a run of journal events; see the package comment. Its
// errors are ErrJournal, ErrGap and ErrStale (Inside is of another watermark).
// A batch that was applied before succeeds and changes nothing.
type ApplyEvents struct {
	Lot     id.Parking
	Journal id.Journal
	Epoch   uint32
	Events  []wire.Event // seqs run on from the first; placed (wire.Place) where their own time is vague
	Raw     [][]byte     // of each event, as it was journalled
	Inside  Inside

	// Set by Apply.
	Mark    commit.Watermark // after the batch; the current one when it is refused
	After   Inside           // after the batch
	Applied int              // events that were new

	anew timerange.Quarters // where the entry that is being applied is counted
}

var _ commit.Op = (*ApplyEvents)(nil)

// Parking implements commit.Op.
func (a *ApplyEvents) Parking() id.Parking { return a.Lot }

// Prefetch implements commit.Op.
func (a *ApplyEvents) Prefetch(r *commit.Rows) {
	r.Watermark, r.Allotments = true, true
	for i := range a.Events {
		e := &a.Events[i]
		if !passage(e) && e.Kind != wire.Paid && e.Kind != wire.Dismissed {
			continue
		}
		r.Sessions = append(r.Sessions, e.Session)
		if !e.CreditOf.IsZero() {
			r.Sessions = append(r.Sessions, e.CreditOf)
		}
		if !e.Reservation.IsZero() {
			r.Reservations = append(r.Reservations, e.Reservation)
		}
	}
}

// Apply implements commit.Op.
func (a *ApplyEvents) Apply(w *commit.Work, now time.Time) error {
	m, err := w.Watermark()
	if err != nil {
		return err
	}
	a.Applied, a.After = 0, a.Inside.clone()
	if m == nil {
		a.Mark = commit.Watermark{}
		return ErrJournal
	}
	a.Mark = *m
	if m.Journal != a.Journal || m.Epoch != a.Epoch {
		return ErrJournal
	}
	first := a.Events[0].Seq
	if first > m.Seq+1 {
		return ErrGap
	}
	skip := int(min(m.Seq+1-first, uint64(len(a.Events))))
	events, raw := a.Events[skip:], a.Raw[skip:]
	if len(events) == 0 {
		return nil
	}
	if a.Inside.At != markOf(m) {
		return ErrStale
	}
	if err := warm(w, events, now); err != nil {
		return err
	}
	for i := range events {
		e := &events[i]
		t := when(e, now)
		w.Observe(commit.Observation{Epoch: a.Epoch, Seq: e.Seq, Kind: e.Kind, At: e.Time(), Raw: raw[i]})
		if err := a.effect(w, e, t, now); err != nil {
			if errors.Is(err, commit.ErrMissing) {
				return err
			}
			raise(w, "unapplied", e, fmt.Sprintf("event %d of kind %d could not be applied: %s", e.Seq, e.Kind, safe(err)), now)
		}
		doubt(w, e, t, now)
		m.Seq, m.Hash = e.Seq, m.Hash.Next(raw[i])
		if lo := time.UnixMilli(e.TrustedLo).UTC(); e.TrustedLo > 0 && lo.After(m.TrustedLo) && !lo.After(now) {
			m.TrustedLo = lo
		}
	}
	w.PutWatermark(m)
	a.Mark, a.Applied = *m, len(events)
	a.After.At = markOf(m)
	return nil
}

func (a *ApplyEvents) effect(w *commit.Work, e *wire.Event, m moment, now time.Time) error {
	switch e.Kind {
	case wire.Entered:
		return a.entered(w, e, m, now)
	case wire.Exited:
		return a.exited(w, e, m, now)
	case wire.Paid:
		if err := a.took(w, e); err != nil {
			return err
		}
		return paid(w, e, m, now)
	case wire.CashMoved, wire.ShiftOpened, wire.ShiftClosed:
		return a.till(w, e, m, now)
	case wire.Dismissed:
		return a.dismissed(w, e)
	case wire.AllotmentAdopted:
		return adopted(w, e, a.After.Allotted[e.SpaceType], now)
	case wire.LaneFault:
		laneFault(w, e, now)
		return nil
	case wire.Commanded:
		commanded(w, e, now)
		return nil
	case wire.Admitted, wire.BackedOut, wire.Released, wire.Refused, wire.TimeMark, wire.Started, wire.HelpCalled:
		return nil // observed
	default:
		return errMalformed
	}
}

// passage reports whether an event is that a vehicle went in or out.
func passage(e *wire.Event) bool { return e.Kind == wire.Entered || e.Kind == wire.Exited }

// keep is up to where a claim is made for a vehicle of which nobody knows when
// it leaves: the rest of this quarter and the next.
func keep(now time.Time) timerange.Q { return timerange.Floor(now) + 2 }

// warm asks for every row that the events will want, so that they are loaded
// at once and not one event after the other.
func warm(w *commit.Work, events []wire.Event, now time.Time) error {
	missing := false
	note := func(err error) bool {
		if errors.Is(err, commit.ErrMissing) {
			missing = true
		}
		return err == nil
	}
	for i := range events {
		e := &events[i]
		if e.Kind == wire.AllotmentAdopted {
			if al, err := w.Allotment(e.SpaceType); note(err) && al != nil {
				_, err := w.Available(e.SpaceType, timerange.Quarters{From: timerange.Floor(now), To: al.Until})
				note(err)
			}
			continue
		}
		if !passage(e) {
			continue
		}
		span := timerange.Quarters{From: timerange.Floor(when(e, now).latest(now)), To: keep(now)}
		t, r := spaceType(e), e.Reservation
		s, err := w.Session(e.Session)
		if note(err) && s != nil {
			t, r = s.SpaceType, s.Reservation
			span = cover(span, s)
		}
		if !r.IsZero() {
			res, err := w.Reservation(r)
			if note(err) && res != nil {
				t = res.SpaceType
				span.To = max(span.To, res.Claim.To, res.Window.Claim().To)
				if !res.Payment.IsZero() {
					_, err := w.Payment(res.Payment)
					note(err)
				}
				if !res.Session.IsZero() {
					other, err := w.Session(res.Session)
					if note(err) && other != nil {
						span = cover(span, other)
					}
				}
			}
		}
		_, err = w.Available(t, span)
		note(err)
	}
	if missing {
		return commit.ErrMissing
	}
	return nil
}

func cover(q timerange.Quarters, s *session.Session) timerange.Quarters {
	return timerange.Quarters{From: min(q.From, timerange.Floor(s.EnteredAt)), To: max(q.To, s.ClaimTo)}
}

func spaceType(e *wire.Event) id.SpaceType {
	if e.SpaceType == "" {
		return id.Standard
	}
	return e.SpaceType
}

// adopted is step two of a shrink: the edge admits by the version that is in
// force, so that what was claimed beyond it can be given back.
//
// Only the version in force counts: an adoption of an earlier one may come from
// an edge that is about to take up one in between, which granted more.
func adopted(w *commit.Work, e *wire.Event, inside int16, now time.Time) error {
	al, err := w.Allotment(e.SpaceType)
	if err != nil || al == nil {
		return err
	}
	if e.Version != uint64(al.Version) || int16(e.Units) != al.Granted {
		return nil
	}
	rest := max(al.Granted, inside)
	back := al.Units - rest
	if back <= 0 {
		return nil
	}
	run := timerange.Quarters{From: timerange.Floor(now), To: al.Until}
	if err := w.Release(al.SpaceType, run, back); err != nil {
		return err
	}
	al.Units, al.Granted = rest, rest
	w.PutAllotment(al)
	emitAllotment(w, al, true)
	return nil
}

func raise(w *commit.Work, class string, e *wire.Event, detail string, now time.Time) {
	if corrects(e) && (class == "X5" || class == "X6" || class == "overfull") {
		return
	}
	w.Raise(commit.Incident{
		ID: id.New[id.Incident](now), Class: class, Reservation: e.Reservation, Session: e.Session, Detail: detail, At: when(e, now).at,
	})
}

// safe is what may be told of an error in an incident.
func safe(err error) string {
	switch {
	case errors.Is(err, inventory.ErrUnseeded):
		return "the day is not in the inventory"
	case errors.Is(err, inventory.ErrOverReturn):
		return "more capacity would have been released than was claimed"
	default:
		return err.Error()
	}
}
