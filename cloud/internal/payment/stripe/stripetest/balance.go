package stripetest

import (
	"net/url"
	"strings"
)

// line is one change of the account's balance.
type line struct {
	ID       string `json:"id"`
	Object   string `json:"object"`
	Type     string `json:"type"`
	Created  int64  `json:"created"`
	Currency string `json:"currency"`
	Amount   int64  `json:"amount"`
	Fee      int64  `json:"fee"`
	Net      int64  `json:"net"`
	Source   any    `json:"source"` // the object, or its name

	source any
	payout string
}

type payout struct {
	ID        string `json:"id"`
	Object    string `json:"object"`
	Created   int64  `json:"created"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Automatic bool   `json:"automatic"`
	Status    string `json:"status"`
	Reconcile string `json:"reconciliation_status"`
}

// sold is a charge as the source of a line.
type sold struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Intent   string            `json:"payment_intent"`
	Metadata map[string]string `json:"metadata"`
}

func (i *intent) sold() sold { return sold{i.charge.ID, "charge", i.ID, i.Metadata} }

// move changes the balance. What is taken costs 1.5 % and 25.
func (s *Server) move(kind string, amount int64, i *intent, source any) {
	l := &line{ID: name("txn_"), Object: "balance_transaction", Type: kind, Created: s.now().Unix(), Currency: i.Currency, Amount: amount, source: source}
	if amount > 0 {
		l.Fee = amount*15/1000 + 25
	}
	l.Net = l.Amount - l.Fee
	s.lines = append(s.lines, l)
}

// PayOut pays out whatever was not paid out, as on its way or as paid, and returns the
// payouts' names.
func (s *Server) PayOut(status string) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	outs := map[string]*payout{}
	for _, l := range s.lines {
		if l.payout != "" || l.Type == "payout" {
			continue
		}
		o := outs[l.Currency]
		if o == nil {
			o = &payout{ID: name("po_"), Object: "payout", Created: s.now().Unix(), Currency: l.Currency, Automatic: true, Status: status, Reconcile: "completed"}
			outs[l.Currency] = o
			s.payouts = append(s.payouts, o)
			names = append(names, o.ID)
		}
		o.Amount += l.Net
		l.payout = o.ID
	}
	for _, o := range outs {
		s.lines = append(s.lines, &line{
			ID: name("txn_"), Object: "balance_transaction", Type: "payout", Created: o.Created, Currency: o.Currency, Amount: -o.Amount, Net: -o.Amount, source: o.ID, payout: o.ID,
		})
	}
	return names
}

// Arrive has a payout arrive, or fail: then it is on the balance again.
func (s *Server) Arrive(ref, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.payouts {
		if o.ID != ref {
			continue
		}
		if status == "failed" && o.Status != "failed" {
			s.lines = append(s.lines, &line{
				ID: name("txn_"), Object: "balance_transaction", Type: "payout_failure", Created: s.now().Unix(), Currency: o.Currency, Amount: o.Amount, Net: o.Amount, source: o,
			})
		}
		o.Status = status
	}
}

func (s *Server) listLines(_ string, form url.Values) (any, *problem) {
	whole := false
	for k, v := range form {
		whole = whole || strings.HasPrefix(k, "expand[") && v[0] == "data.source"
	}
	return paged(form, "/v1/balance_transactions", s.lines, func(l *line) (string, int64, bool) {
		return l.ID, l.Created, !form.Has("payout") || l.payout == form.Get("payout")
	}, func(l *line) any {
		out := *l
		switch x := l.source.(type) {
		case sold:
			if out.Source = x; !whole {
				out.Source = x.ID
			}
		case *refund:
			if out.Source = x; !whole {
				out.Source = x.ID
			}
		default:
			out.Source = x
		}
		return out
	})
}

func (s *Server) listPayouts(_ string, form url.Values) (any, *problem) {
	return paged(form, "/v1/payouts", s.payouts, func(o *payout) (string, int64, bool) {
		return o.ID, o.Created, !form.Has("status") || o.Status == form.Get("status")
	}, func(o *payout) any { return *o })
}

// Charge changes the balance for the account's own sake.
func (s *Server) Charge(amount int64, currency string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.move("stripe_fee", amount, &intent{Currency: currency}, nil)
}
