package commit

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// Rows names rows to load. Names may repeat.
type Rows struct {
	Days         []inventory.Key
	Reservations []id.Reservation
	Payments     []id.Payment
	Sessions     []id.Session
	Blocks       []id.Block
	Keys         []Key
	Watermark    bool
	Allotments   bool // all of the parking's
	Tariffs      bool // all editions that the parking has had
}

// Quarters adds the days that a run of quarters of a type touches.
func (r *Rows) Quarters(t id.SpaceType, q timerange.Quarters) {
	r.Days = append(r.Days, inventory.Keys(t, q)...)
}

// Empty reports whether no row is named.
func (r *Rows) Empty() bool {
	return len(r.Days)+len(r.Reservations)+len(r.Payments)+len(r.Sessions)+len(r.Blocks)+len(r.Keys) == 0 &&
		!r.Watermark && !r.Allotments && !r.Tariffs
}

// Key is an idempotency key in its scope: who sent it, and the key itself.
type Key struct{ Principal, Key string }

// KeyRecord says what a key was used for.
type KeyRecord struct {
	RequestHash [32]byte // SHA-256 of the request it was first sent with
	Parking     id.Parking
	Reservation id.Reservation
}

// Watermark is how far a parking's edge journal has been applied.
type Watermark struct {
	Version   int64
	Journal   id.Journal // zero: the edge was retired, and no other has said hello since
	Epoch     uint32     // counts the journals of this parking
	Seq       uint64
	Hash      wire.Hash // running hash at Seq
	TrustedLo time.Time // it was surely this late at the edge when Seq was written
}

// InUse reports whether an edge has said hello and was not retired since.
func (m *Watermark) InUse() bool { return m != nil && !m.Journal.IsZero() }

// Allotment is capacity given to the edge for walk-ins.
type Allotment struct {
	SpaceType id.SpaceType
	Version   int64
	Units     int16       // claimed in the inventory
	Granted   int16       // what the edge is told; below Units while it is to give some back
	Until     timerange.Q // the claim reaches up to here
}

// Block is a number of bays that are out of use. It is stored by the event that
// tells it: see Work.Block and Work.Unblock.
type Block struct {
	ID        id.Block
	SpaceType id.SpaceType
	Claim     timerange.Quarters // what it takes; it ends early when the block is removed
	N         int16
	Reason    string
	CreatedAt time.Time
	RemovedAt time.Time // zero: it stands
}

// Observation is one applied journal event, kept as it was.
type Observation struct {
	Epoch uint32
	Seq   uint64
	Kind  wire.EventKind
	At    time.Time // by the edge's clock
	Raw   []byte
}

// Incident is a conflict between what the edge saw and what the cloud had
// decided, and how it was settled.
type Incident struct {
	ID          id.Incident
	Class       string // X1 … X11, "unapplied" for an event that could not be applied, or what another package names
	Reservation id.Reservation
	Session     id.Session
	Detail      string
	At          time.Time
}

// state is the rows of a parking as far as they are known. A present key with
// a nil value is a row that is known not to exist.
type state struct {
	reservations map[id.Reservation]*reservation.Reservation
	payments     map[id.Payment]*payment.Payment
	sessions     map[id.Session]*session.Session
	blocks       map[id.Block]*Block
	keys         map[Key]*KeyRecord
	allotments   map[id.SpaceType]*Allotment
	watermark    *Watermark
	hasWatermark bool
	hasAllots    bool
	tariffs      []parking.Edition // the newest first
	hasTariffs   bool
}

func newState() *state {
	return &state{
		reservations: map[id.Reservation]*reservation.Reservation{},
		payments:     map[id.Payment]*payment.Payment{},
		sessions:     map[id.Session]*session.Session{},
		blocks:       map[id.Block]*Block{},
		keys:         map[Key]*KeyRecord{},
		allotments:   map[id.SpaceType]*Allotment{},
	}
}
