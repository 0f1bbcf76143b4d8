package booking

import (
	"context"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// PriceOf is what the reservation would cost with another window or space type, as
// Modify would charge it now; with no To, what is due if the vehicle left now, as
// its exit would be settled. Nothing is kept and nothing changes.
func (s *Service) PriceOf(ctx context.Context, r id.Reservation, c ChangeRequest) (reservation.Quote, error) {
	at, err := s.snapshot(ctx, r)
	if err != nil {
		return reservation.Quote{}, err
	}
	now := s.Now().UTC()
	if c.To.IsZero() {
		return s.leaving(ctx, at, now)
	}
	from := at.Reservation.Window.From
	if !c.From.IsZero() {
		from = c.From
	}
	w, err := newWindow(from, c.To)
	if err != nil {
		return reservation.Quote{}, err
	}
	if c.SpaceType != "" {
		if _, err := id.ParseSpaceType(c.SpaceType); err != nil {
			return reservation.Quote{}, errSpaceType()
		}
	}
	return s.reprice(ctx, &at.Reservation, &Modify{Window: w, SpaceType: id.SpaceType(c.SpaceType)}, now)
}

// leaving is what the stay costs when it ends now. Before the vehicle has come in
// all that was agreed stands.
func (s *Service) leaving(ctx context.Context, at Snapshot, now time.Time) (reservation.Quote, error) {
	r := &at.Reservation
	if o := reservation.Next(r.State, reservation.Modify); o.Refusal != "" {
		again := *r
		_, err := again.Apply(reservation.Modify, now)
		return reservation.Quote{}, err
	}
	if r.State != reservation.Active || now.Before(r.Window.From) {
		return r.Quote, nil
	}
	p, err := s.parking(ctx, r.Parking)
	if err != nil {
		return reservation.Quote{}, err
	}
	by, err := s.agreed(ctx, p, r)
	if err != nil {
		return reservation.Quote{}, err
	}
	due := settlement.AtExit(settlement.ExitInput{
		Parking: p, Reservation: r, Payment: &at.Payment, SpaceType: r.SpaceType, Tariff: by, EnteredAt: r.Window.From, ExitedAt: now,
	})
	q := r.Quote
	q.Total, q.Tax, q.Lines = due.Due, due.Tax, due.Lines
	return q, nil
}

// agreed is the edition of the tariff that the reservation was priced by; the
// present one when that is not on record any more.
func (s *Service) agreed(ctx context.Context, p *parking.Parking, r *reservation.Reservation) (*tariff.Tariff, error) {
	v := r.Quote.TariffVersion
	if v == 0 || v == p.Tariff.Version {
		return &p.Tariff, nil
	}
	by, err := s.Store.Tariff(ctx, p.ID, v)
	if err != nil {
		return nil, fmt.Errorf("tariff %d of %s: %w", v, p.ID, err)
	}
	if by == nil {
		return &p.Tariff, nil
	}
	return by, nil
}

// priceLocked is what another end of a reservation's window costs: by the edition
// and at the demand that were agreed, so that what is sold is never sold again
// for more. An edition that is not on record any more is the present one.
func (s *Service) priceLocked(ctx context.Context, p *parking.Parking, r *reservation.Reservation, w timerange.Range) (reservation.Quote, error) {
	by, err := s.agreed(ctx, p, r)
	if err != nil {
		return reservation.Quote{}, err
	}
	return price(p, by, r.SpaceType, w, r.Quote.Demand)
}
