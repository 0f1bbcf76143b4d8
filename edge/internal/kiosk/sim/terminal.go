package sim

import (
	"sync"

	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/protocol/id"
)

// Charge is one of a terminal's own books.
type Charge struct {
	Payment id.Payment      `json:"payment"`
	Amount  int64           `json:"amount"`
	State   kiosk.CardState `json:"state"`
}

// Terminal is a card terminal that knows each charge by its payment.
type Terminal struct {
	mu   sync.Mutex
	all  []Charge
	keep func([]Charge) error
	off  bool
}

// NewTerminal makes a terminal with its books; keep writes them down.
func NewTerminal(all []Charge, keep func([]Charge) error) *Terminal {
	return &Terminal{all: all, keep: keep}
}

// Order takes an order. A charge that it knows is not asked for again.
func (t *Terminal) Order(o kiosk.Order) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.find(o.Payment)
	switch {
	case t.off:
		return nil
	case o.Kind == kiosk.OrderCharge && i < 0:
		t.all = append(t.all, Charge{o.Payment, o.Amount, kiosk.CardPresent})
	case o.Kind == kiosk.OrderCancel && i < 0:
		t.all = append(t.all, Charge{o.Payment, o.Amount, kiosk.CardStopped})
	case o.Kind == kiosk.OrderCancel && t.all[i].State == kiosk.CardPresent:
		t.all[i].State = kiosk.CardStopped
	default:
		return nil
	}
	return t.keep(t.all)
}

func (t *Terminal) find(p id.Payment) int {
	for i := range t.all {
		if t.all[i].Payment == p {
			return i
		}
	}
	return -1
}

// Show holds a card to the terminal: the bank takes the money, or does not.
func (t *Terminal) Show(approved bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.all); n > 0 && t.all[n-1].State == kiosk.CardPresent {
		t.all[n-1].State = kiosk.CardDeclined
		if approved {
			t.all[n-1].State = kiosk.CardApproved
		}
		return t.keep(t.all)
	}
	return nil
}

// PowerCut ends a charge for which no card was shown.
func (t *Terminal) PowerCut() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.all); n > 0 && t.all[n-1].State == kiosk.CardPresent {
		t.all[n-1].State = kiosk.CardStopped
		return t.keep(t.all)
	}
	return nil
}

// Switch makes the terminal answer, or not.
func (t *Terminal) Switch(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.off = !on
}

// Taken is what the bank has taken, by payment.
func (t *Terminal) Taken() map[id.Payment]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[id.Payment]int64{}
	for _, c := range t.all {
		if c.State == kiosk.CardApproved {
			out[c.Payment] = c.Amount
		}
	}
	return out
}

// Report is what the terminal says of its newest charge.
func (t *Terminal) Report() kiosk.Card {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := kiosk.Card{Answers: !t.off}
	if n := len(t.all); n > 0 && !t.off {
		out.Payment, out.State = t.all[n-1].Payment, t.all[n-1].State
	}
	return out
}
