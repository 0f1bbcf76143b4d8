package receipt_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/cash"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// house is a parking on the real database, with the real rules for selling, the
// gate and money, and a clock of its own.
type house struct {
	t         *testing.T
	db        *postgres.DB
	dsn       string
	ahead     atomic.Int64
	committer *postgres.Committer
	booking   *booking.Service
	settle    *settlement.Service
	desk      receipt.Desk
	journal   wire.Hello
	seq       uint64
	epoch     uint32
}

const place id.Parking = "altmarkt"

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseWith(t, 0)
}

// newHouseWith has a bank whose holds stand so long; 0: they do not lapse soon.
func newHouseWith(t *testing.T, holdLife time.Duration) *house {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	db, dsn := postgrestest.New(t)
	h := &house{t: t, db: db, dsn: dsn}
	lot := postgrestest.Parking(place, 5)
	lot.Policy.PayAtMachine = true
	postgrestest.Import(t, db, time.Now(), lot)
	h.commits()
	store := postgres.NewBooking(db)
	key, err := store.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := booking.NewTokens(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	provider, promises := sandbox.New(postgres.NewSandbox(db), sandbox.Options{Now: h.now, HoldLife: holdLife}), cash.New(postgres.NewCash(db), h.now)
	h.booking = booking.NewService(booking.Config{
		Store: store, Commits: h.committer, Provider: provider, Others: payment.Providers{promises}, Tokens: tokens, Passes: booking.Passes{Key: key}, Log: quiet, Now: h.now,
	})
	h.settle = settlement.NewService(postgres.NewPayments(db), h.committer, h.booking, h.now, quiet, provider, promises)
	h.desk = receipt.Desk{Store: postgres.NewReceipts(db), Key: key}
	h.journal = wire.Hello{Journal: id.New[id.Journal](time.Now())}
	greet := &fleet.Greet{Lot: place, Hello: h.journal}
	h.must(h.committer.Commit(t.Context(), greet))
	h.epoch = greet.Mark.Epoch
	return h
}

// commits starts a committer. It knows the parking as it is now, others learn
// within a second.
func (h *house) commits() {
	h.committer = postgres.NewCommitter(h.db, slog.New(slog.DiscardHandler), h.now, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func(c *postgres.Committer) { done <- c.Run(ctx) }(h.committer)
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	})
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

func (h *house) at(t time.Time) { h.ahead.Store(int64(time.Until(t))) }

func (h *house) must(_ any, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) reserve(from time.Time, long time.Duration) booking.View {
	h.t.Helper()
	return h.reserveBy(sandbox.OK, from, long)
}

func (h *house) reserveBy(method string, from time.Time, long time.Duration) booking.View {
	h.t.Helper()
	v, err := h.booking.Reserve(h.t.Context(), booking.Request{
		Key: id.New[id.Reservation](time.Now()).String(), Parking: string(place), SpaceType: string(id.Standard),
		From: from, To: from.Add(long), Method: method, Email: "jana@posteo.example", Plate: "DD AB 123",
	})
	h.must(v, err)
	return v
}

// see applies a passage that the gate saw.
func (h *house) see(e wire.Event, at time.Time) {
	h.t.Helper()
	h.seq++
	e.Seq, e.Boot, e.Mono, e.Wall, e.Lane, e.TrustedLo = h.seq, id.New[id.Boot](at), h.seq, at.UnixMilli(), "lane-1", at.UnixMilli()
	raw, err := wire.Marshal(&e)
	h.must(raw, err)
	standing, err := h.db.Standing(h.t.Context(), place, h.journal.Journal)
	h.must(standing, err)
	op := &fleet.ApplyEvents{Lot: place, Journal: h.journal.Journal, Epoch: h.epoch, Events: []wire.Event{e}, Raw: [][]byte{raw}, Inside: standing.Inside}
	h.must(h.committer.Commit(h.t.Context(), op))
}

// settled captures or gives back what the reservation's payment asks for.
func (h *house) settled(v booking.View) {
	h.t.Helper()
	h.must(nil, h.settle.Capture(h.t.Context(), place, v.Payment.ID))
	h.must(nil, h.settle.Void(h.t.Context(), place, v.Payment.ID))
}

// sound issues the receipt and recomputes it against what is published.
func (h *house) sound(v booking.View, basis bill.Basis) receipt.Receipt {
	h.t.Helper()
	d, err := h.desk.Issue(h.t.Context(), v.Reservation.ID)
	h.must(d, err)
	document, err := d.Bytes()
	h.must(document, err)
	keys, err := postgres.NewBooking(h.db).Published(h.t.Context())
	h.must(keys, err)
	against := receipt.Published{Keys: keys}
	all, err := postgres.NewTariffs(h.db).Editions(h.t.Context(), place)
	h.must(all, err)
	for _, e := range all {
		against.Tariffs = append(against.Tariffs, e.Tariff)
	}
	r, wrong := receipt.Verify(document, against)
	for _, f := range wrong {
		h.t.Errorf("%s: %s %s", basis, f.Where, f.Says)
	}
	if r.Bill.Basis != basis {
		h.t.Errorf("%s instead of %s", r.Bill.Basis, basis)
	}
	return r
}

// Whatever becomes of a reservation, its receipt is sound: made by the real
// program, from what the database kept, against what is published.
func TestReceiptsOfTheRealThing(t *testing.T) {
	h := newHouse(t)
	from := timerange.Floor(time.Now()).Time().Add(time.Hour)
	in, late, lower, gone, missed := h.reserve(from, 2*time.Hour), h.reserve(from, 2*time.Hour), h.reserve(from, 2*time.Hour), h.reserve(from, time.Hour), h.reserve(from, 2*time.Hour)
	regret := h.reserve(from.Add(4*time.Hour), time.Hour)
	enter := func(v booking.View, at time.Time) id.Session {
		s := id.New[id.Session](at)
		h.at(at.Add(time.Second))
		h.see(wire.Event{Kind: wire.Admitted, Session: s, Reservation: v.Reservation.ID, Generation: 1, Reason: wire.AdmitReservation, SpaceType: id.Standard}, at)
		h.see(wire.Event{Kind: wire.Entered, Session: s, Reservation: v.Reservation.ID, Generation: 1, Reason: wire.AdmitReservation, SpaceType: id.Standard}, at)
		return s
	}
	leave := func(v booking.View, s id.Session, at time.Time) {
		h.at(at.Add(time.Second))
		h.see(wire.Event{Kind: wire.Exited, Session: s, Reservation: v.Reservation.ID}, at)
		h.settled(v)
	}
	if _, err := h.desk.Issue(t.Context(), in.Reservation.ID); fault.Code(err) != receipt.CodeNotReady {
		t.Errorf("before the stay: %v", err)
	}
	if _, err := h.desk.Issue(t.Context(), id.New[id.Reservation](from)); fault.Code(err) != booking.CodeReservationNotFound {
		t.Errorf("of nothing: %v", err)
	}
	cancelled, err := h.booking.Cancel(t.Context(), gone.Reservation.ID)
	h.must(cancelled, err)
	if _, err := h.desk.Issue(t.Context(), gone.Reservation.ID); fault.Code(err) != receipt.CodeNotReady {
		t.Errorf("before the hold is given back: %v", err)
	}
	h.settled(gone)
	if r := h.sound(gone, bill.Cancelled); r.Number != "altmarkt-1" || r.Sums.Held != r.Sums.Released || r.Sums.Held.Minor == 0 || r.Bill.Due.Minor != 0 {
		t.Errorf("%+v", r)
	}

	s1, s2, s3 := enter(in, from.Add(time.Minute)), enter(late, from.Add(2*time.Minute)), enter(lower, from.Add(3*time.Minute))
	leave(in, s1, from.Add(90*time.Minute))
	if r := h.sound(in, bill.Quoted); r.Number != "altmarkt-2" || r.Sums.Captured.Minor != 480 || r.Bill.Due.Minor != 480 || len(r.Observations) != 3 || r.Stay == nil || r.Stay.Inferred {
		t.Errorf("%+v", r)
	}
	leave(late, s2, from.Add(4*time.Hour))
	if r := h.sound(late, bill.Overstayed); r.Bill.Due.Minor != 960 || r.Sums.Held.Minor != 960 || r.Sums.Captured.Minor != 960 || r.Sums.Owed.Minor != 0 || r.Stay == nil {
		t.Errorf("%+v", r)
	}
	dear := postgrestest.Parking(place, 5).Tariff
	dear.Version, dear.Rate = 2, 500
	before, err := postgres.NewTariffs(h.db).Adopt(t.Context(), place, dear, parking.Author{})
	h.must(before, err)
	h.commits()
	leave(lower, s3, from.Add(150*time.Minute))
	if r := h.sound(lower, bill.Overstayed); r.Bill.Due.Minor != 600 || len(r.Tariffs) != 1 || r.Tariffs[0].Version != 1 {
		t.Errorf("%+v", r)
	}

	// Given up when its space was not kept any longer: that costs what not coming
	// costs.
	h.at(regret.Reservation.NoShowAt)
	cancelled, err = h.booking.Cancel(t.Context(), regret.Reservation.ID)
	h.must(cancelled, err)
	h.settled(regret)
	if r := h.sound(regret, bill.Missed); r.Reservation.State != reservation.Cancelled || r.Bill.Due.Minor != 240 || r.Sums.Captured.Minor != 240 {
		t.Errorf("%+v", r)
	}

	h.at(missed.Reservation.NoShowAt.Add(5 * time.Hour))
	h.see(wire.Event{Kind: wire.TimeMark}, h.now())
	h.must(nil, h.booking.Miss(t.Context(), place, missed.Reservation.ID))
	h.settled(missed)
	if r := h.sound(missed, bill.Missed); r.Number != "altmarkt-6" || r.Bill.Due.Minor != 480 || r.Stay != nil || len(r.Observations) != 0 {
		t.Errorf("%+v", r)
	}
	// It came after all: one receipt takes the place of the other, and what was
	// taken counts.
	s4 := enter(missed, missed.Reservation.NoShowAt.Add(5*time.Hour+time.Minute))
	leave(missed, s4, missed.Reservation.NoShowAt.Add(5*time.Hour+4*time.Minute))
	if r := h.sound(missed, bill.Overstayed); r.Number != "altmarkt-7" || r.Sums.Captured.Minor != 480 || r.Sums.Owed.Minor != r.Bill.Due.Minor-480 || r.Sums.Owed.Minor <= 0 {
		t.Errorf("%+v", r)
	}
}
