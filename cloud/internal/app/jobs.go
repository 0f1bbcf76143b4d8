package app

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/cash"
	"github.com/openlot/openlot/cloud/internal/payout"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/receipt/paper"
	"github.com/openlot/openlot/cloud/internal/reconcile"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/river"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/cloud/internal/webhook"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// newJobs makes what turns events into work that is done later: the relay, the
// workers, and the clock's tasks.
func (c *cloud) newJobs(ctx context.Context, l *lifecycle, tokens booking.Tokens) error {
	senders, err := c.newSenders(l)
	if err != nil {
		return err
	}
	queue, err := river.NewQueue(c.db.Pool(), c.log)
	if err != nil {
		return err
	}
	settle := settlement.NewService(postgres.NewPayments(c.db), c.committer, c.booking, time.Now, c.log, append(c.others(), c.cards())...)
	notices := postgres.NewNotices(c.db, queue)
	c.webhooks = &webhook.Service{
		Store: notices, Payments: settle, Commits: c.committer, Now: time.Now, Log: c.log,
		Providers: c.announcers(),
	}
	accounts := postgres.NewAccounts(c.db, queue)
	if err := c.newAccounts(ctx, accounts); err != nil {
		return err
	}
	post, err := poster(senders[notify.ByMail])
	if err != nil {
		return err
	}
	tell := notify.NewService(letters{postgres.NewBooking(c.db), c.booking, tokens, c.receipts, reminding{postgres.NewReminders(c.db), accounts}, c.cfg.PublicURL}, senders, time.Now, c.log)
	c.keeper = &fleet.Keeper{Store: c.db, Committer: c.committer, Log: c.log}
	due := postgres.NewSchedule(c.db)
	tasks := append(schedule.Payments(due, c.booking, settle, queue, c.log), schedule.Webhooks(notices, queue, c.log),
		schedule.Task{Name: "keep_claims", Every: time.Minute, Run: c.keeper.Run},
		schedule.Task{Name: "presume_left", Every: time.Minute, Run: (&fleet.Presumer{Store: postgres.NewUnseen(c.db), Committer: c.committer, Log: c.log}).Run})
	tasks = append(tasks, schedule.Debts(due, c.booking, settle, c.collectors(), c.log))
	tasks = append(tasks, schedule.Lifecycle(due, c.booking, c.log)...)
	tasks = append(tasks, schedule.Tariffs(postgres.NewTariffs(c.db), c.log))
	tasks = append(tasks, c.housekeeping()...)
	tasks = append(tasks, c.comparing(settle), c.payingOut())
	c.relay = relay.New(postgres.NewRelay(c.db, queue), c.log)
	c.workers, err = river.NewWorkers(c.db.Pool(), relay.Handlers(settle, tell, c.webhooks, accountMail{accounts, c.accounts, post, c.cfg.PublicURL}), tasks, time.Now, c.log)
	return err
}

// collectors are the names of the providers that can be asked while a driver is away.
func (c *cloud) collectors() []string {
	var names []string
	for _, p := range append(c.others(), c.cards()) {
		if can := p.Capabilities(); can.Secures && can.SaveMethod {
			names = append(names, p.Name())
		}
	}
	return names
}

// comparing is the task that compares the payment providers' books with ours.
func (c *cloud) comparing(refunds reconcile.Refunds) schedule.Task {
	log := c.log.With("component", "reconcile")
	s := reconcile.Service{Store: postgres.NewReconcile(c.db), Commits: c.committer, Refunds: refunds, Now: time.Now}
	return schedule.Task{Name: "reconcile", Every: 30 * time.Minute, Run: func(ctx context.Context, _ time.Time) error {
		return s.Due(ctx, c.bookkeepers(), func(r reconcile.Report) {
			if len(r.Differences) > 0 {
				log.Error("the books of a payment provider differ from ours; openlot reconcile shows how",
					"provider", r.Provider, "from", r.From, "to", r.To, "differences", len(r.Differences))
			}
		})
	}}
}

// payingOut is the task that books what payment providers keep and pay out.
func (c *cloud) payingOut() schedule.Task {
	s := &payout.Service{Store: postgres.NewPayouts(c.db), Commits: c.committer, Now: time.Now, Log: c.log.With("component", "payout")}
	return schedule.Task{Name: "pay_out", Every: 30 * time.Minute, Run: func(ctx context.Context, _ time.Time) error {
		return s.Due(ctx, c.bookkeepers())
	}}
}

// letters reads what a message says.
type letters struct {
	store     booking.Store
	booking   *booking.Service
	tokens    booking.Tokens
	receipts  receipts
	reminders reminding
	publicURL string
}

var _ notify.Details = letters{}

// Details implements notify.Details.
func (d letters) Details(ctx context.Context, at id.Parking, i id.Reservation) (notify.Mail, error) {
	s, err := d.store.Reservation(ctx, i)
	if err != nil {
		return notify.Mail{}, err
	}
	p, err := d.store.Parking(ctx, at)
	if err != nil {
		return notify.Mail{}, err
	}
	if s == nil || p == nil || s.Reservation.Parking != at {
		return notify.Mail{}, fault.New(fault.NotFound, booking.CodeReservationNotFound, "There is no such reservation.")
	}
	zone, err := p.Location()
	if err != nil {
		return notify.Mail{}, fmt.Errorf("time zone of %s: %w", at, err)
	}
	r := &s.Reservation
	m := notify.Mail{
		To: r.Email, Phone: r.Phone, Reservation: r.ID, State: r.State, Generation: r.Generation, Confirmed: r.ConfirmedRevision > 0, Plate: r.Plate,
		Parking: p.ID, Name: p.Name, Address: p.Address, City: p.City, Zone: zone, SpaceType: string(r.SpaceType), Space: r.Space,
		Window: r.Window, DriveInFrom: r.Window.From.Add(-p.Policy.EarlyEntry), NoShowAt: r.NoShowAt, ExitGrace: p.Policy.ExitGrace,
		Total: r.Quote.Total, Tax: r.Quote.Tax, Lines: r.Quote.Lines,
		AtMachine: s.Payment.Provider == cash.Name,
		Payment:   s.Payment.State, Held: money.New(s.Payment.Authorized, s.Payment.Amount.Currency),
		Taken: taken(&s.Payment), Refunds: len(s.Payment.Refunds), Reminded: !r.RemindedAt.IsZero(), Missed: r.Quote.Missed(p.Policy.NoShowCharge),
		Wishes: notify.Wishes{Language: r.Quote.Language},
		// Behind the #, so that no server or proxy sees the token.
		ManageURL: d.publicURL + "/#/r/" + r.ID.String() + "?token=" + url.QueryEscape(d.tokens.For(r.ID).Reveal()),
	}
	m.Refunded, m.NotRefunded = money.New(0, s.Payment.Amount.Currency), money.New(0, s.Payment.Amount.Currency)
	for _, x := range s.Payment.Refunds {
		if x.State == payment.RefundFailed {
			m.NotRefunded.Minor += x.Amount
		} else {
			m.Refunded.Minor += x.Amount
		}
	}
	m.Kept = s.Payment.State == payment.MethodKept
	m.Refused = s.Payment.State == payment.MethodKept && s.Payment.DeclineCode != ""
	m.AsksBank = r.Pending != nil && r.Pending.Renews && s.Change != nil && s.Change.State == payment.RequiresAction
	m.Owed = money.New(0, s.Payment.Amount.Currency)
	if s.Owed != nil {
		m.Owed = *s.Owed
	}
	if s.Debt != nil {
		m.OwedPaid, m.OwedAsks = s.Debt.State == payment.Captured, s.Debt.State == payment.RequiresAction
	}
	m.OwedUnasked = s.Debt != nil && s.Debt.DeclineCode == settlement.DeclinedNotPlaced
	if m.OwedAsks {
		m.Owed.Minor += s.Debt.Amount.Minor
	}
	if t, ok := p.SpaceType(r.SpaceType); ok {
		m.SpaceType = t.Label
	}
	if err := d.wishes(ctx, at, i, &m); err != nil {
		return notify.Mail{}, err
	}
	if booking.HasPass(r) || r.State == reservation.Confirmed {
		if m.Pass, err = d.booking.Passes.Text(r); err != nil {
			return notify.Mail{}, err
		}
	}
	return m, nil
}

// Receipt implements notify.Details.
func (d letters) Receipt(ctx context.Context, i id.Reservation, read locale.Reader) (notify.Paper, error) {
	made, err := d.receipts.Issue(ctx, i)
	if err != nil {
		return notify.Paper{}, err
	}
	r := &made.Receipt
	p := notify.Paper{Number: r.Number, Due: r.Bill.Due, Taken: r.Sums.Captured, Owed: r.Sums.Owed}
	p.PDF, err = paper.PDF(r, read)
	return p, err
}

// taken is what of a hold was taken or is being taken.
func taken(p *payment.Payment) money.Amount {
	minor := p.Captured
	if p.State == payment.CaptureRequested {
		minor = p.CaptureAmount
	}
	return money.New(minor, p.Amount.Currency)
}
