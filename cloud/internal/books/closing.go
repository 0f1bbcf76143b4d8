package books

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Margin is how long after its end a day is closed at the earliest: what was
// booked on it is then in the books.
const Margin = 10 * time.Minute

// Fault codes of closings that cannot be made.
const (
	CodeDayInvalid = "date_invalid"
	CodeNotOver    = "day_not_over"    // somewhere it is still that day, or has been a moment ago
	CodeClosed     = "day_closed"      // it was closed before
	CodeGap        = "day_gap"         // a day before it is open
	CodeNoOperator = "operator_needed" // there is none of that name, or it is not clear which
	CodeCounted    = "counted_invalid"
)

// Scope is what a closing closes.
type Scope string

// Days is the scope of an operator's days.
const Days Scope = "day"

// Shifts is the scope of a parking's cash shifts.
func Shifts(p id.Parking) Scope { return Scope("shift:" + string(p)) }

// MachineShifts is the scope of the shifts that staff has counted at a machine. They
// are not chained: each is what a machine's journal told, booked in the same commit, and
// the days that are chained have what was booked.
func MachineShifts(p id.Parking, machine id.Lane) Scope {
	return Scope("till:" + string(p) + ":" + string(machine))
}

// Day is a date, such as 2026-06-11.
type Day string

// ParseDay reads a date.
func ParseDay(text string) (Day, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1 || t.Format(time.DateOnly) != text {
		return "", fault.Newf(fault.Invalid, CodeDayInvalid, "%q is no date such as 2026-06-11.", text)
	}
	return Day(text), nil
}

// DayOf is the date at an instant in a zone.
func DayOf(t time.Time, zone *time.Location) Day { return Day(t.In(zone).Format(time.DateOnly)) }

// Add is the date so many days later.
func (d Day) Add(days int) Day {
	t, _ := time.Parse(time.DateOnly, string(d)) // it was parsed before
	return Day(t.AddDate(0, 0, days).Format(time.DateOnly))
}

// Begin is the instant at which the day begins in a zone.
func (d Day) Begin(zone *time.Location) time.Time {
	t, _ := time.Parse(time.DateOnly, string(d)) // it was parsed before
	y, m, n := t.Date()
	return time.Date(y, m, n, 0, 0, 0, 0, zone).UTC()
}

// End is the instant at which the next day begins.
func (d Day) End(zone *time.Location) time.Time { return d.Add(1).Begin(zone) }

// Span is what of a parking's books is in a closing: [From, To).
type Span struct {
	Parking id.Parking `json:"parking"`
	Zone    string     `json:"zone"`
	From    *time.Time `json:"from"` // null: from the beginning
	To      time.Time  `json:"to"`
}

// Balance is what moved on an account, and how it stands since the beginning, in
// minor units.
type Balance struct {
	Account  ledger.Account `json:"account"`
	Currency money.Currency `json:"currency"`
	Debit    int64          `json:"debit"`
	Credit   int64          `json:"credit"` // not negative
	Moved    int64          `json:"moved"`  // debit less credit
	Running  int64          `json:"running"`
}

// Count is what somebody counted in the boxes.
type Count struct {
	Currency   money.Currency `json:"currency"`
	Expected   int64          `json:"expected"` // by the ledger
	Counted    int64          `json:"counted"`
	Difference int64          `json:"difference"` // negative: something is missing
}

// Closing is one closing.
type Closing struct {
	Format       int         `json:"format"` // 1
	Operator     id.Operator `json:"operator"`
	Name         string      `json:"operator_name"`
	Scope        Scope       `json:"scope"`
	Seq          int64       `json:"seq"`
	Day          Day         `json:"day,omitempty"`
	MadeAt       time.Time   `json:"made_at"`
	By           string      `json:"by,omitempty"` // who counted
	Spans        []Span      `json:"parkings"`
	Transactions int64       `json:"transactions"`
	Balances     []Balance   `json:"balances"`
	Totals       []Balance   `json:"totals,omitempty"` // of a shift: what it was counted from, since the beginning
	Counts       []Count     `json:"counts,omitempty"`

	// Of a shift that staff has counted at a machine.
	Machine  id.Lane  `json:"machine,omitempty"`
	Shift    id.Shift `json:"shift,omitzero"`
	OpenedBy string   `json:"opened_by,omitempty"`
	Note     string   `json:"note,omitempty"`
	Payments int64    `json:"payments,omitempty"`
}

// Expect compares what was counted with the cash in the balances. Every currency
// that there is cash in must have been counted, and no other.
func (c *Closing) Expect() error {
	wrong := func(cur money.Currency, says string) error {
		return fault.Newf(fault.Invalid, CodeCounted, "The boxes have to be counted in every currency that the ledger has cash in.").WithField(string(cur), says)
	}
	cash := map[money.Currency]int64{}
	for _, b := range c.Balances {
		if b.Account == ledger.Cash {
			cash[b.Currency] = b.Running
		}
	}
	for i := range c.Counts {
		n := &c.Counts[i]
		if n.Counted < 0 {
			return wrong(n.Currency, "is less than nothing")
		}
		n.Expected = cash[n.Currency]
		n.Difference = n.Counted - n.Expected
		delete(cash, n.Currency)
	}
	for cur, n := range cash {
		if n != 0 {
			return wrong(cur, "was not counted")
		}
	}
	return nil
}

// Hash chains closings.
type Hash [sha256.Size]byte

// Sealed is a closing as it is stored.
type Sealed struct {
	Closing
	Document []byte
	Previous Hash
	Hash     Hash
}

// Seal writes the document and chains it to the closing before.
func Seal(c Closing, previous Hash) (Sealed, error) {
	document, err := json.Marshal(c)
	if err != nil {
		return Sealed{}, fmt.Errorf("write a closing: %w", err)
	}
	return Sealed{c, document, previous, chain(previous, document)}, nil
}

// Open reads a stored closing, whether or not it is sound.
func Open(document []byte, previous, hash Hash) (Sealed, error) {
	s := Sealed{Document: document, Previous: previous, Hash: hash}
	if err := json.Unmarshal(document, &s.Closing); err != nil {
		return s, fmt.Errorf("read a closing: %w", err)
	}
	return s, nil
}

func chain(previous Hash, document []byte) Hash {
	h := sha256.New()
	h.Write(previous[:])
	h.Write(document)
	var out Hash
	h.Sum(out[:0])
	return out
}

// Finding is something that is wrong with a closing.
type Finding struct {
	Seq  int64
	Says string
}

// Check says what is wrong with the closings of one scope, oldest first: a
// document or hash that was changed, one that is missing, balances that do not
// go on from those before or do not sum to zero.
func Check(all []Sealed) []Finding {
	var found []Finding
	var last Sealed
	for i, s := range all {
		wrong := func(format string, args ...any) { found = append(found, Finding{s.Seq, fmt.Sprintf(format, args...)}) }
		if s.Seq != int64(i)+1 {
			wrong("is number %d in its place", i+1)
		}
		if s.Previous != last.Hash {
			wrong("does not follow the closing before it: that one, or its hash, was changed")
		}
		if s.Hash != chain(s.Previous, s.Document) {
			wrong("was changed after it was made")
		}
		if s.Day != "" && last.Day != "" && s.Day != last.Day.Add(1) {
			wrong("is of %s, the one before of %s", s.Day, last.Day)
		}
		for _, says := range follow(last.Balances, s.Balances, s.Scope == Days) {
			wrong("%s", says)
		}
		last = s
	}
	return found
}

// follow checks that balances go on from those before.
func follow(before, after []Balance, whole bool) []string {
	var says []string
	type key struct {
		a ledger.Account
		c money.Currency
	}
	ran, sums := map[key]int64{}, map[money.Currency]int64{}
	for _, b := range before {
		ran[key{b.Account, b.Currency}] = b.Running
	}
	for _, b := range after {
		k := key{b.Account, b.Currency}
		if b.Moved != b.Debit-b.Credit || b.Running != ran[k]+b.Moved {
			says = append(says, fmt.Sprintf("%s does not go on from where it stood", b.Account))
		}
		delete(ran, k)
		sums[b.Currency] += b.Running
	}
	for k := range ran {
		says = append(says, fmt.Sprintf("%s is missing", k.a))
	}
	for c, n := range sums {
		if whole && n != 0 {
			says = append(says, fmt.Sprintf("the book in %s sums to %d instead of zero", c, n))
		}
	}
	return says
}

// Since is what moved between two totals.
func Since(before, after []Balance) []Balance {
	out := slices.Clone(after)
	for i := range out {
		for _, b := range before {
			if b.Account == out[i].Account && b.Currency == out[i].Currency {
				out[i].Debit -= b.Debit
				out[i].Credit -= b.Credit
			}
		}
	}
	return out
}

// Carry makes the balances of a closing from what moved and those before. Each
// account that has ever moved is in it, in the order of the chart.
func Carry(before, moved []Balance) []Balance {
	out := []Balance{}
	currencies := map[money.Currency]bool{}
	for _, list := range [][]Balance{before, moved} {
		for _, b := range list {
			currencies[b.Currency] = true
		}
	}
	find := func(list []Balance, a ledger.Account, c money.Currency) (Balance, bool) {
		for _, b := range list {
			if b.Account == a && b.Currency == c {
				return b, true
			}
		}
		return Balance{}, false
	}
	for _, c := range sorted(currencies) {
		for _, a := range ledger.Chart() {
			was, had := find(before, a.Account, c)
			is, has := find(moved, a.Account, c)
			if !had && !has {
				continue
			}
			is.Account, is.Currency, is.Moved = a.Account, c, is.Debit-is.Credit
			is.Running = was.Running + is.Moved
			out = append(out, is)
		}
	}
	return out
}
