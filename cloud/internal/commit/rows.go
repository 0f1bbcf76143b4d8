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
	Allotments   bool           // all of the parking's
	Tariffs      bool           // all editions that the parking has had
	Bound        []id.SpaceType // what Work.Bound wants of them
	ShopPayments []id.ShopPayment
	ShopCodes    []ShopCode
}

// Quarters adds the days that a run of quarters of a type touches.
func (r *Rows) Quarters(t id.SpaceType, q timerange.Quarters) {
	for k := range inventory.Touched(t, q) {
		r.Days = append(r.Days, k)
	}
}

// Empty reports whether no row is named.
func (r *Rows) Empty() bool {
	return len(r.Days)+len(r.Reservations)+len(r.Payments)+len(r.Sessions)+len(r.Blocks)+len(r.Keys)+len(r.Bound)+len(r.ShopPayments)+len(r.ShopCodes) == 0 &&
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

// table is the rows of one kind as far as they are known: what is stored, what
// earlier ops of the batch put, and what the running op put. There are few of
// them in most batches, and none of most kinds.
type table[K comparable, V any] struct {
	rows  []entry[K, V]
	index map[K]int // of rows, once they are many
	put   []int     // rows that the running op put
}

// entry is one row; known with a nil base is a row that does not exist.
type entry[K comparable, V any] struct {
	key        K
	base, over *V
	known      bool // base is
	touched    bool // an op of the batch has put it
}

// few is how many rows are looked through one by one.
const few = 8

func (t *table[K, V]) find(k K) int {
	if t.index != nil {
		if i, ok := t.index[k]; ok {
			return i
		}
		return -1
	}
	for i := range t.rows {
		if t.rows[i].key == k {
			return i
		}
	}
	return -1
}

// at is the entry of a key, which is made when there is none.
func (t *table[K, V]) at(k K) int {
	if i := t.find(k); i >= 0 {
		return i
	}
	t.rows = append(t.rows, entry[K, V]{key: k})
	n := len(t.rows)
	if t.index != nil {
		t.index[k] = n - 1
	} else if n > few {
		t.index = make(map[K]int, 2*n)
		for i := range t.rows {
			t.index[t.rows[i].key] = i
		}
	}
	return n - 1
}

// get is the row as the running op sees it; nil does not exist.
func (t *table[K, V]) get(k K) (v *V, known bool) {
	i := t.find(k)
	if i < 0 {
		return nil, false
	}
	e := &t.rows[i]
	if e.over != nil {
		return e.over, true
	}
	return e.base, e.known
}

// set puts a copy of a row for the running op.
func (t *table[K, V]) set(k K, v *V) {
	i := t.at(k)
	c := *v
	if t.rows[i].over == nil {
		t.put = append(t.put, i)
	}
	t.rows[i].over = &c
}

// fill takes over what was found of what was asked for, unless it is known.
func (t *table[K, V]) fill(asked []K, found map[K]*V) {
	for _, k := range asked {
		if e := &t.rows[t.at(k)]; !e.known {
			e.base, e.known = found[k], true
		}
	}
}

// keep makes what the op put part of the base, and undo drops it.
func (t *table[K, V]) keep() {
	for _, i := range t.put {
		e := &t.rows[i]
		e.base, e.known, e.touched, e.over = e.over, true, true, nil
	}
	t.put = t.put[:0]
}

func (t *table[K, V]) undo() {
	for _, i := range t.put {
		t.rows[i].over = nil
	}
	t.put = t.put[:0]
}

// written lists the rows that ops have put.
func (t *table[K, V]) written() []*V {
	var out []*V
	for i := range t.rows {
		if e := &t.rows[i]; e.touched {
			if out == nil {
				out = make([]*V, 0, len(t.rows)-i)
			}
			out = append(out, e.base)
		}
	}
	return out
}

// tables is the rows of a parking that are no days.
type tables struct {
	reservations table[id.Reservation, reservation.Reservation]
	payments     table[id.Payment, payment.Payment]
	sessions     table[id.Session, session.Session]
	blocks       table[id.Block, Block]
	keys         table[Key, KeyRecord]
	allotments   table[id.SpaceType, Allotment]
	watermark    table[struct{}, Watermark]
	shopPayments table[id.ShopPayment, ShopPayment]
	shopCodes    table[ShopCode, ShopCodeUse]
	hasAllots    bool              // all of them are known
	tariffs      []parking.Edition // the newest first
	hasTariffs   bool
	bound        map[id.SpaceType]bool // whose standing reservations, stays and blocks are all known
}

func (t *tables) keep() {
	t.reservations.keep()
	t.payments.keep()
	t.sessions.keep()
	t.blocks.keep()
	t.keys.keep()
	t.allotments.keep()
	t.watermark.keep()
	t.shopPayments.keep()
	t.shopCodes.keep()
}

func (t *tables) undo() {
	t.reservations.undo()
	t.payments.undo()
	t.sessions.undo()
	t.blocks.undo()
	t.keys.undo()
	t.allotments.undo()
	t.watermark.undo()
	t.shopPayments.undo()
	t.shopCodes.undo()
}
