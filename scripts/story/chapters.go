package story

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/scripts/client"
)

const (
	entry, exit = "entry-1", "exit-1"
	patience    = 8 * time.Second
)

// book reserves for a driver, from now on, and follows the reservation.
func (t *teller) book(ctx context.Context, driver, plate, quote string, from, to time.Time) (*stay, client.Spent, error) {
	asked := time.Now()
	r, spent, err := t.cloud.Reserve(ctx, "demo-reservation-of-"+driver, client.Wanted{
		ParkingID: t.site.Parking, SpaceType: "standard", From: from, To: to, VehiclePlate: plate,
		PaymentMethod: "pm_sandbox_ok", Contact: &client.Contact{Email: driver + "@example.org"}, QuoteID: quote,
	})
	if err != nil {
		return nil, nil, err
	}
	answered := time.Since(asked)
	if t.figures.Reserve == 0 {
		t.figures.Reserve = ms(answered)
	}
	t.took(answered, "%s: POST /reserve answers: %s, %s held on the card", driver, r.State, r.Payment.Authorized)
	s := newStay(r, asked)
	if err := expect("state of the reservation", "confirmed", r.State); err != nil {
		return s, spent, err
	}
	if err := expect("held on the card", r.Price, r.Payment.Authorized); err != nil {
		return s, spent, err
	}
	p, err := t.keys.Verify(r.Pass)
	if err != nil {
		return s, spent, fmt.Errorf("the pass: %w", err)
	}
	if err := expect("reservation that the pass is for", r.ID, p.Reservation.String()); err != nil {
		return s, spent, err
	}
	s.revision = p.Revision
	t.watching.Go(func() { s.end(t.cloud.FollowReservation(ctx, r.ID, r.ManageToken, s.tell)) })
	_, err = s.await(ctx, "confirmed")
	return s, spent, err
}

func (t *teller) reserve(ctx context.Context) error {
	from := time.Now().UTC().Truncate(time.Second)
	to := from.Add(2 * time.Hour)
	q, err := t.cloud.Quote(ctx, client.Wanted{ParkingID: t.site.Parking, SpaceType: "standard", From: from, To: to})
	if err != nil {
		return err
	}
	t.say("  a quote for two hours: %s, of which tax %s", q.Price, q.Detail.Tax)
	sum := int64(0)
	for _, l := range q.Detail.Lines {
		t.say("      %-60s %s", l.Label, l.Amount)
		sum += l.Amount.Minor
	}
	if err := expect("sum of the lines", q.Price.Minor, sum); err != nil {
		return err
	}

	sent := time.Now()
	s, spent, err := t.book(ctx, "anna", "DDAN100", q.ID, from, to)
	if err != nil {
		return err
	}
	t.first = s
	hold, ok := spent["hold"]
	if !ok {
		return fmt.Errorf("hold: expected the header Server-Timing to tell it, saw %v", spent)
	}
	t.took(hold, "of which the hold at the payment provider")
	if err := expect("price", q.Price, s.Price); err != nil {
		return err
	}
	if err := within(ctx, 5*time.Second, func(ctx context.Context) error { return t.site.AwaitRevision(ctx, s.revision) }); err != nil {
		return err
	}
	known := time.Since(sent)
	t.took(known, "from the request until the edge knows the reservation (revision %d)", s.revision)
	t.figures.Hold, t.figures.ReserveToEdge = ms(hold), ms(known)
	text, err := t.cloud.Pass(ctx, s.ID, s.ManageToken)
	if err != nil {
		return err
	}
	if err := expect("pass as text", s.Pass, text); err != nil {
		return err
	}
	t.say("  the pass: %s… (%d characters)", text[:24], len(text))
	if _, err := t.expectCount(ctx, t.last()-1); err != nil {
		return err
	}
	t.say("  both onlookers see %d free", t.last())
	return nil
}

// pass drives a car through a gate and says how long the gate took to open.
func (t *teller) pass(ctx context.Context, gate, credential, plate, who string) (client.Vehicle, error) {
	v, err := t.twin.Visit(ctx, gate, credential, plate, patience)
	if err != nil {
		return v, err
	}
	if err := expect(who+" at "+gate, client.Passed, v.Outcome); err != nil {
		return v, fmt.Errorf("%w; the display said %q", err, v.Display)
	}
	opened := time.Duration(v.CredentialToOpen) * time.Microsecond
	t.took(opened, "%s passes %s; from showing the credential to the open command", who, gate)
	if credential != "" {
		t.figures.CredentialToOpen = max(t.figures.CredentialToOpen, ms(opened))
	}
	return v, nil
}

func (t *teller) driveIn(ctx context.Context) error {
	v, err := t.pass(ctx, entry, t.first.Pass, "DDAN100", "anna")
	if err != nil {
		return err
	}
	told, err := t.first.await(ctx, "active")
	if err != nil {
		return err
	}
	took := max(told.Sub(t.clock.Time(v.Timeline.Cleared)), 0)
	t.took(took, "from the passage until anna's own stream says that she is inside (±%.1f ms)", ms(t.clock.Error))
	t.figures.EventToCloud = ms(took)
	return nil
}

func (t *teller) walkIn(ctx context.Context) error {
	since := time.Now()
	v, err := t.pass(ctx, entry, "", "DDWI200", "a walk-in")
	if err != nil {
		return err
	}
	if v.Ticket == "" {
		return fmt.Errorf("ticket: expected one, saw none")
	}
	t.ticket = v.Ticket
	seen, err := t.expectCount(ctx, t.last()-1)
	if err != nil {
		return err
	}
	stays, err := t.books.Stays(ctx, since)
	if err != nil {
		return err
	}
	if err := expect("stays that began", 1, len(stays)); err != nil {
		return err
	}
	for i, w := range []*watcher{t.detail, t.list} {
		took := seen[i].At.Sub(stays[0].At)
		t.took(took, "from the beginning of the commit until %s shows %d free", w.name, t.last())
		t.figures.CountToSSE = max(t.figures.CountToSSE, ms(took))
	}
	return nil
}

func (t *teller) cut(ctx context.Context) error {
	if err := t.lines[0].cut(); err != nil {
		return err
	}
	t.cutAt = time.Now()
	t.say("  every packet between the edge and the broker vanishes from now on")
	before, err := t.site.State(ctx)
	if err != nil {
		return err
	}
	if _, err := t.pass(ctx, exit, t.first.Pass, "DDAN100", "anna, offline,"); err != nil {
		return err
	}

	from := time.Now().UTC().Truncate(time.Second)
	s, _, err := t.book(ctx, "bert", "DDBE300", "", from, from.Add(90*time.Minute))
	if err != nil {
		return err
	}
	t.second = s
	if _, err := t.expectCount(ctx, t.last()-1); err != nil {
		return err
	}
	if _, err := t.pass(ctx, entry, s.Pass, "DDBE300", "bert, of whom the edge has never heard,"); err != nil {
		return err
	}
	after, err := t.site.State(ctx)
	if err != nil {
		return err
	}
	if after.Revision >= s.revision {
		return fmt.Errorf("the edge during the cut: expected it not to know revision %d, saw revision %d", s.revision, after.Revision)
	}
	if err := t.refusals(ctx); err != nil {
		return err
	}
	if after, err = t.site.State(ctx); err != nil {
		return err
	}
	if err := expect("acknowledged by the cloud during the cut", before.AckedSeq, after.AckedSeq); err != nil {
		return err
	}
	t.say("  the journal holds %d events that the cloud has not heard of", after.LastSeq-after.AckedSeq)
	if t.first.reached("completed") || s.reached("active") {
		return fmt.Errorf("the cloud during the cut: expected it to know of no passage, saw anna %v, bert %v", t.first.reached("completed"), s.reached("active"))
	}
	return nil
}

// refusals shows passes that open nothing.
func (t *teller) refusals(ctx context.Context) error {
	altered, err := alter(t.keys, t.second.Pass)
	if err != nil {
		return err
	}
	for _, try := range []struct{ what, credential string }{
		{"an altered pass", altered},
		{"anna's pass, which is used up,", t.first.Pass},
	} {
		v, err := t.twin.Visit(ctx, entry, try.credential, "DDXX999", time.Second)
		if err != nil {
			return err
		}
		if err := expect(try.what, client.Refused, v.Outcome); err != nil {
			return err
		}
		t.say("  %s is refused: %q", try.what, v.Display)
	}
	return nil
}

func (t *teller) heal(ctx context.Context) error {
	t.lines[0].heal(ctx)
	healed := time.Now()
	t.say("  packets pass again, after %.1f s", healed.Sub(t.cutAt).Seconds())
	if err := within(ctx, 30*time.Second, t.drained); err != nil {
		return err
	}
	t.took(time.Since(healed), "until the cloud has applied and acknowledged the whole journal")
	if _, err := t.first.await(ctx, "completed"); err != nil {
		return err
	}
	if _, err := t.second.await(ctx, "active"); err != nil {
		return err
	}
	captured, err := t.first.await(ctx, "payment captured")
	if err != nil {
		return err
	}
	t.took(captured.Sub(healed), "until anna's stay is settled and captured")
	// Anna has left on a claim; bert came in on his own.
	if _, err := t.expectCount(ctx, t.last()+1); err != nil {
		return err
	}
	t.say("  both onlookers see %d free", t.last())
	return nil
}

// drained returns when the edge's whole journal is acknowledged.
func (t *teller) drained(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := t.site.State(ctx)
		if err == nil && s.Link == "online" && s.AckedSeq == s.LastSeq {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the edge's journal: expected it to drain, saw %+v: %w", s, errors.Join(err, ctx.Err()))
		}
	}
}

func (t *teller) leave(ctx context.Context) error {
	if _, err := t.pass(ctx, exit, t.ticket, "DDWI200", "the walk-in"); err != nil {
		return err
	}
	if _, err := t.expectCount(ctx, t.last()+1); err != nil {
		return err
	}
	if _, err := t.pass(ctx, exit, t.second.Pass, "DDBE300", "bert"); err != nil {
		return err
	}
	if _, err := t.expectCount(ctx, t.last()+1); err != nil {
		return err
	}
	if err := expect("free at the end", t.cfg.Capacity, t.last()); err != nil {
		return err
	}
	_, err := t.second.await(ctx, "payment captured")
	return err
}
