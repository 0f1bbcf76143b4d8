package settlement

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Fault codes of debts that cannot be given up.
const (
	CodeUnknownSession = "session_not_found"
	CodeNothingOwed    = "nothing_owed"
	CodeMoreThanOwed   = "more_than_owed"
	CodeSaysWho        = "reason_invalid" // who gives it up, or why, is missing or too long
)

// WrittenOff is the class of incident that puts a write-off on record.
const WrittenOff = "written_off"

// maxSays bounds who and why, in bytes.
const maxSays = 200

// errChanged says that the stay is not the one that the op was made for.
var errChanged = errors.New("the stay has changed since it was read")

// WriteOff gives up some of what is owed for a stay, or all of it. Who did it and
// why is on record as an incident. It changes nothing when more is to be given
// up than is owed, and succeeds without effect on its own result. Two of the same
// amount, by two processes at the same moment, may be taken for one.
type WriteOff struct {
	At     id.Parking
	Stay   session.Session // as it was read
	Amount money.Amount
	By     string // who decides it
	Reason string // nothing personal
	ID     id.Incident

	tried bool // it may be committed: what it finds may be its own result
}

// Parking implements commit.Op.
func (o *WriteOff) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o *WriteOff) Prefetch(r *commit.Rows) { r.Sessions = append(r.Sessions, o.Stay.ID) }

// Apply implements commit.Op.
func (o *WriteOff) Apply(w *commit.Work, now time.Time) error {
	if !sayable(o.By) || !sayable(o.Reason) {
		return fault.Newf(fault.Invalid, CodeSaysWho, "Say who gives the debt up and why, in at most %d letters each.", maxSays)
	}
	s, err := w.Session(o.Stay.ID)
	if err != nil {
		return err
	}
	if s == nil {
		return errNoSession()
	}
	owed := money.New(0, o.Amount.Currency)
	if o.Stay.Owed != nil {
		owed = *o.Stay.Owed
	}
	left, err := owed.Sub(o.Amount)
	switch {
	case owed.Minor <= 0:
		return fault.New(fault.Conflict, CodeNothingOwed, "Nothing is owed for this stay.")
	case err != nil || o.Amount.Minor <= 0 || left.Minor < 0:
		return fault.Newf(fault.Invalid, CodeMoreThanOwed, "%s is owed for this stay: give up some of it, or all.", owed)
	case o.tried && s.Version == o.Stay.Version+1 && s.Owed != nil && *s.Owed == left:
		return nil // the answer was lost
	case s.Version != o.Stay.Version || s.Owed == nil || *s.Owed != owed:
		return errChanged // also by an op of the same batch
	}
	s.Owed, o.tried = &left, true
	w.PutSession(s)
	if err := w.Book(ledger.WrittenOff(s.Reservation, s.ID, o.Amount)); err != nil {
		return err
	}
	w.Raise(commit.Incident{
		ID: o.ID, Class: WrittenOff, Reservation: s.Reservation, Session: s.ID, At: now,
		Detail: fmt.Sprintf("%s of %s was written off by %s: %s", o.Amount, owed, o.By, o.Reason),
	})
	return nil
}

// sayable is a short text without control characters.
func sayable(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= maxSays && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func errNoSession() error {
	return fault.New(fault.NotFound, CodeUnknownSession, "There is no such stay in this parking.")
}

// Sessions reads stays.
type Sessions interface {
	// Session returns nil when there is none.
	Session(ctx context.Context, at id.Parking, s id.Session) (*session.Session, error)
}

// Debts gives up what is owed.
type Debts struct {
	Sessions Sessions
	Commits  commit.Committer
}

// tries bounds how often a write-off is made anew because the stay changed.
const tries = 5

// WriteOff gives up an amount in minor units of what is owed for a stay, nil for
// all of it, and returns how much it was.
func (d Debts) WriteOff(ctx context.Context, at id.Parking, stay id.Session, minor *int64, by, reason string, now time.Time) (money.Amount, error) {
	for range tries {
		s, err := d.Sessions.Session(ctx, at, stay)
		if err != nil {
			return money.Amount{}, err
		}
		if s == nil {
			return money.Amount{}, errNoSession()
		}
		op := &WriteOff{At: at, Stay: *s, By: by, Reason: reason, ID: id.New[id.Incident](now)}
		if s.Owed != nil {
			op.Amount = *s.Owed
		}
		if minor != nil {
			op.Amount.Minor = *minor
		}
		if _, err = d.Commits.Commit(ctx, op); !errors.Is(err, errChanged) {
			return op.Amount, err
		}
	}
	return money.Amount{}, errChanged
}
