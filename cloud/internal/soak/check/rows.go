package check

// ID is a UUID as it is stored; all zero is none.
type ID = [16]byte

// Lot is one space type of one parking. What can be sold is counted per lot.
type Lot struct{ Parking, Type string }

// Run is the half-open run [From, To) of quarter-hours since the Unix epoch.
type Run struct{ From, To int64 }

// Rows is everything the checks look at, of one instant.
type Rows struct {
	// Current is the quarter of the instant. What a stay or an allotment claimed
	// in quarters before it is not on record any more.
	Current int64

	Capacity     map[Lot]int
	Days         []Day
	Reservations []Reservation
	Stays        []Stay
	Allotments   []Allotment
	Blocks       []Block
	Lent         []Lent
	Changes      []Change
	Payments     []Payment
	Told         []Told
	Unbalanced   []Unbalanced
	Books        map[ID]Book // by payment
	Feeds        []Feed
	Keys         []Key
	Journals     []Journal
}

// Day is one UTC day of a lot, as the counters say.
type Day struct {
	Lot
	Day  int64 // since the Unix epoch
	Cap  int
	Free []int16
	Over []int16
}

// Reservation is a reservation.
type Reservation struct {
	Lot
	ID      ID
	State   string
	Late    bool // it got into its state when its place was not kept any longer
	Claim   Run  // empty: none
	Window  Run  // rounded outward
	Price   int64
	Payment ID
	Session ID
	Pending *Pending
	Bay     string // empty: none
}

// Pending is a change of a reservation that is not paid for yet.
type Pending struct {
	Type    string
	Claim   Run
	Window  Run // rounded outward
	Price   int64
	Payment ID
}

// Stay is a vehicle's stay that claims by itself.
type Stay struct {
	Lot
	ID          ID
	Reservation ID
	Left        bool
	Claim       Run // from the quarter of the entry on
}

// Allotment is what an edge may admit by itself.
type Allotment struct {
	Lot
	Units int
	Until int64
}

// Lent is an allotment beside those who stand on it.
type Lent struct {
	Lot
	Units, Inside int
	InUse         bool // the edge has not been retired
}

// Change is a change of capacity that the feed told.
type Change struct {
	Lot
	Revision int64
	From     int64 // day
	Cap, Was int
}

// Block is bays that are out of use.
type Block struct {
	Lot
	Run
	Units int
}

// Payment is one hold and what became of it.
type Payment struct {
	Parking                               string
	ID, Reservation                       ID
	State                                 string
	Amount                                int64 // that was asked for
	Authorized, Asked, Captured, Refunded int64 // Asked is the amount to capture
	Debt                                  bool  // of what a stay owed
	Awaited                               int   // by how many stays
}

// Told is a change of claims that the feed told; equal ones are one row.
type Told struct {
	Lot
	Run
	N int64
}

// Unbalanced is a sum that is not zero: of one transaction, or of one currency.
type Unbalanced struct {
	What string
	Sum  int64
}

// Book is what the ledger says about one payment.
type Book struct{ Held, Provider int64 }

// Feed is a parking's head and its events.
type Feed struct {
	Parking                             string
	Head, Events, Distinct, First, Last int64
}

// Key is an idempotency key.
type Key struct {
	Principal, Key string
	Reservation    ID
	Exists         bool // the reservation, in the key's parking
}

// Journal is an edge's watermark and the observations of its epoch.
type Journal struct {
	Parking                        string
	Epoch, Seq                     int64
	Applied, Distinct, First, Last int64
}
