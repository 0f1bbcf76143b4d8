package river_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/devmail"
	"github.com/openlot/openlot/cloud/internal/locale"
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
	"github.com/openlot/openlot/protocol/fault"
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

func (letters) Receipt(_ context.Context, i id.Reservation, _ locale.Reader) (notify.Paper, error) {
	return notify.Paper{Number: "altmarkt-" + i.String(), PDF: []byte("%PDF-1.3")}, nil
}

// chain is a cloud without a way in: what is sold is told and settled through the
// feed, the relay and the workers.
type chain struct {
	sell  *booking.Service
	bank  *sandbox.Provider
	books *postgres.Sandbox
	inbox postgres.DevMail
	mail  *email.Sender
	heard chan struct{} // told when the bank has answered a Confirm, before it is booked
}

// tapped is the bank with an ear at its Confirm.
type tapped struct {
	*sandbox.Provider
	heard chan struct{}
}

func (p tapped) Confirm(ctx context.Context, ref, key string) (payment.Outcome, error) {
	o, err := p.Provider.Confirm(ctx, ref, key)
	select {
	case p.heard <- struct{}{}:
	default:
	}
	return o, err
}

func newChain(t *testing.T) chain {
	t.Helper()
	db, _ := migrated(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("altmarkt", 5))
	r := relay.New(postgres.NewRelay(db, queue(t, db)), quiet)
	committer := postgres.NewCommitter(db, quiet, time.Now, func(id.Parking, uint64) { r.Hint() })
	run(t, committer.Run)
	c := chain{books: postgres.NewSandbox(db), inbox: postgres.NewDevMail(db), heard: make(chan struct{}, 1)}
	c.bank = sandbox.New(c.books, sandbox.Options{})
	tokens, err := booking.NewTokens(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	c.sell = booking.NewService(booking.Config{Store: postgres.NewBooking(db), Commits: committer, Provider: tapped{c.bank, c.heard}, Tokens: tokens, Passes: booking.Passes{Key: key}, Log: quiet})
	post, err := devmail.Listen("127.0.0.1:0", c.inbox, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	run(t, post.Run)
	c.mail, err = email.New(email.Config{Addr: post.Addr(), From: "Openlot <noreply@openlot.example>", Security: email.Plain}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	settle := settlement.NewService(postgres.NewPayments(db), committer, c.sell, time.Now, quiet, c.bank)
	tell := notify.NewService(letters{c.sell}, map[notify.Channel]notify.Sender{notify.ByMail: c.mail}, time.Now, quiet)
	w, err := river.NewWorkers(db.Pool(), relay.Handlers(settle, tell, nil, nil), nil, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	run(t, w.Run)
	run(t, r.Run)
	return c
}

func (c chain) reserve(t *testing.T, method string) booking.View {
	t.Helper()
	from := time.Now().Truncate(time.Minute).Add(time.Minute)
	v, err := c.sell.Reserve(t.Context(), booking.Request{
		Key: id.New[id.Reservation](time.Now()).String(), Parking: "altmarkt", SpaceType: string(id.Standard),
		From: from, To: from.Add(2 * time.Hour), Method: method, Email: "jana@posteo.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A reservation that is confirmed is told by mail, and one that is cancelled
// gets its hold back and is told too, through the feed, the relay and the
// workers.
func TestACommitIsToldAndSettled(t *testing.T) {
	c := newChain(t)
	sell, inbox := c.sell, c.inbox

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
		list, err := inbox.Mails(t.Context(), devmail.Query{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	var last booking.View
	for i := range 4 {
		last = c.reserve(t, sandbox.OK)
		if last.Reservation.State != reservation.Confirmed {
			t.Fatalf("%s", last.Reservation.State)
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
	list, err := inbox.Mails(t.Context(), devmail.Query{Limit: 1})
	want := c.mail.MessageID(notify.Cancellation, notify.Mail{Reservation: last.Reservation.ID, Generation: last.Reservation.Generation})
	if err != nil || list[0].MessageID != want {
		t.Fatalf("%+v, %v, want %s", list, err, want)
	}
}

// The bank says yes to a change while the driver takes it back: one of them is
// first, what stands is one hold, and the driver hears which it was.
func TestAChangeIsTakenBackWhileTheBankSaysYes(t *testing.T) {
	c := newChain(t)
	withdrawn := 0
	for round := range 12 {
		v := c.reserve(t, sandbox.SecondFactor)
		yes := func(ref string) {
			t.Helper()
			if _, err := c.bank.Complete(t.Context(), ref, true); err != nil {
				t.Fatal(err)
			}
		}
		yes(v.Payment.Ref)
		v, err := c.sell.Confirm(t.Context(), v.Reservation.ID)
		if err != nil || v.Reservation.State != reservation.Confirmed {
			t.Fatalf("%+v, %v", v, err)
		}
		asked, err := c.sell.Extend(t.Context(), v.Reservation.ID, booking.ChangeRequest{
			Key: id.New[id.Reservation](time.Now()).String(), To: v.Reservation.Window.To.Add(time.Hour),
		})
		if err != nil || asked.Change == nil {
			t.Fatalf("%+v, %v", asked, err)
		}
		yes(asked.Change.Ref)
		var both sync.WaitGroup
		var confirmErr, backErr error
		select {
		case <-c.heard: // from before
		default:
		}
		both.Go(func() {
			_, confirmErr = c.sell.Confirm(t.Context(), v.Reservation.ID)
		})
		both.Go(func() {
			if round%2 == 0 { // the two commits meet; else it is sooner
				<-c.heard
			}
			_, backErr = c.sell.Withdraw(t.Context(), v.Reservation.ID, asked.Change.ID)
		})
		both.Wait()
		now, err := c.sell.Get(t.Context(), v.Reservation.ID)
		if err != nil || confirmErr != nil || now.Change != nil || now.Payment.State != payment.Authorized {
			t.Fatalf("%+v, %v, %v", now, err, confirmErr)
		}
		old := now.Payment.ID == v.Payment.ID && now.Reservation.Generation == 1 && now.Reservation.Window.To.Equal(v.Reservation.Window.To)
		changed := now.Payment.ID == asked.Change.ID && now.Reservation.Generation == 2 && now.Reservation.Window.To.After(v.Reservation.Window.To)
		switch {
		case backErr == nil && old:
			withdrawn++
		case fault.Code(backErr) == booking.CodeChangeInForce && changed:
		default:
			t.Fatalf("taking it back: %v; it is %+v", backErr, now)
		}
		// What does not stand is given back at the bank.
		for began := time.Now(); ; {
			holds, err := c.books.Holds(t.Context(), "altmarkt", 200)
			if err != nil {
				t.Fatal(err)
			}
			var standing []string
			for _, h := range holds {
				if h.Reservation == v.Reservation.ID.String() && h.State == payment.Authorized {
					standing = append(standing, h.Ref)
				}
			}
			if len(standing) == 1 && standing[0] == now.Payment.Ref {
				break
			}
			if time.Since(began) > 15*time.Second {
				t.Fatalf("%v stand, want %s", standing, now.Payment.Ref)
			}
		}
		if _, err := c.sell.Cancel(t.Context(), v.Reservation.ID); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of 12 were taken back", withdrawn)
}
