package settings

import (
	"context"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/whatif"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// Bounds of a replay.
const (
	MaxReplayDays = 92
	MaxReplay     = 1_000_000 // stays
	ReplayTimeout = 2 * time.Minute
	replayDays    = 7 // unless said
)

// ReplayRequest asks what past stays would have paid.
type ReplayRequest struct {
	At        id.Parking
	Tariff    tariff.Tariff
	From, To  string // days of the parking's, To included; empty: the last seven whole days
	CurveFrom time.Time
	SpaceType id.SpaceType // of the curve; empty: standard
}

// Replayed is the answer.
type Replayed struct {
	*whatif.Comparison
	Parking  parking.Parking
	From, To string
	Curve    []whatif.Point
}

// Replay prices every stay that ended in a span by the tariff in force and by a draft.
// progress is told how many are done, of how many; it may be nil.
func (s *Service) Replay(ctx context.Context, r ReplayRequest, progress func(done, of int)) (Replayed, error) {
	select {
	case s.Replays <- struct{}{}:
		defer func() { <-s.Replays }()
	default:
		return Replayed{}, fault.New(fault.Unavailable, CodeReplayBusy, "Others replay their stays at this moment. Try again in some seconds.")
	}
	ctx, cancel := context.WithTimeout(ctx, ReplayTimeout)
	defer cancel()
	c, err := s.Store.Config(ctx, r.At, s.Now())
	if err != nil {
		return Replayed{}, err
	}
	p := &c.Parking
	span, err := Days(p, r.From, r.To, s.Now())
	if err != nil {
		return Replayed{}, err
	}
	compared, err := compare(p, r.Tariff)
	if err != nil {
		return Replayed{}, err
	}
	out := Replayed{Comparison: compared, Parking: *p, From: span.First, To: span.Last}
	if r.CurveFrom.IsZero() {
		r.CurveFrom = span.Morning
	}
	if r.SpaceType == "" {
		r.SpaceType = id.Standard
	}
	if out.Curve, err = compared.Curve(r.CurveFrom, r.SpaceType); err != nil {
		return Replayed{}, err
	}
	of, err := s.Store.Count(ctx, r.At, span.From, span.To, MaxReplay+1)
	if err != nil {
		return Replayed{}, err
	}
	if of > MaxReplay {
		return Replayed{}, fault.Newf(fault.Invalid, CodeTooManyStays, "More than %d stays ended in that time. Ask for fewer days.", MaxReplay)
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	progress(0, of)
	err = s.Store.Stays(ctx, r.At, span.From, span.To, func(some []whatif.Stay) error {
		for i := range some {
			compared.Add(&some[i])
		}
		progress(compared.Stays, max(of, compared.Stays))
		return ctx.Err()
	})
	if err != nil {
		return Replayed{}, err
	}
	compared.Done()
	return out, nil
}

// compare begins a comparison with a draft that the parking could go over to, whatever
// its version.
func compare(p *parking.Parking, draft tariff.Tariff) (*whatif.Comparison, error) {
	next := draft
	next.Version = max(next.Version, p.Tariff.Version+1)
	if err := p.Adopt(next); err != nil {
		return nil, err
	}
	by, err := whatif.Compile(p, draft)
	if err != nil {
		return nil, err
	}
	now, err := whatif.Compile(p, p.Tariff)
	if err != nil {
		return nil, err
	}
	return whatif.Compare(p, now, by), nil
}

// Span is a run of days of a parking's.
type Span struct {
	First, Last string
	From, To    time.Time // the instants at which they begin and are over
	Morning     time.Time // 08:00 of the first weekday after it
}

// Days reads a run of whole days in a parking's zone: a day has 23, 24 or 25 hours.
func Days(p *parking.Parking, first, last string, now time.Time) (Span, error) {
	zone, err := p.Location()
	if err != nil {
		return Span{}, err
	}
	today := now.In(zone)
	from, to := today.AddDate(0, 0, -replayDays), today.AddDate(0, 0, -1)
	wrong := func(field, says string) error {
		return fault.New(fault.Invalid, CodeDaysInvalid, "Some of what was sent cannot be used; fields says what.").WithField(field, says)
	}
	for _, d := range []struct {
		name, text string
		into       *time.Time
	}{{"from", first, &from}, {"to", last, &to}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = time.ParseInLocation(time.DateOnly, d.text, zone); err != nil {
			return Span{}, wrong(d.name, "is no day such as 2027-03-28")
		}
	}
	if last != "" && first == "" {
		from = to.AddDate(0, 0, 1-replayDays)
	}
	begin := func(t time.Time, days int) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, zone)
	}
	s := Span{First: from.Format(time.DateOnly), Last: to.Format(time.DateOnly), From: begin(from, 0).UTC(), To: begin(to, 1).UTC()}
	switch {
	case !s.From.Before(s.To):
		return Span{}, wrong("to", "is before from")
	case begin(from, MaxReplayDays).Before(begin(to, 1)):
		return Span{}, wrong("from", "is more than 92 days before to")
	}
	s.Morning = time.Date(today.Year(), today.Month(), today.Day()+1, 8, 0, 0, 0, zone)
	for s.Morning.Weekday() == time.Saturday || s.Morning.Weekday() == time.Sunday {
		s.Morning = s.Morning.AddDate(0, 0, 1)
	}
	return s, nil
}
