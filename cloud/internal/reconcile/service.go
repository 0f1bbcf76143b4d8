package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Fault codes of comparisons that cannot be made.
const (
	CodeWindow     = "reconcile_window" // the time is empty, or not over
	CodeNoBooks    = "provider_without_books"
	CodeNoProvider = "provider_unknown"
)

// Incident is the class of incident that a difference raises.
const Incident = "books_differ"

// Margin is how far beyond both ends of a time the books are read, and how long
// after its end a time is compared by itself.
const Margin = 2 * time.Hour

// Again is after how long a time is compared once more, by itself: a bank may send
// back for weeks what was given back to a driver, and not every provider says so.
var Again = []time.Duration{8 * 24 * time.Hour, 35 * 24 * time.Hour}

// slice is how much is held in memory at a time.
const slice = 24 * time.Hour

// Wanted names payments: all about which anything was booked in a time or is
// waited for, and those that a provider's lines are about.
type Wanted struct {
	Provider string
	From, To time.Time
	Named    []Named
}

// Named is a payment by its id, or by the ref of its hold.
type Named struct {
	Parking id.Parking // empty: not known
	Payment id.Payment // none: by its ref
	Ref     string
}

// Store reads our books.
type Store interface {
	// Payments returns what is wanted, each once, as one moment left it.
	Payments(ctx context.Context, w Wanted) ([]Payment, error)
	// Compared is up to where the provider's books were compared by the clock,
	// zero when they never were.
	Compared(ctx context.Context, provider string) (time.Time, error)
	// SetCompared moves that forward.
	SetCompared(ctx context.Context, provider string, to time.Time) error
}

// Service compares books.
type Service struct {
	Store   Store
	Commits commit.Committer
	Refunds Refunds // nil: Due changes nothing
	Now     func() time.Time
}

// Refunds asks a provider how a refund stands, and books what is so.
type Refunds interface {
	ReviewRefund(ctx context.Context, at id.Parking, p id.Payment, reason string) error
}

// Compare compares a provider's books of [from, to) with ours. It changes
// nothing. Its faults are CodeWindow and CodeNoBooks; with any other error
// nothing was found out.
func (s Service) Compare(ctx context.Context, p payment.Provider, from, to time.Time) (Report, error) {
	lister, ok := p.(payment.Lister)
	switch {
	case !ok || !p.Capabilities().List:
		return Report{}, fault.Newf(fault.Invalid, CodeNoBooks, "The payment provider %q keeps no books of its own.", p.Name())
	case !from.Before(to):
		return Report{}, fault.New(fault.Invalid, CodeWindow, "The time ends before it begins.").WithField("to", "is not after from")
	case from.After(s.Now()):
		return Report{}, fault.New(fault.Invalid, CodeWindow, "The time has not begun yet.").WithField("from", "is in the future")
	}
	var all *Report
	for ; from.Before(to); from = from.Add(slice) {
		r, err := s.compare(ctx, p, lister, from, earlier(from.Add(slice), to))
		switch {
		case err != nil:
			return Report{}, err
		case all == nil:
			all = &r
		default:
			all.add(r)
		}
	}
	return *all, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// readable reports whether a name could be in our books.
func readable(ref string) bool {
	return ref != "" && utf8.ValidString(ref) && !strings.ContainsRune(ref, 0)
}

func (s Service) compare(ctx context.Context, p payment.Provider, l payment.Lister, from, to time.Time) (Report, error) {
	b := Books{Provider: p.Name(), From: from, To: to, ReadAt: s.Now()}
	w := Wanted{Provider: p.Name(), From: from, To: to}
	err := l.List(ctx, from.Add(-Margin), to.Add(Margin), func(e payment.Entry) error {
		// Anybody with the account may write names into it.
		if _, err := id.ParseParking(string(e.Parking)); err != nil {
			e.Parking = ""
		}
		b.Theirs = append(b.Theirs, e)
		n := Named{Parking: e.Parking}
		if n.Payment, _ = PaymentOf(e.Key); n.Payment.IsZero() {
			if n.Ref = e.Hold.Ref; n.Ref == "" {
				n.Ref = e.Refund.Hold
			}
		}
		if readable(n.Ref) || !n.Payment.IsZero() {
			w.Named = append(w.Named, n)
		}
		return nil
	})
	if err != nil {
		return Report{}, fmt.Errorf("read the books of %s: %w", p.Name(), err)
	}
	if b.Ours, err = s.Store.Payments(ctx, w); err != nil {
		return Report{}, err
	}
	for _, o := range b.Unlisted() {
		ours := payment.Payment{ID: o.ID}
		found, err := p.Find(ctx, ours.Key(payment.CallHold))
		switch {
		case errors.Is(err, payment.ErrNotFound):
		case err != nil:
			return Report{}, fmt.Errorf("ask %s for the hold of %s: %w", p.Name(), o.ID, err)
		default:
			b.Theirs = append(b.Theirs, payment.Entry{Key: ours.Key(payment.CallHold), Parking: o.Parking, Hold: found})
		}
	}
	return Compare(b), nil
}

// Raise puts each difference on record as an incident of its parking, once, and
// returns how many are new. One whose parking nobody knows stays in the report
// alone: it was not asked for by us.
func (s Service) Raise(ctx context.Context, r Report) (raised int, err error) {
	for _, d := range r.Differences {
		if d.Parking == "" {
			continue
		}
		op := &raise{difference: d, provider: r.Provider, key: commit.Key{Principal: Incident, Key: d.Fingerprint(r.Provider)}, id: id.New[id.Incident](s.Now())}
		_, err := s.Commits.Commit(ctx, op)
		if err != nil && fault.From(err).Kind == fault.NotFound {
			continue // there is no such parking: the provider's books name it
		}
		if err != nil {
			return raised, fmt.Errorf("put a difference on record: %w", err)
		}
		if op.raised {
			raised++
		}
	}
	return raised, nil
}

// Due compares what the clock has not compared yet, up to Margin ago, and what was
// compared Again ago. Refunds that came back are booked back; the other differences
// go on record. A provider whose books were never compared begins a day back. report is called for each time that was compared.
func (s Service) Due(ctx context.Context, providers []payment.Provider, report func(Report)) error {
	var failed []error
	for _, p := range providers {
		if !p.Capabilities().List {
			continue
		}
		failed = append(failed, s.due(ctx, p, p.Name(), 0, report))
		for _, age := range Again {
			failed = append(failed, s.due(ctx, p, fmt.Sprintf("%s, %s later", p.Name(), age), age, report))
		}
	}
	return errors.Join(failed...)
}

// due compares what is so old. Where it goes on is stored under a name.
func (s Service) due(ctx context.Context, p payment.Provider, name string, age time.Duration, report func(Report)) error {
	to := s.Now().UTC().Add(-age - Margin).Truncate(step)
	from, err := s.Store.Compared(ctx, name)
	if err != nil {
		return err
	}
	if from.IsZero() {
		from = to.Add(-slice)
	}
	for from.Before(to) && ctx.Err() == nil {
		next := earlier(from.Add(step), to)
		r, err := s.Compare(ctx, p, from, next)
		if err != nil {
			return err
		}
		if err := s.bookBack(ctx, &r); err != nil {
			return err
		}
		if _, err := s.Raise(ctx, r); err != nil {
			return err
		}
		if err := s.Store.SetCompared(ctx, name, next); err != nil {
			return err
		}
		report(r)
		from = next
	}
	return ctx.Err()
}

// bookBack has refunds booked back that came back, and takes them out of the report. Of
// several of one amount each is looked at, since the books do not say which is which.
func (s Service) bookBack(ctx context.Context, r *Report) error {
	if s.Refunds == nil {
		return nil
	}
	differences := r.Differences[:0]
	for _, d := range r.Differences {
		if _, ours := refundOf(d.Key); d.What != Refund || d.Class != OtherState || !ours {
			differences = append(differences, d)
			continue
		}
		if sense, err := s.review(ctx, d); err != nil {
			return fmt.Errorf("book a refund back: %w", err)
		} else if !sense {
			differences = append(differences, d) // a person has to look
		}
	}
	r.Differences = differences
	return nil
}

// review has each refund looked at that a difference may be about. sense is false when
// what the provider says of one cannot be true.
func (s Service) review(ctx context.Context, d Difference) (sense bool, err error) {
	sense = true
	for _, key := range d.equals {
		reason, ours := refundOf(key)
		if !ours {
			continue
		}
		err := s.Refunds.ReviewRefund(ctx, d.Parking, d.Payment, reason)
		if errors.Is(err, payment.ErrNonsense) {
			sense = false
		} else if err != nil {
			return false, err
		}
	}
	return sense, nil
}

// refundOf is the reason of the refund that a key of ours was made for.
func refundOf(key string) (reason string, ours bool) {
	_, call := PaymentOf(key)
	return payment.RefundReason(call)
}

// step is what the clock compares in one go: little enough that a provider's
// pages are read within a minute.
const step = time.Hour

// raise is one incident about one difference.
type raise struct {
	difference Difference
	provider   string
	key        commit.Key
	id         id.Incident
	raised     bool
}

// Parking implements commit.Op.
func (o *raise) Parking() id.Parking { return o.difference.Parking }

// Prefetch implements commit.Op.
func (o *raise) Prefetch(r *commit.Rows) { r.Keys = append(r.Keys, o.key) }

// Apply implements commit.Op.
func (o *raise) Apply(w *commit.Work, now time.Time) error {
	known, err := w.Key(o.key)
	if err != nil || known != nil {
		return err
	}
	d := o.difference
	used := d.Reservation
	if used.IsZero() { // a key is always used for something
		if used, err = id.FromBytes[id.Reservation](o.id.Bytes()); err != nil {
			return err
		}
	}
	w.PutKey(o.key, &commit.KeyRecord{Parking: d.Parking, Reservation: used})
	w.Raise(commit.Incident{
		ID: o.id, Class: Incident, Reservation: d.Reservation, At: now,
		Detail: fmt.Sprintf("the books of %s differ: %s", o.provider, d),
	})
	o.raised = true
	return nil
}
