package crash

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	protocol "github.com/openlot/openlot/protocol/wire"
)

// What a reservation of two hours costs, and a stay of four on it.
const (
	two  = 480
	four = 960
)

// flow is one way in which money moves.
type flow struct {
	holdLife time.Duration // of the bank's holds; 0: long
	// scene prepares one run of it.
	scene func(w *town) scene
}

// scene is one run of a flow.
type scene struct {
	// act is what dies, and what is asked for again afterwards. It returns what it
	// was answered with.
	act func(ctx context.Context, p *process) (string, error)
	// end checks what has come of it, once nothing moves any more. said is the last
	// answer; sure means that whoever asked did so again at once, or that nobody died.
	end func(said string, sure bool)
}

// errPending is an answer of which only time will tell what it is.
var errPending = errors.New("nobody knows yet")

// says is an answer in short: whose reservation it is about.
func says(v booking.View, err error) (string, error) {
	if err == nil && v.Pending() {
		err = errPending
	}
	if err != nil {
		return "", err
	}
	return v.Reservation.ID.String(), nil
}

func flows() map[string]flow {
	return map[string]flow{
		"reserve":           {scene: func(w *town) scene { return w.reserving(sandbox.OK, time.Hour, payment.Authorized) }},
		"save a method":     {holdLife: 30 * time.Hour, scene: func(w *town) scene { return w.reserving(sandbox.OK, 48*time.Hour, payment.MethodKept) }},
		"hold what is kept": {holdLife: 30 * time.Hour, scene: (*town).holdingWhatIsKept},
		"second step":       {scene: (*town).secondStep},
		"cancel":            {scene: (*town).cancelling},
		"extend":            {scene: (*town).extending},
		"renew":             {scene: (*town).renewing},
		"leave":             {scene: func(w *town) scene { return w.leaving(90*time.Minute, two) }},
		"leave late":        {scene: func(w *town) scene { return w.leaving(4*time.Hour, four) }},
		"nobody came":       {scene: (*town).missing},
		"give back":         {scene: (*town).givingBack},
		"collect":           {scene: (*town).collecting},
		"pay":               {scene: (*town).paying},
		"another card":      {scene: (*town).anotherCard},
	}
}

// reserving is a request for a reservation, which is secured in a state.
func (w *town) reserving(card string, in time.Duration, secured payment.State) scene {
	q, before := w.request(card, in, 2*time.Hour), w.count(`select count(*) from reservation`)
	return scene{
		act: func(ctx context.Context, p *process) (string, error) { return says(p.booking.Reserve(ctx, q)) },
		end: func(said string, sure bool) {
			if n := w.count(`select count(*) from reservation`) - before; n != 1 {
				w.t.Fatalf("%d reservations were made", n)
			}
			var r id.Reservation
			w.must(nil, w.owner.QueryRow(w.t.Context(), `select id::text from reservation order by created_at desc, id desc limit 1`).Scan(&r))
			v, err := w.booking.Get(w.t.Context(), r)
			w.must(v, err)
			has, stands := v.Reservation.State == reservation.Confirmed, int64(0)
			if secured == payment.Authorized && has {
				stands = 1
			}
			switch m := w.account(r); {
			case has != (said == r.String()), has != (v.Payment.State == secured), sure && !has, m != account{standing: stands}:
				w.t.Fatalf("%q was said; it is %s, its payment %s, at the bank is %+v", said, v.Reservation.State, v.Payment.State, m)
			}
		},
	}
}

// become checks what a reservation has become, in our books and at the bank.
func (w *town) become(r id.Reservation, s reservation.State, p payment.State, want account) booking.View {
	w.t.Helper()
	v, err := w.booking.Get(w.t.Context(), r)
	w.must(v, err)
	if got := w.account(r); v.Reservation.State != s || v.Payment.State != p || got != want {
		w.t.Fatalf("it is %s, its payment %s, at the bank is %+v, not %+v", v.Reservation.State, v.Payment.State, got, want)
	}
	if v.Owed != nil && v.Owed.Minor != 0 {
		w.t.Fatalf("%s is owed", v.Owed)
	}
	return v
}

// ticking is a task of the clock.
func (w *town) ticking(task string, end func()) scene {
	return scene{
		act: func(ctx context.Context, p *process) (string, error) { return "", p.run(ctx, task, w.now()) },
		end: func(string, bool) { end() },
	}
}

func (w *town) holdingWhatIsKept() scene {
	v := w.reserve(sandbox.OK, 48*time.Hour, 2*time.Hour)
	w.move(24*time.Hour + time.Minute)
	return w.ticking("renew_holds", func() {
		// A try that came to nothing is followed by another, hours later.
		for got := v; got.Payment.State == payment.MethodKept && w.now().Before(v.Reservation.Window.From); {
			w.move(time.Hour)
			w.rest()
			var err error
			got, err = w.booking.Get(w.t.Context(), v.Reservation.ID)
			w.must(got, err)
		}
		w.become(v.Reservation.ID, reservation.Confirmed, payment.Authorized, account{standing: 1})
	})
}

func (w *town) secondStep() scene {
	v := w.reserve(sandbox.SecondFactor, time.Hour, 2*time.Hour)
	o, err := w.bank.Complete(w.t.Context(), v.Payment.Ref, true)
	w.must(o, err)
	return scene{
		act: func(ctx context.Context, p *process) (string, error) {
			return says(p.booking.Confirm(ctx, v.Reservation.ID))
		},
		end: func(string, bool) {
			w.become(v.Reservation.ID, reservation.Confirmed, payment.Authorized, account{standing: 1})
		},
	}
}

func (w *town) cancelling() scene {
	v := w.reserve(sandbox.OK, time.Hour, 2*time.Hour)
	return scene{
		act: func(ctx context.Context, p *process) (string, error) {
			return says(p.booking.Cancel(ctx, v.Reservation.ID))
		},
		end: func(string, bool) { w.become(v.Reservation.ID, reservation.Cancelled, payment.Voided, account{}) },
	}
}

func (w *town) extending() scene {
	v := w.reserve(sandbox.OK, time.Hour, 2*time.Hour)
	q := booking.ChangeRequest{Key: "extend-" + v.Reservation.ID.String(), To: v.Reservation.Window.To.Add(2 * time.Hour)}
	return scene{
		act: func(ctx context.Context, p *process) (string, error) {
			return says(p.booking.Extend(ctx, v.Reservation.ID, q))
		},
		end: func(said string, sure bool) {
			got := w.become(v.Reservation.ID, reservation.Confirmed, payment.Authorized, account{standing: 1})
			longer := got.Reservation.Window.To.Equal(q.To)
			want := int64(two)
			if longer {
				want = four
			}
			if longer != (said == v.Reservation.ID.String()) || sure && !longer || got.Payment.Authorized != want {
				w.t.Fatalf("%q was said; it ends %s, %d are held", said, got.Reservation.Window.To, got.Payment.Authorized)
			}
		},
	}
}

func (w *town) renewing() scene {
	v := w.reserve(sandbox.ShortHold, time.Hour, time.Hour)
	w.move(5 * time.Minute)
	return w.ticking("renew_holds", func() {
		w.become(v.Reservation.ID, reservation.Confirmed, payment.Authorized, account{standing: 1})
		if n := w.count(`select count(*) from event where body -> 'payment' ->> 'state' = 'lapsed'`); n != 0 {
			w.t.Fatalf("%d holds have lapsed", n)
		}
	})
}

// leaving is the exit of a vehicle that was inside for so long, and what is taken
// for that.
func (w *town) leaving(after time.Duration, minor int64) scene {
	v, exit := w.stays(sandbox.OK, after)
	return scene{
		act: func(ctx context.Context, p *process) (string, error) { return "", exit(ctx, p) },
		end: func(string, bool) {
			w.become(v.Reservation.ID, reservation.Completed, payment.Captured, account{taken: minor, takenFrom: 1})
		},
	}
}

func (w *town) missing() scene {
	v := w.reserve(sandbox.OK, time.Hour, 2*time.Hour)
	w.move(v.Reservation.NoShowAt.Sub(w.now()) + time.Minute)
	w.must(nil, w.passage(protocol.TimeMark, booking.View{}, id.Session{})(w.t.Context(), w.process))
	return w.ticking("declare_no_shows", func() {
		w.become(v.Reservation.ID, reservation.NoShow, payment.Captured, account{taken: two, takenFrom: 1})
	})
}

func (w *town) givingBack() scene {
	v, exit := w.stays(sandbox.OK, 90*time.Minute)
	w.must(nil, exit(w.t.Context(), w.process))
	w.must(nil, w.process.jobs(w.t.Context(), w.now()))
	some := int64(100)
	return scene{
		act: func(ctx context.Context, p *process) (string, error) {
			a, err := p.operator.Refund(ctx, place, v.Reservation.ID, false, &some, "Ana", "the gate was slow")
			return fmt.Sprint(a), err
		},
		end: func(string, bool) {
			w.become(v.Reservation.ID, reservation.Completed, payment.Captured, account{taken: two, takenFrom: 1, back: some})
		},
	}
}

// owing is a stay of four hours, of which the bank would hold only two.
func (w *town) owing() booking.View {
	w.t.Helper()
	v, exit := w.stays(sandbox.NoIncrement, 4*time.Hour)
	w.must(nil, exit(w.t.Context(), w.process))
	w.must(nil, w.process.jobs(w.t.Context(), w.now()))
	if got, err := w.booking.Get(w.t.Context(), v.Reservation.ID); err != nil || got.Owed == nil || got.Owed.Minor != four-two {
		w.t.Fatalf("%v is owed, %v", got.Owed, err)
	}
	return v
}

func (w *town) collecting() scene {
	v := w.owing()
	return w.ticking("collect_debts", func() {
		got, err := w.booking.Get(w.t.Context(), v.Reservation.ID)
		w.must(got, err)
		// A card that was not asked, because the process died before, is not asked
		// again: the driver is told that it is for him to pay.
		if d := got.Debt; d != nil && d.State == payment.Declined && d.DeclineCode == settlement.DeclinedNotPlaced && got.Owed.Minor == four-two {
			paid, err := w.booking.Pay(w.t.Context(), v.Reservation.ID, booking.PayRequest{Key: "pay-" + v.Reservation.ID.String(), Method: sandbox.OK})
			w.must(paid, err)
		}
		w.allPaid(v)
	})
}

func (w *town) allPaid(v booking.View) {
	w.t.Helper()
	w.become(v.Reservation.ID, reservation.Completed, payment.Captured, account{taken: four, takenFrom: 2})
}

func (w *town) paying() scene {
	v := w.owing()
	q := booking.PayRequest{Key: "pay-" + v.Reservation.ID.String(), Method: sandbox.OK}
	return scene{
		act: func(ctx context.Context, p *process) (string, error) {
			return says(p.booking.Pay(ctx, v.Reservation.ID, q))
		},
		end: func(said string, sure bool) {
			w.allPaid(v)
			if sure && said != v.Reservation.ID.String() {
				w.t.Fatalf("%q was said", said)
			}
		},
	}
}

// anotherCard is a second card for a reservation whose first one was declined. Whoever
// does not ask again may find that the bank was never asked, and loses the space when
// its time is over; nothing is held then.
func (w *town) anotherCard() scene {
	q := w.request(sandbox.Declined, time.Hour, 2*time.Hour)
	q.Keep = true
	v, err := w.booking.Reserve(w.t.Context(), q)
	w.must(v, err)
	if v.Reservation.State != reservation.Held || v.Payment.State != payment.Declined {
		w.t.Fatalf("it is %s, its payment %s", v.Reservation.State, v.Payment.State)
	}
	c := booking.CardRequest{Key: "card-" + v.Reservation.ID.String(), Method: sandbox.OK}
	return scene{
		act: func(ctx context.Context, p *process) (string, error) {
			return says(p.booking.TryCard(ctx, v.Reservation.ID, c))
		},
		end: func(said string, sure bool) {
			got, err := w.booking.Get(w.t.Context(), v.Reservation.ID)
			w.must(got, err)
			if !sure && said != v.Reservation.ID.String() && got.Reservation.State == reservation.Expired {
				w.become(v.Reservation.ID, reservation.Expired, payment.Declined, account{})
				return
			}
			w.become(v.Reservation.ID, reservation.Confirmed, payment.Authorized, account{standing: 1})
			if sure && said != v.Reservation.ID.String() {
				w.t.Fatalf("%q was said", said)
			}
		},
	}
}

// transient reports an answer that asks to be asked again.
func transient(err error) bool {
	f := fault.From(err)
	return errors.Is(err, errPending) || f != nil && (f.Kind == fault.Unavailable || f.Code == booking.CodeInProgress || f.Code == booking.CodePaying)
}
