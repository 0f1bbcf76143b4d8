package receipt

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
)

// Format is the shape of the receipts that this package writes and reads.
const Format = 1

// Receipt is what was charged for one stay, or for a reservation that ended
// without one. Instants are UTC.
type Receipt struct {
	Format       int           `json:"format"`
	Number       string        `json:"number"`    // the parking's id and a number that counts its bills
	IssuedAt     time.Time     `json:"issued_at"` // of the last thing on it
	Operator     string        `json:"operator"`
	Parking      Place         `json:"parking"`
	Reservation  *Reserved     `json:"reservation,omitempty"`
	Stay         *Stay         `json:"stay,omitempty"`
	Bill         bill.Bill     `json:"bill"`
	Taxes        []Tax         `json:"taxes"` // contained in what is due, by rate
	Payments     []Payment     `json:"payments"`
	Movements    []Movement    `json:"movements"`
	Sums         Sums          `json:"sums"`
	Tariffs      []Edition     `json:"tariffs"`
	Observations []Observation `json:"observations"`
}

// Place is the parking.
type Place struct {
	ID       id.Parking `json:"id"`
	Name     string     `json:"name"`
	Address  string     `json:"address"`
	City     string     `json:"city"`
	Timezone string     `json:"timezone"`
}

// Reserved is the reservation.
type Reserved struct {
	ID        id.Reservation    `json:"id"`
	State     reservation.State `json:"state"`
	SpaceType id.SpaceType      `json:"space_type"`
	From      time.Time         `json:"from"`
	To        time.Time         `json:"to"`
}

// Clock says which time of a passage counted.
type Clock string

// The clocks.
const (
	Edges     Clock = ""          // the edge's
	Heard     Clock = "heard"     // the cloud's, when it heard of the passage: the edge's was a little ahead, or in doubt
	Untrusted Clock = "untrusted" // the cloud's, because the edge's was not to be trusted; nothing is charged for the doubt
)

// Stay is the stay as it counted.
type Stay struct {
	Session    id.Session   `json:"session"`
	SpaceType  id.SpaceType `json:"space_type"`
	EnteredAt  time.Time    `json:"entered_at"`
	ExitedAt   time.Time    `json:"exited_at"`
	EntryDoubt *uint32      `json:"entry_uncertainty_ms,omitempty"` // ± of the edge's clock; absent: nobody saw it, or the clock was not set
	ExitDoubt  *uint32      `json:"exit_uncertainty_ms,omitempty"`
	EntryClock Clock        `json:"entry_clock,omitempty"`
	ExitClock  Clock        `json:"exit_clock,omitempty"`
	Inferred   bool         `json:"inferred,omitempty"` // an end was concluded, not seen
}

// Tax is tax contained in what is due.
type Tax struct {
	BasisPoints int          `json:"basis_points"`
	Amount      money.Amount `json:"amount"`
}

// Payment is a hold and what became of it.
type Payment struct {
	ID       id.Payment    `json:"id"`
	Provider string        `json:"provider"`
	State    payment.State `json:"state"`
	Held     money.Amount  `json:"held"`
	Captured money.Amount  `json:"captured"`
	Refunds  []Refund      `json:"refunds,omitempty"`
}

// Refund is a credit note: something that was captured and given back.
type Refund struct {
	Reason string              `json:"reason"`
	State  payment.RefundState `json:"state"` // pending or succeeded
	Amount money.Amount        `json:"amount"`
}

// Movement is an entry of the ledger.
type Movement struct {
	At       time.Time        `json:"at"`
	Kind     ledger.Kind      `json:"kind"`
	Payment  id.Payment       `json:"payment,omitzero"`
	Postings []ledger.Posting `json:"postings"`
}

// Sums is what the movements add up to. None of it is negative in a sound
// receipt.
type Sums struct {
	Held       money.Amount `json:"held"`        // authorised
	Released   money.Amount `json:"released"`    // of that, given back untouched
	Captured   money.Amount `json:"captured"`    // of that, taken
	Refunded   money.Amount `json:"refunded"`    // given back after it was taken
	Cash       money.Amount `json:"cash"`        // paid at a machine, less the change
	Terminal   money.Amount `json:"terminal"`    // paid by card at a machine
	Credit     money.Amount `json:"credit"`      // change that is owed to the driver
	Owed       money.Amount `json:"owed"`        // still to be paid
	WrittenOff money.Amount `json:"written_off"` // was owed and is given up
	Charged    money.Amount `json:"charged"`     // on the books as earned, with tax
	Overpaid   money.Amount `json:"overpaid"`    // charged above what is due: to be given back

	Shops    money.Amount `json:"shops,omitzero"`    // taken off by shops' codes; absent: nothing
	Credited money.Amount `json:"credited,omitzero"` // of what is due, given back all the same; absent: nothing
}

// Edition is an edition of the parking's tariff.
type Edition struct {
	Version  uint32        `json:"version"`
	SHA256   string        `json:"sha256"` // of the published document, hexadecimal
	Document tariff.Tariff `json:"document"`
}

// Observation is a journal event as the edge wrote it.
type Observation struct {
	Epoch uint32 `json:"epoch"`
	Seq   uint64 `json:"seq"`
	Event string `json:"event"` // CBOR, base64url without padding
}
