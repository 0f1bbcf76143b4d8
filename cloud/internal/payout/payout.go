package payout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Margin is how long after its end a time is asked about: what was made in it is
// then in the provider's lists.
const Margin = 2 * time.Hour

// Patience is how long a line is waited for that is about a call of ours and about no
// payment in our books: the answer may have been lost. Then it is nobody's: two clouds
// may have one account.
const Patience = 3 * 24 * time.Hour

// step is how much is asked about in one go, and first how far back a provider is
// asked about that never was before.
const (
	step  = 6 * time.Hour
	first = 7 * 24 * time.Hour
)

// Remembered is how long after it was made a payout may come back: each time is asked
// about again until then. Banks take some days for it.
const Remembered = 45 * 24 * time.Hour

// Owner is whose payment something was taken by.
type Owner struct {
	Parking     id.Parking
	Reservation id.Reservation
	Payment     id.Payment
}

// Store reads our books.
type Store interface {
	// Owners finds payments by the provider's names for what was taken.
	Owners(ctx context.Context, provider string, holds []string) (map[string]Owner, error)
	// Compared is up to where something named was worked off, zero when it never was.
	Compared(ctx context.Context, name string) (time.Time, error)
	// SetCompared moves that forward.
	SetCompared(ctx context.Context, name string, to time.Time) error
}

// Service books fees and payouts.
type Service struct {
	Store   Store
	Commits commit.Committer
	Now     func() time.Time
	Log     *slog.Logger
}

// Due books what providers have kept and paid out since it was last asked about, up
// to Margin ago. What is booked already stays as it is. A payout that is still on its
// way or makes no sense, and what our books do not have yet, is asked about again, and
// with it all that follow.
func (s *Service) Due(ctx context.Context, providers []payment.Provider) error {
	var failed []error
	for _, p := range providers {
		payer, able := p.(payment.Payer)
		if !able || !p.Capabilities().Pays {
			continue
		}
		failed = append(failed,
			s.due(ctx, "fees of "+p.Name(), func(from, to time.Time) error { return s.fees(ctx, p.Name(), payer, from, to) }),
			s.due(ctx, "payouts of "+p.Name(), func(from, to time.Time) error { return s.payouts(ctx, p.Name(), payer, from, to) }),
			s.returned(ctx, p.Name(), payer))
	}
	return errors.Join(failed...)
}

// due does the times that were not done yet, and remembers each.
func (s *Service) due(ctx context.Context, name string, do func(from, to time.Time) error) error {
	end := s.Now().UTC().Add(-Margin).Truncate(time.Hour)
	from, err := s.Store.Compared(ctx, name)
	if err != nil {
		return err
	}
	if from.IsZero() {
		from = end.Add(-first)
	}
	for from.Before(end) {
		to := from.Add(step)
		if to.After(end) {
			to = end
		}
		switch err := do(from, to); {
		case errors.Is(err, payment.ErrUnsettled):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := s.Store.SetCompared(ctx, name, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// fees books what the provider kept.
func (s *Service) fees(ctx context.Context, provider string, p payment.Payer, from, to time.Time) error {
	var lines []payment.BalanceLine
	err := p.Balance(ctx, from, to, func(l payment.BalanceLine) error {
		if !l.Fee.IsZero() {
			lines = append(lines, l)
		}
		return nil
	})
	if err != nil {
		return err
	}
	owners, err := s.owners(ctx, provider, lines)
	if err != nil {
		return err
	}
	var waits error
	for _, l := range lines {
		o, ours := owners[l.Hold]
		if !ours && s.early(l) {
			waits = fmt.Errorf("%w: line %s", payment.ErrUnsettled, l.Ref)
			continue
		}
		if !ours {
			s.Log.WarnContext(ctx, "the payment provider kept a fee that is about no payment of ours", "provider", provider, "line", l.Ref, "fee", l.Fee.String())
			continue
		}
		if _, err := s.Commits.Commit(ctx, &Fee{Of: o, Provider: provider, Line: l.Ref, Amount: l.Fee}); err != nil {
			return fmt.Errorf("book the fee of %s: %w", l.Ref, err)
		}
	}
	return waits
}

// early reports whether what a line is about may still get into our books.
func (s *Service) early(l payment.BalanceLine) bool {
	_, _, called := payment.Called(l.Key)
	return called && s.Now().Sub(l.At) < Patience
}

// payouts books what the provider paid out, to each parking what is its own.
func (s *Service) payouts(ctx context.Context, provider string, p payment.Payer, from, to time.Time) error {
	return p.Payouts(ctx, from, to, func(out payment.Payout) error {
		shares, rest, err := s.share(ctx, provider, out)
		if err != nil {
			return err
		}
		for parking, amount := range shares {
			if _, err := s.Commits.Commit(ctx, &Paid{At: parking, Provider: provider, Payout: out.Ref, Amount: amount}); err != nil {
				return fmt.Errorf("book payout %s: %w", out.Ref, err)
			}
		}
		if !rest.IsZero() {
			s.Log.WarnContext(ctx, "some of a payout is about no payment of ours", "provider", provider, "payout", out.Ref, "of", out.Amount.String(), "rest", rest.String())
		}
		return nil
	})
}

// returned books back what the bank has sent back.
func (s *Service) returned(ctx context.Context, provider string, p payment.Payer) error {
	err := p.Returned(ctx, s.Now().UTC().Add(-Remembered), func(out payment.Payout) error {
		shares, _, err := s.share(ctx, provider, out)
		if errors.Is(err, payment.ErrUnsettled) {
			return nil // then it was not booked, and is asked about again
		}
		if err != nil {
			return err
		}
		for parking, amount := range shares {
			op := &Returned{Of: Paid{At: parking, Provider: provider, Payout: out.Ref, Amount: amount}, Incident: id.New[id.Incident](s.Now())}
			if _, err := s.Commits.Commit(ctx, op); err != nil {
				return fmt.Errorf("book back payout %s: %w", out.Ref, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("payouts of %s that came back: %w", provider, err)
	}
	return nil
}

// share is what of a payout is whose, and what is nobody's. Lines that do not come to
// the payout wrap payment.ErrNonsense, unless there are none: somebody has had it paid
// out by hand.
func (s *Service) share(ctx context.Context, provider string, out payment.Payout) (map[id.Parking]money.Amount, money.Amount, error) {
	owners, err := s.owners(ctx, provider, out.Lines)
	if err != nil {
		return nil, money.Amount{}, err
	}
	shares := map[id.Parking]money.Amount{}
	rest, sum := money.New(0, out.Amount.Currency), money.New(0, out.Amount.Currency)
	for _, l := range out.Lines {
		if sum, err = sum.Add(l.Net); err != nil {
			return nil, rest, fmt.Errorf("%w: line %s of payout %s: %w", payment.ErrNonsense, l.Ref, out.Ref, err)
		}
		o, ours := owners[l.Hold]
		if !ours && s.early(l) {
			return nil, rest, fmt.Errorf("%w: line %s of payout %s", payment.ErrUnsettled, l.Ref, out.Ref)
		}
		part := rest
		if ours {
			part = money.New(shares[o.Parking].Minor, out.Amount.Currency)
		}
		if part, err = part.Add(l.Net); err != nil || part.Minor == math.MinInt64 {
			return nil, rest, fmt.Errorf("%w: payout %s has a share out of range", payment.ErrNonsense, out.Ref)
		}
		if ours {
			shares[o.Parking] = part
		} else {
			rest = part
		}
	}
	if len(out.Lines) == 0 {
		return nil, out.Amount, nil
	}
	if sum != out.Amount {
		return nil, rest, fmt.Errorf("%w: payout %s of %s has lines that come to %s", payment.ErrNonsense, out.Ref, out.Amount, sum)
	}
	return shares, rest, nil
}

func (s *Service) owners(ctx context.Context, provider string, lines []payment.BalanceLine) (map[string]Owner, error) {
	var holds []string
	for _, l := range lines {
		if l.Hold != "" {
			holds = append(holds, l.Hold)
		}
	}
	if len(holds) == 0 {
		return nil, nil
	}
	return s.Store.Owners(ctx, provider, holds)
}
