package river_test

import (
	"context"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/devmail"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/notify/email"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/river"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
)

// letters says about a reservation what its store knows.
type letters struct{ booking *booking.Service }

func (l letters) Details(ctx context.Context, at id.Parking, i id.Reservation) (notify.Mail, error) {
	v, err := l.booking.Get(ctx, i)
	if err != nil {
		return notify.Mail{}, err
	}
	return notify.Mail{
		To: v.Reservation.Email, Reservation: i, Generation: v.Reservation.Generation, State: v.Reservation.State,
		Confirmed: v.Reservation.ConfirmedRevision > 0, Parking: at, Name: "Altmarkt", Zone: time.UTC, Window: v.Reservation.Window,
		DriveInFrom: v.Reservation.Window.From, NoShowAt: v.Reservation.NoShowAt, Total: v.Reservation.Quote.Total,
		Held: money.New(v.Payment.Authorized, "EUR"), Pass: v.Pass,
	}, nil
}

// A reservation that is confirmed is told by mail, and one that is cancelled
// gets its hold back and is told too, through the feed, the relay and the
// workers.
func TestACommitIsToldAndSettled(t *testing.T) {
	db, _ := migrated(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("altmarkt", 5))
	r := relay.New(postgres.NewRelay(db, queue(t, db)), quiet)
	committer := postgres.NewCommitter(db, quiet, time.Now, func(id.Parking, uint64) { r.Hint() })
	run(t, committer.Run)
	bank := sandbox.New(postgres.NewSandbox(db), sandbox.Options{})
	tokens, err := booking.NewTokens(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	sell := booking.NewService(booking.Config{Store: postgres.NewBooking(db), Commits: committer, Provider: bank, Tokens: tokens, Passes: booking.Passes{Key: key}, Log: quiet})
	inbox := postgres.NewDevMail(db)
	post, err := devmail.Listen("127.0.0.1:0", inbox, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	run(t, post.Run)
	send, err := email.New(email.Config{Addr: post.Addr(), From: "Openlot <noreply@openlot.example>", Security: email.Plain}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	settle := settlement.NewService(postgres.NewPayments(db), committer, sell, time.Now, quiet, bank)
	w, err := river.NewWorkers(db.Pool(), relay.Handlers(settle, notify.NewService(letters{sell}, map[notify.Channel]notify.Sender{notify.ByMail: send}, time.Now, quiet)), nil, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	run(t, w.Run)
	run(t, r.Run)

	// until waits for something to become true and says how long it took.
	until := func(what string, is func() bool) {
		t.Helper()
		began := time.Now()
		for !is() {
			if time.Since(began) > 10*time.Second {
				t.Fatalf("%s: not within ten seconds", what)
			}
		}
		t.Logf("%s after %s", what, time.Since(began).Round(time.Millisecond))
	}
	mails := func() int {
		list, err := inbox.Mails(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	var last booking.View
	for i := range 4 {
		from := time.Now().Truncate(time.Minute).Add(time.Minute)
		last, err = sell.Reserve(t.Context(), booking.Request{
			Key: id.New[id.Reservation](time.Now()).String(), Parking: "altmarkt", SpaceType: string(id.Standard),
			From: from, To: from.Add(2 * time.Hour), Method: sandbox.OK, Email: "jana@posteo.example",
		})
		if err != nil || last.Reservation.State != reservation.Confirmed {
			t.Fatalf("%s, %v", last.Reservation.State, err)
		}
		until("the confirmation's mail", func() bool { return mails() == i+1 })
	}
	if _, err := sell.Cancel(t.Context(), last.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	until("the hold is given back", func() bool {
		v, err := sell.Get(t.Context(), last.Reservation.ID)
		if err != nil {
			t.Fatal(err)
		}
		return v.Payment.State == payment.Voided
	})
	until("the cancellation's mail", func() bool { return mails() == 5 })
	list, err := inbox.Mails(t.Context(), 1)
	want := send.MessageID(notify.Cancellation, notify.Mail{Reservation: last.Reservation.ID, Generation: last.Reservation.Generation})
	if err != nil || list[0].MessageID != want {
		t.Fatalf("%+v, %v, want %s", list, err, want)
	}
}
