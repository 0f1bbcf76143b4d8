// Package reservation holds what a reservation is and which moves its state
// machine allows. It is pure: whoever moves a reservation calls Apply and
// stores the result through the committer, which checks the version.
//
// The cloud is authoritative for reservations; an edge proposes facts
// (somebody went in, somebody came out), and facts win over states: a check-in
// of a cancelled reservation does not change the reservation, it becomes a
// session with an incident. STATES.md draws the table.
package reservation

import (
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Quote is the price a reservation was made at.
type Quote struct {
	Total         money.Amount  `json:"total"`
	Tax           money.Amount  `json:"tax"`
	TariffVersion uint32        `json:"tariff_version"`
	Lines         []tariff.Line `json:"lines"`

	// NoShowCharge is the percentage of Total that is taken when nobody comes, as
	// the parking's policy had it at the time. Nil in what was stored before it was
	// kept: then the present policy says.
	NoShowCharge *int `json:"no_show_charge,omitempty"`

	// EarlyCharge is the percentage of Total that is due at the least when the stay
	// ends early, as the parking's policy had it at the time. Nil: Total is due.
	EarlyCharge *int `json:"early_charge,omitempty"`

	// Language is the one that the driver was shown the price in, and is written to in;
	// empty: English. It stays whatever else changes.
	Language string `json:"language,omitempty"`

	// CardsLeft is how many other cards may be tried while the reservation is held;
	// none: a declined card ends it. It counts down with each that is tried.
	CardsLeft int `json:"cards_left,omitempty"`

	// Demand is what moved the price away from the tariff's; nil: nothing did.
	Demand *Demand `json:"demand,omitempty"`
}

// Demand is a percentage of the tariff's price, and what it was made from: the
// parking's policy, which is the owner's, and these.
type Demand struct {
	Percent   int   `json:"percent"`
	Occupancy int   `json:"occupancy_percent"`
	Lead      int64 `json:"lead_minutes"`
}

// DemandPercent is the percentage of the tariff's price that Total is.
func (q *Quote) DemandPercent() int {
	if q.Demand == nil {
		return 100
	}
	return q.Demand.Percent
}

// Missed is the part of Total that is taken when nobody comes, a fraction of a
// minor unit dropped. policy is the percentage of the parking's present policy.
func (q *Quote) Missed(policy int) money.Amount {
	share, whole := int64(q.MissedPercent(policy)), max(q.Total.Minor, 0)
	// Divided first, so that no amount is too large.
	return money.New(whole/100*share+whole%100*share/100, q.Total.Currency)
}

// MissedPercent is the percentage of Total that Missed is, from 0 to 100.
func (q *Quote) MissedPercent(policy int) int {
	percent := policy
	if q.NoShowCharge != nil {
		percent = *q.NoShowCharge
	}
	return min(max(percent, 0), 100)
}

// Change is another window, claimed beside the old one until its payment is
// secured or it lapses.
type Change struct {
	Window    timerange.Range
	SpaceType id.SpaceType
	Claim     timerange.Quarters // of the new window; together with the old one, each quarter is held once
	Quote     Quote
	Payment   id.Payment // of the whole new price; it replaces the old one
	Until     time.Time  // unpaid then, it lapses
	Renews    bool       // nothing changes but the payment, which is to take the old one's place
}

// Reservation is a claim on one unit of a space type for a window.
type Reservation struct {
	ID         id.Reservation
	Parking    id.Parking
	Version    int64 // of the stored row
	State      State
	Generation uint16 // of the pass that is valid
	SpaceType  id.SpaceType
	Window     timerange.Range
	Claim      timerange.Quarters // what it holds in the inventory; empty once released
	Quote      Quote
	Payment    id.Payment
	Email      string
	Phone      string
	Plate      string // normalised; empty when none was given
	HoldUntil  time.Time
	NoShowAt   time.Time
	Session    id.Session // the stay, once the vehicle went in
	Space      string     // the bay it is bound to, which may change until the vehicle is inside; empty: none yet
	RemindedAt time.Time  // when its driver was told that it ends soon; zero: not yet
	Pending    *Change    // a change that is not paid for yet; nil: none
	CreatedAt  time.Time
	UpdatedAt  time.Time

	// ConfirmedRevision is the parking's revision of the commit that confirmed
	// it. The pass carries it, so that an edge can tell a pass it has not heard
	// of yet from one it would know. 0 until confirmed.
	ConfirmedRevision uint64
}
