package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

// ClassCash is the class of incident that a machine's cash is not what the books say.
const ClassCash = "cash"

// Drawer is what the cloud has followed of a machine's cash.
type Drawer struct {
	Currency money.Currency `json:"currency,omitempty"`
	Cash     int64          `json:"cash"`            // in box and hoppers, by the books
	Known    bool           `json:"known,omitempty"` // a shift was opened here: what lay in it before is booked
	Shifts   int64          `json:"shifts,omitempty"`
	Shift    id.Shift       `json:"shift,omitzero"` // that is open
	OpenedAt time.Time      `json:"opened_at,omitzero"`
	OpenedBy string         `json:"opened_by,omitempty"`
	Float    int64          `json:"float,omitempty"`
	Had      []string       `json:"had,omitempty"` // of the newest movements and shifts, so that each counts once
}

// mostHad is how many are remembered: more than can be sent again by an edge that has
// begun a new journal, since all but some were acknowledged.
const mostHad = 256

// Tills are the machines of a parking. They change with applied events only, as Inside.
type Tills map[id.Lane]Drawer

// first reports whether something has not counted yet, and remembers it.
func (t *Drawer) first(what string) bool {
	if slices.Contains(t.Had, what) {
		return false
	}
	t.Had = append(slices.Clone(t.Had[max(0, len(t.Had)-mostHad+1):]), what)
	return true
}

// counted reports whether a payment has counted already.
func counted(s *session.Session, p id.Payment) bool {
	return s != nil && slices.ContainsFunc(s.Payments, func(x session.Paid) bool { return x.ID == p })
}

// took adds what a machine has taken in cash. It is called before the payment counts.
func (a *ApplyEvents) took(w *commit.Work, e *wire.Event) error {
	if e.Method != wire.Cash {
		return nil
	}
	s, err := w.Session(e.Session)
	if err != nil || counted(s, e.Payment) {
		return err
	}
	t := a.After.Tills[e.Lane]
	if t.Currency == "" {
		t.Currency = e.Currency
	}
	if t.Currency == e.Currency {
		t.Cash += e.Amount
	}
	return a.put(w, e.Lane, t)
}

// put keeps a till. It is told at once and not at the end of the batch, so that what is
// told does not depend on where a batch was cut.
func (a *ApplyEvents) put(w *commit.Work, l id.Lane, t Drawer) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if a.After.Tills == nil {
		a.After.Tills = Tills{}
	}
	a.After.Tills[l] = t
	w.Emit(feed.TillChanged, feed.Body{Till: &feed.Till{Machine: l, State: string(raw)}})
	return nil
}

// till applies what happened to a machine's cash beside payments.
func (a *ApplyEvents) till(w *commit.Work, e *wire.Event, m moment, now time.Time) error {
	t := a.After.Tills[e.Lane]
	what := e.Payment.String()
	if e.Kind != wire.CashMoved {
		what = fmt.Sprintf("%d %s", e.Kind, e.Shift)
	}
	if !t.first(what) {
		return nil
	}
	if t.Currency == "" || t.Cash == 0 && t.Shift.IsZero() {
		t.Currency = e.Currency
	}
	if t.Currency != e.Currency {
		raise(w, ClassCash, e, fmt.Sprintf("%s tells of %s, and its books are in %s: nothing was booked", e.Lane, e.Currency, t.Currency), now)
		return nil
	}
	book := func(x ledger.Entry) error {
		for _, p := range x.Postings {
			if p.Account == ledger.Cash {
				t.Cash += p.Amount.Minor
			}
		}
		return w.Book(x)
	}
	of := func(minor int64) money.Amount { return money.New(minor, e.Currency) }
	var err error
	switch e.Kind {
	case wire.CashMoved:
		err = book(moved(e, of))
	case wire.ShiftOpened:
		diff := e.Amount - t.Cash
		switch {
		case diff == 0:
		case !t.Known:
			err = book(ledger.CashFilled(of(diff)))
		default:
			err = book(ledger.CashDiffers(of(diff)))
			raise(w, ClassCash, e, fmt.Sprintf("%s has %s more than the books say as %s opens a shift", e.Lane, of(diff), e.By), now)
		}
		t.Known, t.Shift, t.OpenedAt, t.OpenedBy, t.Float = true, e.Shift, m.at, e.By, e.Amount
	default:
		if drift := e.Expected + e.Stays - t.Cash; drift != 0 {
			if err = book(ledger.CashDiffers(of(drift))); err != nil {
				return err
			}
			raise(w, ClassCash, e, fmt.Sprintf("%s has by its own count %s more than the books say", e.Lane, of(drift)), now)
		}
		if diff := e.Amount - e.Expected; diff != 0 {
			raise(w, ClassCash, e, fmt.Sprintf("%s: %s counted %s in the box, where %s should have been: a difference of %s", e.Lane, e.By, of(e.Amount), of(e.Expected), of(diff)), now)
		}
		if e.Expected != 0 || e.Amount != 0 {
			err = book(ledger.BoxEmptied(of(e.Amount), of(e.Expected)))
		}
		t.Shifts++
		if err == nil {
			err = a.closed(w, e, &t, m, now)
		}
		t.Shift = id.Shift{}
	}
	if err != nil {
		return err
	}
	return a.put(w, e.Lane, t)
}

func moved(e *wire.Event, of func(int64) money.Amount) ledger.Entry {
	switch e.Note {
	case wire.CashFilled:
		return ledger.CashFilled(of(e.Amount))
	case wire.CashTaken:
		return ledger.CashFilled(of(-e.Amount))
	case wire.CashFound:
		return ledger.CashDiffers(of(e.Amount))
	default:
		return ledger.CashDiffers(of(-e.Amount))
	}
}

// closed writes down a shift of a machine as the books show it.
func (a *ApplyEvents) closed(w *commit.Work, e *wire.Event, t *Drawer, m moment, now time.Time) error {
	c := books.Closing{
		Format: 1, Operator: w.Parking.Operator, Scope: books.MachineShifts(w.Parking.ID, e.Lane), Seq: t.Shifts, MadeAt: now.UTC(), By: e.By,
		Machine: e.Lane, Shift: e.Shift, Note: e.Why, OpenedBy: t.OpenedBy, Payments: int64(e.Payments),
		Spans:  []books.Span{{Parking: w.Parking.ID, Zone: w.Parking.Timezone, To: m.at}},
		Counts: []books.Count{{Currency: e.Currency, Expected: e.Expected, Counted: e.Amount, Difference: e.Amount - e.Expected}},
	}
	if t.Shift == e.Shift {
		c.Spans[0].From = &t.OpenedAt
	} else {
		c.OpenedBy = ""
	}
	document, err := json.Marshal(c)
	if err != nil {
		return err
	}
	w.Emit(feed.ShiftClosed, feed.Body{Till: &feed.Till{Machine: e.Lane, Shift: e.Shift, Scope: string(c.Scope), Seq: c.Seq, MadeAt: c.MadeAt, Document: string(document)}})
	return nil
}
