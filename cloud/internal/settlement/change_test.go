package settlement_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// extend asks for three hours more.
func (w *world) extend(v booking.View, key string) (booking.View, error) {
	return w.booking.Extend(context.Background(), v.Reservation.ID, booking.ChangeRequest{
		Key: "a-key-of-a-change-" + key, To: v.Reservation.Window.To.Add(3 * time.Hour),
	})
}

// card makes a reservation's later payments be made with another card.
func (w *world) card(v booking.View, method string) {
	w.t.Helper()
	if _, err := w.owner.Exec(w.t.Context(), `update payment set method = $2 where id = $1`, v.Payment.ID.UUID(), method); err != nil {
		w.t.Fatal(err)
	}
}

// counted checks that what is claimed is what reservations and their pending
// changes hold, each quarter once.
func (w *world) counted() {
	w.t.Helper()
	var claimed, held int
	if err := w.owner.QueryRow(w.t.Context(), `select coalesce(sum(cap - f), 0) from inventory_day, unnest(free) f`).Scan(&claimed); err != nil {
		w.t.Fatal(err)
	}
	if err := w.owner.QueryRow(w.t.Context(), `select count(*) from reservation r, lateral (
		select generate_series(r.claim_from_q, r.claim_to_q - 1) q
		union select generate_series((r.pending->>'claim_from_q')::bigint, (r.pending->>'claim_to_q')::bigint - 1)) x`).Scan(&held); err != nil {
		w.t.Fatal(err)
	}
	if claimed != held {
		w.t.Errorf("%d quarters are claimed, %d are held", claimed, held)
	}
}

func (w *world) get(v booking.View) booking.View {
	w.t.Helper()
	got, err := w.booking.Get(w.t.Context(), v.Reservation.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func TestAnExtensionMovesTheHold(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	got, err := w.extend(v, "1")
	if err != nil || got.Reservation.Generation != 2 || got.Payment.ID == v.Payment.ID || got.Payment.Authorized <= v.Payment.Authorized || got.Pass == v.Pass {
		t.Fatalf("%+v, %v", got.Snapshot, err)
	}
	w.counted()
	if now := w.get(v); now.Pass != got.Pass || now.Reservation.Version != got.Reservation.Version || now.Payment.Version != got.Payment.Version {
		t.Fatalf("answered %+v\nstored %+v", got.Snapshot, now.Snapshot)
	}
	again, err := w.extend(v, "1")
	if err != nil || again.Pass != got.Pass {
		t.Fatalf("%+v, %v", again.Snapshot, err)
	}
	// What the edge is told: from now on it refuses the old generation.
	news, err := w.db.Changes(t.Context(), here, v.Reservation.ConfirmedRevision, 100, 100, true)
	if err != nil || len(news.Reservations) != 1 || news.Reservations[0].Generation != 2 || !news.Reservations[0].Window.To.Equal(got.Reservation.Window.To) {
		t.Fatalf("%+v, %v", news, err)
	}
	if err := w.settle.Void(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if p := w.payment(v); p.State != payment.Voided {
		t.Fatalf("the old hold is %s", p.State)
	}
	w.balanced()
	w.leave(got)
	if err := w.settle.Capture(t.Context(), here, got.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if p := w.payment(got); p.Captured != got.Reservation.Quote.Total.Minor || p.Captured > p.Authorized {
		t.Fatalf("%+v", p)
	}
	w.balanced()
}

func TestADeclinedExtensionAndOneWithASecondStep(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	w.card(v, sandbox.Declined)
	for range 2 {
		if _, err := w.extend(v, "1"); fault.Code(err) != booking.CodeDeclined {
			t.Fatal(err)
		}
	}
	if now := w.get(v); now.Reservation.Generation != 1 || now.Change != nil || now.Pass != v.Pass {
		t.Fatalf("%+v", now.Snapshot)
	}
	w.counted()
	w.balanced()

	w.card(v, sandbox.SecondFactor)
	got, err := w.extend(v, "2")
	if err != nil || got.Change == nil || got.Change.State != payment.RequiresAction {
		t.Fatalf("%+v, %v", got.Snapshot, err)
	}
	w.counted()
	if now := w.get(v); now.Change == nil || now.Change.ID != got.Change.ID || now.Payment.ID != v.Payment.ID {
		t.Fatalf("%+v", now.Snapshot)
	}
	if _, err := w.sandbox.Complete(t.Context(), got.Change.Ref, true); err != nil {
		t.Fatal(err)
	}
	done, err := w.booking.Confirm(t.Context(), v.Reservation.ID)
	if err != nil || done.Reservation.Generation != 2 || done.Payment.ID != got.Change.ID {
		t.Fatalf("%+v, %v", done.Snapshot, err)
	}
	w.counted()
}

// The answer is lost, and the process with it: the completer finds the hold and
// makes the change take place, or finds none and drops it.
func TestTheCompleterFinishesOrUnwindsAnExtension(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	w.card(v, sandbox.Timeout)
	got, err := w.extend(v, "1")
	if err != nil || !got.Pending() || got.Change.State != payment.Unknown {
		t.Fatalf("%+v, %v", got.Snapshot, err)
	}
	for range 2 {
		if err := w.settle.Resolve(t.Context(), here, got.Change.ID); err != nil {
			t.Fatal(err)
		}
	}
	now := w.get(v)
	if now.Reservation.Generation != 2 || now.Payment.ID != got.Change.ID || now.Payment.State != payment.Authorized || now.Change != nil {
		t.Fatalf("%+v", now.Snapshot)
	}
	if err := w.settle.Void(t.Context(), here, v.Payment.ID); err != nil {
		t.Fatal(err)
	}
	w.counted()
	w.balanced()

	// As when the process dies between the commit and the call.
	crashed, err := w.extend(now, "2")
	if err != nil || crashed.Change == nil {
		t.Fatalf("%+v, %v", crashed.Snapshot, err)
	}
	if _, err := w.owner.Exec(t.Context(), `delete from sandbox.hold where key = $1`, crashed.Change.Key("hold")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.owner.Exec(t.Context(), `update payment set state = 'requested' where id = $1`, crashed.Change.ID.UUID()); err != nil {
		t.Fatal(err)
	}
	w.ahead = settlement.Quiet
	if err := w.settle.Resolve(t.Context(), here, crashed.Change.ID); err != nil {
		t.Fatal(err)
	}
	if left := w.get(v); left.Reservation.Generation != 2 || left.Change != nil || left.Pass != now.Pass {
		t.Fatalf("%+v", left.Snapshot)
	}
	w.counted()
	w.balanced()
}

// A change that is not paid for lapses by the clock; a hold that comes to stand
// after that is given back.
func TestAnExtensionLapses(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	w.card(v, sandbox.SecondFactor)
	got, err := w.extend(v, "1")
	if err != nil || got.Change == nil {
		t.Fatalf("%+v, %v", got.Snapshot, err)
	}
	store := postgres.NewSchedule(w.db)
	until := got.Reservation.Pending.Until
	if due, err := store.DueHolds(t.Context(), until.Add(-time.Second), 10); err != nil || len(due) != 0 {
		t.Fatalf("%v, %v", due, err)
	}
	due, err := store.DueHolds(t.Context(), until.Add(time.Millisecond), 10) // the database rounds
	if err != nil || len(due) != 1 || due[0] != (schedule.Due{Parking: here, Reservation: v.Reservation.ID}) {
		t.Fatalf("%v, %v", due, err)
	}
	if _, err := w.owner.Exec(t.Context(), `update reservation set pending = jsonb_set(pending, '{until}', to_jsonb(now() - interval '1 second'))`); err != nil {
		t.Fatal(err)
	}
	if again, err := w.booking.Expire(t.Context(), here, v.Reservation.ID); err != nil || !again.IsZero() {
		t.Fatalf("%s, %v", again, err)
	}
	if _, err := w.sandbox.Complete(t.Context(), got.Change.Ref, true); err != nil {
		t.Fatal(err)
	}
	if err := w.settle.Void(t.Context(), here, got.Change.ID); err != nil {
		t.Fatal(err)
	}
	if now := w.get(v); now.Change != nil || now.Reservation.Generation != 1 || now.Pass != v.Pass {
		t.Fatalf("%+v", now.Snapshot)
	}
	w.counted()
	w.balanced()
}

// Two change the same reservation at once, naming the version they saw, and the
// same request comes twice at once.
func TestChangesAtTheSameTime(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	type result struct {
		v   booking.View
		err error
	}
	both := func(ask func(n int) booking.ChangeRequest) (out []result) {
		var mu sync.Mutex
		var all sync.WaitGroup
		for n := range 2 {
			all.Go(func() {
				got, err := w.booking.Extend(context.Background(), v.Reservation.ID, ask(n))
				mu.Lock()
				defer mu.Unlock()
				out = append(out, result{got, err})
			})
		}
		all.Wait()
		return out
	}
	won, refused := 0, 0
	for _, r := range both(func(n int) booking.ChangeRequest {
		return booking.ChangeRequest{
			Key: "a-key-of-a-change-" + string(rune('a'+n)), To: v.Reservation.Window.To.Add(time.Duration(n+1) * time.Hour), Version: v.Reservation.Version,
		}
	}) {
		switch {
		case r.err == nil && r.v.Reservation.State == reservation.Confirmed:
			won++
		case fault.Code(r.err) == booking.CodeVersionConflict:
			refused++
		default:
			t.Errorf("%+v, %v", r.v.Snapshot, r.err)
		}
	}
	if won != 1 || refused != 1 {
		t.Fatalf("%d won, %d were refused", won, refused)
	}
	before := w.get(v)
	for _, r := range both(func(int) booking.ChangeRequest {
		return booking.ChangeRequest{Key: "a-key-of-a-change-same", To: before.Reservation.Window.To.Add(time.Hour)}
	}) {
		if r.err != nil && fault.Code(r.err) != booking.CodeInProgress {
			t.Error(r.err)
		}
	}
	if now := w.get(v); now.Reservation.Generation != before.Reservation.Generation+1 {
		t.Fatalf("generation %d, was %d", now.Reservation.Generation, before.Reservation.Generation)
	}
	w.counted()
	live := 0
	if err := w.owner.QueryRow(t.Context(), `select count(*) from payment where state = 'authorized' and reservation = $1`, v.Reservation.ID.UUID()).Scan(&live); err != nil || live != 1 {
		t.Fatalf("%d holds stand, %v", live, err)
	}
	_, err := w.booking.Extend(t.Context(), id.New[id.Reservation](time.Now()), booking.ChangeRequest{Key: "a-key-of-a-change-none", To: time.Now()})
	if fault.Code(err) != booking.CodeReservationNotFound {
		t.Fatal(err)
	}
}
