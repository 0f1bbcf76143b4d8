package paymenttest

import (
	"errors"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
)

// balance: what was taken, and given back, is on the balance once each, less fees;
// what is held is not. All of it is paid out, once, in payouts whose lines come to
// them.
func balance(t *testing.T, h Harness) {
	if !h.Provider.Capabilities().Pays {
		return
	}
	p := h.Provider.(payment.Payer)
	from, to := time.Now().Add(-time.Minute), time.Now().Add(72*time.Hour)
	_, held := h.hold(t, h.OK)
	r, o := h.taken(t)
	refund := refundOf(o, r, "goodwill", 300)
	if _, err := h.Provider.(payment.Refunder).Refund(t.Context(), refund); err != nil {
		t.Fatal(err)
	}
	seen, fees, net := map[string]bool{}, int64(0), int64(0)
	err := p.Balance(t.Context(), from, to, func(l payment.BalanceLine) error {
		if l.Hold != o.Ref && l.Hold != held.Ref { // somebody else's
			return nil
		}
		if seen[l.Ref] || l.Hold != o.Ref || l.Key != r.Key && l.Key != refund.Key || l.Net.Currency != "EUR" || l.Fee.Currency != "EUR" {
			t.Errorf("%+v, known: %v, of the hold: %v", l, seen[l.Ref], l.Hold == held.Ref)
		}
		seen[l.Ref], fees, net = true, fees+l.Fee.Minor, net+l.Net.Minor
		return nil
	})
	if err != nil || len(seen) != 2 || fees <= 0 || net != 1000-300-fees {
		t.Fatalf("%d lines, fees of %d, %d in all: %v", len(seen), fees, net, err)
	}
	if err := p.Balance(t.Context(), from.Add(-time.Hour), from, func(l payment.BalanceLine) error {
		if l.Hold == o.Ref {
			t.Errorf("before it was: %+v", l)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	if err := p.Balance(t.Context(), from, to, func(payment.BalanceLine) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("it goes on after an error: %v", err)
	}
	h.PayOut(t)
	outs, paid := map[string]int{}, int64(0)
	err = p.Payouts(t.Context(), from, to, func(out payment.Payout) error {
		outs[out.Ref]++
		sum := int64(0)
		for _, l := range out.Lines {
			sum += l.Net.Minor
			if l.Hold != o.Ref {
				continue
			}
			if !seen[l.Ref] {
				t.Errorf("paid out twice, or never on the balance: %+v", l)
			}
			delete(seen, l.Ref)
			paid += l.Net.Minor
		}
		if sum != out.Amount.Minor || outs[out.Ref] > 1 {
			t.Errorf("%d times %+v, whose lines come to %d", outs[out.Ref], out, sum)
		}
		return nil
	})
	if err != nil || paid != net || len(seen) > 0 {
		t.Fatalf("%d of %d were paid out, %d lines were not: %v", paid, net, len(seen), err)
	}
	if h.SendBack == nil {
		return
	}
	// It comes back: told with its lines, and those are paid out again with the next one.
	again := map[string]int64{}
	back := func(out payment.Payout) error {
		sum := int64(0)
		for _, l := range out.Lines {
			sum += l.Net.Minor
			if l.Hold == o.Ref {
				again[out.Ref] += l.Net.Minor
			}
		}
		if sum != out.Amount.Minor {
			t.Errorf("%+v, whose lines come to %d", out, sum)
		}
		return nil
	}
	if err := p.Returned(t.Context(), from, back); err != nil || len(again) > 0 {
		t.Fatalf("came back before it did: %v (%v)", again, err)
	}
	h.SendBack(t)
	if err := p.Returned(t.Context(), from, back); err != nil || len(again) != 1 {
		t.Fatalf("%v came back: %v", again, err)
	}
	clear(again)
	h.PayOut(t)
	if err := p.Payouts(t.Context(), from, to, back); err != nil || len(again) != 1 {
		t.Fatalf("%v were paid again: %v", again, err)
	}
	for ref, minor := range again {
		if minor != net || outs[ref] > 0 {
			t.Errorf("%s paid %d of %d again", ref, minor, net)
		}
	}
}
