package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Stored is what the database knows about a reservation.
type Stored struct {
	Reservation reservation.Reservation
	Payment     payment.Payment
	Parking     parking.Parking
}

// Store reads it.
type Store interface {
	// Stored returns nil when there is no such reservation in the parking.
	Stored(ctx context.Context, at id.Parking, r id.Reservation) (*Stored, error)
}

// Links are what a message gives the driver in hand.
type Links interface {
	// Pass is the text of the gate pass of a reservation that has one.
	Pass(r *reservation.Reservation) (string, error)
	// Manage is the address of the page to change or cancel the reservation. It
	// opens the reservation to whoever knows it.
	Manage(r id.Reservation) string
}

// Reader implements Details.
type Reader struct {
	store Store
	links Links
}

var _ Details = (*Reader)(nil)

// NewReader makes a reader.
func NewReader(s Store, l Links) *Reader { return &Reader{s, l} }

// CodeNoReservation is the fault code of a notification about nothing.
const CodeNoReservation = "reservation_not_found"

// Details implements Details.
func (d *Reader) Details(ctx context.Context, at id.Parking, i id.Reservation) (Mail, error) {
	s, err := d.store.Stored(ctx, at, i)
	if err != nil {
		return Mail{}, err
	}
	if s == nil {
		return Mail{}, fault.New(fault.NotFound, CodeNoReservation, "There is no such reservation.")
	}
	r, p := &s.Reservation, &s.Parking
	zone, err := p.Location()
	if err != nil {
		// Better a message with times in UTC, which it names, than none.
		zone = time.UTC
	}
	label := string(r.SpaceType)
	if t, ok := p.SpaceType(r.SpaceType); ok && t.Label != "" {
		label = t.Label
	}
	m := Mail{
		To: r.Email, Reservation: r.ID, State: r.State, Generation: r.Generation, Confirmed: r.ConfirmedRevision > 0, Plate: r.Plate,
		Parking: p.ID, Name: p.Name, Address: p.Address, City: p.City, Zone: zone, SpaceType: label,
		Window: r.Window, DriveInFrom: r.Window.From.Add(-p.Policy.EarlyEntry), NoShowAt: r.NoShowAt, ExitGrace: p.Policy.ExitGrace,
		Total: r.Quote.Total, Tax: r.Quote.Tax, Lines: r.Quote.Lines,
		Payment: s.Payment.State, Held: money.New(s.Payment.Authorized, s.Payment.Amount.Currency),
		ManageURL: d.links.Manage(r.ID),
	}
	if r.State == reservation.Confirmed || r.State == reservation.Active {
		if m.Pass, err = d.links.Pass(r); err != nil {
			return Mail{}, fmt.Errorf("the pass of %s: %w", r.ID, err)
		}
	}
	return m, nil
}
