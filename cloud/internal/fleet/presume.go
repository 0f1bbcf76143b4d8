package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// PresumedAt is when a stay of which nobody has seen the end counts as over: so
// long after the end of the reservation that it is the stay of, after its entry
// when that was later, or, without one, when it is longer than the longest stay;
// and never sooner than that long after a payment. The zero time is never.
func PresumedAt(p parking.Policy, s *session.Session, r *reservation.Reservation) time.Time {
	if p.PresumeLeftAfter <= 0 || p.LongestWalkin <= 0 {
		return time.Time{}
	}
	at := s.EnteredAt.Add(p.LongestWalkin)
	if owns(r, s) {
		at = later(r.Window.To, s.EnteredAt).Add(p.PresumeLeftAfter)
	}
	if seen := s.Seen(); seen.After(s.EnteredAt) {
		at = later(at, seen.Add(p.PresumeLeftAfter))
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Presume ends stays of which nobody saw the end (X6): they claim nothing any
// more, cost what there is evidence for (the quote, or a walk-in's time up to
// his last payment; without one nothing), and an incident asks for review. It
// changes nothing before PresumedAt, by now and by the edge's watermark as long
// as an edge is in use: what a gate without a network saw is not lost. A vehicle
// that is seen leaving after that is charged for what it used.
//
// A walk-in's unit stays with the allotment, taken, until the edge has dismissed
// him: see Gone and wire.Dismissed.
type Presume struct {
	Lot      id.Parking
	Sessions []id.Session

	Ended int // set by Apply
}

var _ commit.Op = (*Presume)(nil)

// Parking implements commit.Op.
func (o *Presume) Parking() id.Parking { return o.Lot }

// Prefetch implements commit.Op.
func (o *Presume) Prefetch(r *commit.Rows) {
	r.Watermark, r.Allotments = true, true
	r.Sessions = append(r.Sessions, o.Sessions...)
}

// Apply implements commit.Op.
func (o *Presume) Apply(w *commit.Work, now time.Time) error {
	o.Ended = 0
	m, err := w.Watermark()
	if err != nil {
		return err
	}
	var missing error
	for _, i := range o.Sessions {
		switch ended, err := presume(w, m, i, now); {
		case errors.Is(err, commit.ErrMissing):
			missing = err
		case err != nil:
			return err
		case ended:
			o.Ended++
		}
	}
	return missing
}

func presume(w *commit.Work, m *commit.Watermark, i id.Session, now time.Time) (bool, error) {
	s, err := w.Session(i)
	if err != nil || s == nil || s.State != session.Inside {
		return false, err
	}
	r, err := reservationOf(w, s)
	if err != nil {
		return false, err
	}
	over := PresumedAt(w.Parking.Policy, s, r)
	if over.IsZero() || now.Before(over) || m.InUse() && m.TrustedLo.Before(over) {
		return false, nil
	}
	p, err := paymentOf(w, r)
	if err != nil {
		return false, err
	}
	due, err := settle(w, s, r, p, s.Seen(), 0, false)
	if err != nil {
		return false, err
	}
	moved := r
	if !owns(r, s) {
		moved = nil
	}
	problem, err := vacate(w, s, r, reservation.Presume, timerange.Floor(now), now)
	if err != nil {
		return false, err
	}
	s.State, s.ExitedAt = session.Presumed, s.Seen()
	if err := charge(w, s, moved, p, due, now); err != nil {
		return false, err
	}
	e := &wire.Event{Session: s.ID, Reservation: s.Reservation, Wall: now.UnixMilli()}
	raise(w, "X6", e, "nobody saw the vehicle leave, for so long that it counts as gone; it pays for no more than it was seen for. Look whether it is still there", now)
	if problem != nil {
		raise(w, "unapplied", e, "capacity could not be given back: "+safe(problem), now)
	}
	if due.Problem != nil {
		raise(w, "unapplied", e, "the tariff could not price the stay, in the driver's favour: "+due.Problem.Error(), now)
	}
	return true, nil
}

// appeared is a vehicle that is seen leaving although it had been presumed gone:
// the fact stands. It pays for what it used, less what it was charged already.
func (a *ApplyEvents) appeared(w *commit.Work, s *session.Session, r *reservation.Reservation, e *wire.Event, m moment, now time.Time) error {
	at := later(m.at, s.EnteredAt)
	was, err := settle(w, s, r, nil, s.Seen(), 0, false)
	if err != nil {
		return err
	}
	is := was
	stoodIn := s.Reservation.IsZero() && standsIn(e.Reason)
	if !stoodIn {
		if is, err = settle(w, s, r, nil, at, m.doubt, true); err != nil {
			return err
		}
	}
	p, err := paymentOf(w, r)
	if err != nil {
		return err
	}
	before := s.Credit
	if err := rebill(w, s, p, was, is, now); err != nil {
		return err
	}
	if err := settlement.Offset(w, s); err != nil {
		return err
	}
	if s.Allotted { // the edge still counted it, and does not now
		a.After.Allotted[s.SpaceType]--
		s.Allotted = false
	}
	s.State, s.ExitedAt, s.ExitLane, s.ExitReason = session.Left, at, e.Lane, e.Reason
	s.Inferred = s.Inferred || e.Inferred || stoodIn
	w.PutSession(s)
	w.Emit(feed.SessionClosed, feed.Body{Session: tell(s, at), Bill: is.Bill(s.Reservation, s.ID)})
	if before == 0 && s.Credit > 0 {
		overpaid(w, s, now)
	}
	raise(w, "X6", e, "a vehicle went out that had been presumed gone; it pays for what it used, less what it was charged before", now)
	if is.Problem != nil {
		raise(w, "unapplied", e, "the tariff could not price the stay, in the driver's favour: "+is.Problem.Error(), now)
	}
	return nil
}

// dismissed is the edge's word that it does not count a walk-in any more who is
// presumed gone: his unit is free.
func (a *ApplyEvents) dismissed(w *commit.Work, e *wire.Event) error {
	s, err := w.Session(e.Session)
	if err != nil || s == nil || !s.Allotted || s.State != session.Presumed {
		return err
	}
	s.Allotted = false
	a.After.Allotted[s.SpaceType]--
	w.PutSession(s)
	return nil
}

// Unseen are the stays of one parking that count as over.
type Unseen struct {
	Parking  id.Parking
	Sessions []id.Session
}

// PresumerStore finds stays whose end nobody saw.
type PresumerStore interface {
	// Unseen lists at most limit stays that count as over by now and by the
	// watermark, the oldest first, by parking.
	Unseen(ctx context.Context, now time.Time, limit int) ([]Unseen, error)
}

// Presumer ends stays whose end nobody saw. Run is a task for the cloud's clock
// on one instance; doing it twice or late is harmless.
type Presumer struct {
	Store     PresumerStore
	Committer commit.Committer
	Log       *slog.Logger
}

const (
	presumePerRun = 500
	presumeAtOnce = 50 // stays in one commit
)

// Run ends those that are due. A parking that fails does not keep the others;
// the error names all that did.
func (p *Presumer) Run(ctx context.Context, now time.Time) error {
	due, err := p.Store.Unseen(ctx, now, presumePerRun)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(keepAtOnce)
	failed := make([]error, len(due))
	ended := make([]int, len(due))
	for i, u := range due {
		g.Go(func() error {
			for some := range slices.Chunk(u.Sessions, presumeAtOnce) {
				op := &Presume{Lot: u.Parking, Sessions: some}
				if _, err := p.Committer.Commit(ctx, op); err != nil {
					failed[i] = fmt.Errorf("presume stays of %s over: %w", u.Parking, err)
					return nil
				}
				ended[i] += op.Ended
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return nil
	n := 0
	for _, e := range ended {
		n += e
	}
	if n > 0 {
		p.Log.Warn("stays count as over whose end nobody saw", "component", "fleet", "count", n)
	}
	return errors.Join(failed...)
}
