// Package lookup is what operators look up: reservations, stays, and what is in the
// books, page by page with the newest first.
//
// Days are those of each parking's own time zone. A page goes on behind the last row of
// the one before (Place), whatever was added since.
package lookup

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Scope is what of whose parkings is looked up.
type Scope struct {
	Parkings  []id.Parking
	Operators []id.Operator // whose closings
	From, To  books.Day     // both included; empty: no end
}

// Place is where a page ends: a time, and what orders those of one time.
type Place struct {
	At  time.Time
	Key string
}

// String is the cursor of the next page.
func (p Place) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.At.UnixMicro(), 36) + " " + p.Key))
}

// ParsePlace reads a cursor.
func ParsePlace(text string) (*Place, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, false
	}
	at, key, ok := strings.Cut(string(raw), " ")
	micro, err := strconv.ParseInt(at, 36, 64)
	if !ok || err != nil || !placeKey.MatchString(key) || micro < 0 || micro > 1<<52 {
		return nil, false
	}
	return &Place{time.UnixMicro(micro).UTC(), key}, true
}

var placeKey = regexp.MustCompile(`^[0-9a-z:_-]{0,120}$`)

// Page is which part of a list is wanted.
type Page struct {
	After *Place // nil: from the beginning
	Limit int
}

// Sought is what somebody has typed to find something.
type Sought struct {
	Reservation id.Reservation
	Session     id.Session
	Mail        string // in small letters
	Plate       string // its beginning, as plates are kept
	Suffix      string // the last hexadecimal digits of a session's id, of a ticket whose end was typed
}

const ticketPrefix = "TK1:"

var suffix = regexp.MustCompile(`^[0-9a-z]{4,12}$`)

// Seek says what a text can be. ok is false when it is nothing that could be found.
func Seek(text string, now time.Time) (s Sought, ok bool) {
	text = strings.TrimSpace(text)
	whole := strings.ToLower(strings.TrimPrefix(strings.ToUpper(text), ticketPrefix))
	var err error
	if s.Reservation, err = id.Parse[id.Reservation](whole); err == nil {
		return s, true
	}
	if s.Session, err = id.Parse[id.Session](whole); err == nil {
		return s, true
	}
	s = Sought{}
	if strings.Contains(text, "@") {
		s.Mail = strings.ToLower(text)
		return s, true
	}
	if suffix.MatchString(whole) {
		// An id with that end: of its 26 characters of 5 bits the last are looked at.
		any := id.New[id.Session](now).String()
		if i, err := id.Parse[id.Session](any[:len(any)-len(whole)] + whole); err == nil {
			s.Suffix = fmt.Sprintf("%x", i.Bytes())[32-len(whole)*5/4:]
		}
	}
	for _, r := range strings.ToUpper(text) {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			s.Plate += string(r)
		} else if r != ' ' && r != '-' {
			s.Plate = ""
			break
		}
	}
	if len(s.Plate) > credential.MaxPlate || len(s.Plate) < 2 {
		s.Plate = ""
	}
	return s, s.Plate != "" || s.Suffix != ""
}

// Reservation is one in a list.
type Reservation struct {
	reservation.Reservation
	PaymentState string
}

// Place is where a page that ends with it ends.
func (r *Reservation) Place() Place { return Place{r.Window.From, fmt.Sprintf("%x", r.ID.Bytes())} }

// Session is a stay in a list.
type Session struct {
	Parking     id.Parking
	ID          id.Session
	Reservation id.Reservation
	Plate       string
	SpaceType   id.SpaceType
	State       string
	EnteredAt   time.Time
	ExitedAt    *time.Time
	EntryLane   string
	ExitLane    string
	EntryReason string
	ExitReason  string
	Inferred    bool
	Currency    *money.Currency
	Due, Owed   *int64
}

// Place is where a page that ends with it ends.
func (s *Session) Place() Place { return Place{s.EnteredAt, fmt.Sprintf("%x", s.ID.Bytes())} }

// ReservationsWanted are the reservations of a list: those that were ever confirmed, or
// of a state.
type ReservationsWanted struct {
	Scope
	State  string
	Sought *Sought
	Page
}

// SessionsWanted are the stays of a list.
type SessionsWanted struct {
	Scope
	Open   *bool
	WalkIn *bool
	Sought *Sought
	Page
}

// PostingPlace is where a page that ends with a posting ends.
func PostingPlace(r *books.Row) Place {
	return Place{r.At, fmt.Sprintf("%x-%d", r.Transaction.Bytes(), r.Line)}
}

// Payment is one of a reservation.
type Payment struct {
	ID                                     id.Payment
	State, Provider, DeclineCode           string
	Amount, Authorized, Captured, Refunded money.Amount
	ForDebt                                bool
	UpdatedAt                              time.Time
}

// Bill is what a stay was charged, at a time.
type Bill struct {
	Number int64
	At     time.Time
	Bill   *bill.Bill
}

// Fact is something that happened to a reservation.
type Fact struct {
	At        time.Time
	Gate      bool // by the edge's clock; else by the cloud's
	Code      string
	Lane      string
	Reason    string
	State     string
	Uncertain time.Duration
	ToldAt    *time.Time
}

// Message is what a driver was told, or is to be.
type Message struct {
	At    time.Time
	Kind  string // of the job
	State string // sent, waiting or failed
}

// Details are everything about one reservation.
type Details struct {
	Reservation Reservation
	Payments    []Payment
	Bills       []Bill
	Money       []books.Row
	Stays       []Session
	Facts       []Fact // oldest first
	Messages    []Message
}

// Sum is what moved on an account for a reason.
type Sum struct {
	Kind     ledger.Kind
	Account  ledger.Account
	Currency money.Currency
	Debit    int64
	Credit   int64 // not negative
}

// Sums are what moved in some days, and how the accounts stand at their end.
type Sums struct {
	Moved       []Sum
	Standing    []books.Balance // Moved is since the beginning
	ClosedUntil *time.Time      // of all parkings; nil: not all were closed
}

// Receivable is what is or was owed for a stay, or for a reservation without one.
type Receivable struct {
	Parking     id.Parking
	Session     id.Session
	Reservation id.Reservation
	Currency    money.Currency
	Since, Last time.Time
	Owed        int64 // ever booked
	WrittenOff  int64
	Open        int64
}

// State says what became of it: open, settled or written_off.
func (r *Receivable) State() string {
	switch {
	case r.Open > 0:
		return "open"
	case r.WrittenOff > 0:
		return "written_off"
	default:
		return "settled"
	}
}

// Place is where a page that ends with it ends.
func (r *Receivable) Place() Place {
	if r.Session.IsZero() {
		return Place{r.Since, fmt.Sprintf("%x", r.Reservation.Bytes())}
	}
	return Place{r.Since, fmt.Sprintf("%x", r.Session.Bytes())}
}

// SealedPlace is where a page that ends with a closing ends.
func SealedPlace(s *books.Sealed) Place {
	u := s.Operator.UUID()
	return Place{s.MadeAt.Round(time.Microsecond), fmt.Sprintf("%x-%x-%x-%x-%x:%s:%012d", u[:4], u[4:6], u[6:8], u[8:10], u[10:], s.Scope, s.Seq)}
}
