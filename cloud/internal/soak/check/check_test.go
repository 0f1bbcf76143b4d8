package check

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// world is a small parking of two spaces where everything is in order: one
// reservation confirmed for later, one held, one cancelled, one whose vehicle is
// inside, a vehicle more than there is room for, and an allotment.
type world struct {
	t    *testing.T
	c    *postgres.Committer
	conn *pgx.Conn
	now  time.Time
}

const north id.Parking = "north"

func newWorld(t *testing.T) *world {
	t.Helper()
	db, dsn := postgrestest.New(t)
	w := &world{t: t, conn: postgrestest.Owner(t, dsn), now: time.Now().UTC()}
	postgrestest.Import(t, db, w.now, postgrestest.Parking(north, 2))
	w.c = postgres.NewCommitter(db, slog.New(slog.DiscardHandler), func() time.Time { return w.now }, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	w.confirm(w.reserve(30))
	w.reserve(30)
	w.must(&booking.Cancel{Target: booking.TargetOf(w.confirm(w.reserve(60)))})
	journal, boot := id.New[id.Journal](w.now), id.New[id.Boot](w.now)
	greet := &fleet.Greet{Lot: north, Hello: wire.Hello{Journal: journal}}
	w.must(greet)
	inside := w.confirm(w.reserve(0)).Reservation.ID
	var events []wire.Event
	var raw [][]byte
	for i, r := range []id.Reservation{inside, {}, {}} {
		e := wire.Event{
			Seq: uint64(i + 1), Boot: boot, Wall: w.now.UnixMilli(), Kind: wire.Entered, Lane: "entry-1",
			Session: id.New[id.Session](w.now), Reservation: r, SpaceType: id.Standard,
		}
		b, err := wire.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		events, raw = append(events, e), append(raw, b)
	}
	apply := &fleet.ApplyEvents{Lot: north, Journal: journal, Epoch: greet.Mark.Epoch, Events: events, Raw: raw, Inside: fleet.Inside{At: fleet.Mark{Epoch: greet.Mark.Epoch}}}
	w.must(apply)
	w.must(&fleet.Allot{Lot: north, Inside: apply.After})
	return w
}

func (w *world) must(op commit.Op) {
	w.t.Helper()
	if _, err := w.c.Commit(w.t.Context(), op); err != nil {
		w.t.Fatalf("%T: %v", op, err)
	}
}

// reserve reserves two hours that begin so many hours from now.
func (w *world) reserve(hours int) booking.Snapshot {
	w.t.Helper()
	key := id.New[id.Quote](w.now).String()
	from := timerange.Floor(w.now.Add(time.Duration(hours) * time.Hour)).Time()
	o := &booking.Reserve{
		In: north, ID: id.New[id.Reservation](w.now), PaymentID: id.New[id.Payment](w.now),
		Key: commit.Key{Principal: booking.Guest, Key: key}, RequestHash: sha256.Sum256([]byte(key)), SpaceType: id.Standard,
		Window: timerange.Range{From: from, To: from.Add(2 * time.Hour)}, Provider: "test", Method: "pm", Email: "driver@example.org",
		Quote: reservation.Quote{Total: money.New(480, "EUR"), Tax: money.New(77, "EUR"), TariffVersion: 1},
	}
	w.must(o)
	return o.After
}

func (w *world) confirm(s booking.Snapshot) booking.Snapshot {
	w.t.Helper()
	o := &booking.RecordHold{Target: booking.TargetOf(s), Outcome: payment.Outcome{
		Ref: s.Payment.ID.String(), State: payment.Authorized, Authorized: s.Payment.Amount,
	}}
	w.must(o)
	return o.After
}

// after plants damage and returns what the checks find; the damage is undone.
func (w *world) after(t *testing.T, damage string) Report {
	t.Helper()
	ctx := t.Context()
	tx, err := w.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // that is the point
	// The guards are off.
	if _, err := tx.Exec(ctx, `set local session_replication_role = replica;
		alter table payment drop constraint payment_check, drop constraint payment_check1;`+damage); err != nil {
		t.Fatal(err)
	}
	r := Rows{Current: w.now.Unix() / quarterSeconds}
	if err := r.read(ctx, tx); err != nil {
		t.Fatal(err)
	}
	return Check(r)
}

// Every check sees the damage that it is for, and nothing where nothing is
// wrong.
func TestDamageIsSeen(t *testing.T) {
	w := newWorld(t)
	if r := w.after(t, ""); !r.OK() || r.Looked["claims"] < 5 || r.Looked["quarters"] == 0 || r.Looked["edge events"] != 3 {
		t.Fatalf("nothing was planted: %s, looked at %v", r, r.Looked)
	}
	const copied = `parking, gen_random_uuid(), version, state, generation, space_type, from_at, to_at, claim_from_q, claim_to_q, quote, payment, email, phone, plate, hold_until, no_show_at, null, confirmed_revision, created_at, updated_at`
	const columns = `parking, id, version, state, generation, space_type, from_at, to_at, claim_from_q, claim_to_q, quote, payment, email, phone, plate, hold_until, no_show_at, session, confirmed_revision, created_at, updated_at`
	const later = `day = (select claim_from_q / 96 from reservation where state = 'confirmed')`
	const slot = `(select claim_from_q % 96 + 1 from reservation where state = 'confirmed')`
	for _, c := range []struct {
		name, damage string
		want         Kind
	}{
		{"a reservation without its claim", `insert into reservation (` + columns + `) select ` + copied + ` from reservation where state = 'confirmed'`, Oversold},
		{"a stale array is written", `update inventory_day set free = array_fill(cap, array[96]) where ` + later, Oversold},
		{"a release is done twice", `update inventory_day set free[` + slot + `] = free[` + slot + `] + 1 where ` + later, Oversold},
		{"over is forgotten", `update inventory_day set over = array_fill(0::smallint, array[96])`, Oversold},
		{"a change claims without counting", `update reservation set pending = jsonb_build_object('space_type', 'standard', 'claim_from_q', claim_from_q + 4,
			'claim_to_q', claim_to_q + 4, 'from', from_at, 'to', to_at, 'quote', quote::jsonb, 'payment', '` + id.New[id.Payment](w.now).String() + `') where state = 'confirmed'`, Oversold},
		{"a claim is counted twice", `update inventory_day set free[` + slot + `] = free[` + slot + `] - 1 where free[` + slot + `] > 0`, Leaked},
		{"a release that is not counted", `update reservation set claim_to_q = claim_from_q where state = 'held'`, Leaked},
		{"a release that is forgotten", `update reservation set state = 'cancelled' where state = 'confirmed'`, Leaked},
		{"a stay that left and claims on", `update session set state = 'left'`, Leaked},
		{"an allotment given back without counting", `update allotment set units = units + 1`, Oversold},
		{"free beside over", `update inventory_day set free[` + slot + `] = free[` + slot + `] + 1, over[` + slot + `] = over[` + slot + `] + 1 where ` + later, Drifted},
		{"a day with more spaces than there are", `update inventory_day set cap = cap + 1, free = array_fill((cap + 1)::smallint, array[96]) where day > (select max(claim_to_q) / 96 from reservation)`, Drifted},
		{"a day that a change of capacity did not reach", `update inventory_day set cap = cap + 1, free = array_fill((cap + 1)::smallint, array[96]) where day > (select max(claim_to_q) / 96 from reservation)`, Capacities},
		{"units that a retired edge keeps", `update edge_watermark set journal = '00000000-0000-0000-0000-000000000000'; update allotment set units = 1, granted = 1`, Escrow},
		{"more walk-ins than units", `update session set allotted = true, claim_to_q = 0 where reservation is null; update allotment set units = 1, granted = 1`, Escrow},
		{"a window that is not claimed to its end", `update reservation set to_at = to_at + interval '1 hour' where state = 'confirmed'`, Windows},
		{"a change that is not claimed to its end", `update reservation set pending = json_build_object('space_type', 'standard', 'claim_from_q', claim_from_q, 'claim_to_q', claim_to_q,
			'from', from_at, 'to', to_at + interval '1 hour', 'quote', quote, 'payment', '` + id.New[id.Payment](w.now).String() + `') where state = 'confirmed'`, Windows},
		{"a change that waits for another's payment", `update reservation set pending = json_build_object('space_type', 'standard', 'claim_from_q', claim_from_q, 'claim_to_q', claim_to_q,
			'from', from_at, 'to', to_at, 'quote', quote, 'payment', '` + id.New[id.Payment](w.now).String() + `') where state = 'confirmed'`, Payments},
		{"confirmed for more than is held", `update payment set authorized = authorized - 1 where state = 'authorized'`, Payments},
		{"a claim in a day without counters", `delete from inventory_day where ` + later, Drifted},
		{"a change that is not told", `update event set body = body::jsonb - 'claims' where kind = 'reservation.cancelled'`, Untold},
		{"a claim told otherwise", `update event set body = jsonb_set(body::jsonb, '{claims,0,n}', '2') where kind = 'reservation.held'`, Untold},
		{"three for two spaces", `insert into reservation (` + columns + `) select ` + copied + ` from reservation where state = 'confirmed'`, Uncoloured},
		{"two in one bay", `insert into reservation (` + columns + `) select ` + copied + ` from reservation where state = 'confirmed';
			update reservation set space = '12' where state = 'confirmed'`, Shared},
		{"a second hold", `insert into payment select parking, gen_random_uuid(), version, reservation, state, provider, method, ref, currency, amount, authorized,
			capture_amount, capture_tax, captured, capture_before, next_action, decline_code, updated_at from payment where state = 'authorized'`, Holds},
		{"a payment of a debt that no stay waits for", `update payment set debt = '{}', state = 'requested' where state = 'void_requested'`, Payments},
		{"a stay that waits for the price of its reservation", `update session s set paying = r.payment from reservation r where r.session = s.id`, Payments},
		{"confirmed without a hold", `update payment set state = 'voided' where state = 'authorized'`, Payments},
		{"cancelled with a hold that stands", `update payment set state = 'authorized' where state = 'void_requested'`, Payments},
		{"taken from who cancelled in time", `update payment set state = 'captured', captured = authorized, capture_amount = authorized where reservation in (select id from reservation where state = 'cancelled')`, Payments},
		{"taken above what was authorised", `update payment set state = 'captured', captured = authorized + 1 where state = 'authorized'`, Payments},
		{"a payment of nobody", `update payment set reservation = gen_random_uuid() where state = 'void_requested'`, Payments},
		{"an unbalanced transaction", `update ledger_entry set amount = amount + 1 where account = 'held'`, Ledger},
		{"transactions that only balance together", `update ledger_entry set amount = amount + case when txn = (select min(txn::text)::uuid from ledger_entry) then 1 else -1 end
			where account = 'held' and txn in (select txn from ledger_entry order by txn limit 4)`, Ledger},
		{"a hold that is not booked", `delete from ledger_entry where payment in (select payment from reservation where state = 'confirmed')`, Ledger},
		{"a capture that is not booked", `update payment set state = 'captured', captured = authorized where state = 'authorized'`, Ledger},
		{"an event is gone", `delete from event where revision = 2`, Revisions},
		{"an event is there twice", `insert into event (parking, revision, kind, body) select parking, revision, kind, '{}' from event where revision = 2`, Revisions},
		{"the head is ahead", `update parking_head set revision = revision + 1`, Revisions},
		{"a key without reservation", `delete from reservation where state = 'held'`, Keys},
		{"a key of another parking's reservation", `update idempotency_key set parking = 'south'`, Keys},
		{"an edge event is lost", `delete from observation where seq = 2`, Journals},
		{"an edge event is applied that was not acknowledged", `update edge_watermark set seq = seq - 1`, Journals},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.after(t, ";"+c.damage)
			if r.Counts[c.want] == 0 || len(r.Examples[c.want]) == 0 {
				t.Errorf("want %s, found %s", c.want, r)
			}
		})
	}
}

// A pending change holds each quarter once together with its reservation, and a
// stay adds to its reservation's claim only what lies outside it.
func TestEachQuarterIsCountedOnce(t *testing.T) {
	lot := Lot{"p", "standard"}
	session := ID{7}
	r := Rows{
		Current: 100,
		Reservations: []Reservation{
			{Lot: lot, ID: ID{1}, Claim: Run{110, 120}, Pending: &Pending{Type: "standard", Claim: Run{105, 125}}},
			{Lot: lot, ID: ID{2}, Claim: Run{110, 120}, Pending: &Pending{Type: "ev", Claim: Run{110, 112}}},
			{Lot: lot, ID: ID{3}, Claim: Run{104, 108}, Session: session},
		},
		Stays:      []Stay{{Lot: lot, ID: session, Claim: Run{100, 110}}, {Lot: lot, ID: ID{8}, Claim: Run{101, 103}}},
		Allotments: []Allotment{{Lot: lot, Units: 3, Until: 102}},
	}
	got := map[string][]int64{}
	for l, list := range r.claims() {
		var edges []edge
		for _, c := range list {
			edges = append(edges, edge{c.From, int64(c.n)}, edge{c.To, -int64(c.n)})
		}
		d := sweep(edges)
		for q := int64(100); q < 126; q++ {
			got[l.Type] = append(got[l.Type], d.upTo(q))
		}
	}
	want := []int64{4, 5, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0}
	if !slices.Equal(got["standard"], want) {
		t.Errorf("standard\n got %v\nwant %v", got["standard"], want)
	}
	if n := got["ev"]; n[9] != 0 || n[10] != 1 || n[11] != 1 || n[12] != 0 {
		t.Errorf("ev %v", n)
	}
}
