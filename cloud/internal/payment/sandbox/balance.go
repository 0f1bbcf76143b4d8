package sandbox

import (
	"context"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// What the sandbox keeps of what it takes: 1.4 % and 25 minor units, as is usual for
// European cards, but never more than was taken.
const (
	feePermille = 14
	feeFixed    = 25
)

func fee(minor int64) int64 {
	return min(minor, minor/1000*feePermille+(minor%1000*feePermille+500)/1000+feeFixed)
}

// payoutAt is when it pays out what changed its balance on a day before, from the
// beginning of the day.
const payoutAt = 6 * time.Hour

// lines are what changed the balance about a hold, up to now.
func (h Hold) lines(now time.Time) []payment.BalanceLine {
	var out []payment.BalanceLine
	add := func(ref string, at time.Time, minor, fee int64) {
		if at.IsZero() || at.After(now) {
			return
		}
		out = append(out, payment.BalanceLine{
			Ref: "line_" + ref, At: at, Key: h.Key, Parking: id.Parking(h.Parking), Hold: h.Ref,
			Net: money.New(minor-fee, h.Amount.Currency), Fee: money.New(fee, h.Amount.Currency),
		})
	}
	if h.Captured > 0 {
		add(h.Ref, h.CapturedAt, h.Captured, fee(h.Captured))
	}
	for _, r := range h.Refunds {
		add(r.Ref, r.At, -r.Amount, 0)
		add(r.Ref+"_back", h.back(r), r.Amount, 0)
	}
	if d := h.Dispute; d != nil {
		add(d.Ref, d.Opened, -d.Amount, 0)
		if d.State == payment.DisputeWon {
			add(d.Ref+"_back", d.Decided, d.Amount, 0)
		}
	}
	return out
}

// Balance implements payment.Payer.
func (p *Provider) Balance(ctx context.Context, from, to time.Time, each func(payment.BalanceLine) error) error {
	holds, err := p.store.Taken(ctx, from.Add(-refundLife))
	if err != nil {
		return unanswered(err)
	}
	for _, h := range holds {
		for _, l := range h.lines(p.now()) {
			if l.At.Before(from) || !l.At.Before(to) {
				continue
			}
			if err := each(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// Payouts implements payment.Payer: every day at six in UTC it pays out what changed
// its balance on the day before, in each currency.
func (p *Provider) Payouts(ctx context.Context, from, to time.Time, each func(payment.Payout) error) error {
	now := p.now()
	for day := from.UTC().Truncate(24 * time.Hour); day.Add(payoutAt).Before(to); day = day.Add(24 * time.Hour) {
		at := day.Add(payoutAt)
		if at.Before(from) || at.After(now) {
			continue
		}
		var outs []payment.Payout
		err := p.Balance(ctx, day.Add(-24*time.Hour), day, func(l payment.BalanceLine) error {
			i := slices.IndexFunc(outs, func(o payment.Payout) bool { return o.Amount.Currency == l.Net.Currency })
			if i < 0 {
				i = len(outs)
				outs = append(outs, payment.Payout{Ref: "payout_" + day.Format(time.DateOnly) + "_" + string(l.Net.Currency), At: at, Amount: money.New(0, l.Net.Currency)})
			}
			outs[i].Amount.Minor += l.Net.Minor
			outs[i].Lines = append(outs[i].Lines, l)
			return nil
		})
		if err != nil {
			return err
		}
		for _, o := range outs {
			if err := each(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// Returned implements payment.Payer: its bank takes everything.
func (p *Provider) Returned(context.Context, time.Time, func(payment.Payout) error) error { return nil }
