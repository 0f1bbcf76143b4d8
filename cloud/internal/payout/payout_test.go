package payout_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/payout"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func eur(minor int64) money.Amount { return money.New(minor, "EUR") }

func committing(t *testing.T, db *postgres.DB, clock func() time.Time) commit.Committer {
	committer := postgres.NewCommitter(db, quiet, clock, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- committer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return committer
}

// dying is a committer whose process dies after some commits.
type dying struct {
	commit.Committer
	left int
}

var errDied = errors.New("the process died")

func (d *dying) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	if d.left--; d.left < 0 {
		return commit.Receipt{}, errDied
	}
	return d.Committer.Commit(ctx, op)
}

// What the sandbox keeps and pays out of what two parkings took arrives in the books
// of each, once, wherever the process dies on the way: fees at their payments, and
// nothing is left with the provider. What was taken for nobody is in no books.
func TestEveryCentOfAPayoutIsBookedOnce(t *testing.T) {
	db, dsn := postgrestest.New(t)
	owner := postgrestest.Owner(t, dsn)
	parkings := []id.Parking{"altmarkt", "neumarkt"}
	now := time.Now().UTC()
	for _, p := range parkings {
		postgrestest.Import(t, db, now, postgrestest.Parking(p, 5))
	}
	ahead := time.Duration(0)
	clock := func() time.Time { return now.Add(ahead) }
	ctx, committer := t.Context(), committing(t, db, clock)
	bank := sandbox.New(postgres.NewSandbox(db), sandbox.Options{Now: clock})
	taken := map[id.Parking]int64{}
	take := func(at id.Parking, minor, back int64) {
		t.Helper()
		p := payment.Payment{ID: id.New[id.Payment](now), Reservation: id.New[id.Reservation](now)}
		o, err := bank.Authorize(ctx, payment.Request{Key: p.Key(payment.CallHold), Parking: at, Reservation: p.Reservation, Amount: eur(minor), Method: sandbox.OK})
		if err == nil {
			_, err = bank.Capture(ctx, o.Ref, eur(minor), p.Key("capture"))
		}
		if err == nil && back > 0 {
			_, err = bank.Refund(ctx, payment.RefundRequest{Key: p.Key(payment.CallRefund("less_due")), Ref: o.Ref, Amount: eur(back), Reason: "less_due"})
		}
		if err != nil {
			t.Fatal(err)
		}
		if at == "of nobody" {
			return
		}
		taken[at] += minor - back
		if _, err := owner.Exec(ctx, `insert into payment (parking, id, version, reservation, state, provider, method, ref, currency, amount, authorized, capture_amount, captured, updated_at)
			values ($1, $2, 1, $3, 'captured', 'sandbox', 'pm', $4, 'EUR', $5, $5, $5, $5, now())`, at, p.ID.UUID(), p.Reservation.UUID(), o.Ref, minor); err != nil {
			t.Fatal(err)
		}
	}
	take("altmarkt", 480, 0)
	take("altmarkt", 1000, 250)
	take("neumarkt", 1, 0) // less than the fee
	take("neumarkt", 90_000, 0)
	take("of nobody", 700, 0)
	moved := func(at id.Parking) map[string]int64 {
		t.Helper()
		out := map[string]int64{}
		rows, err := owner.Query(ctx, `select account, sum(amount)::bigint from ledger_entry where parking = $1 and kind in ('fee', 'payout') group by account`, at)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var account string
			var sum int64
			if err := rows.Scan(&account, &sum); err != nil {
				t.Fatal(err)
			}
			out[account] = sum
		}
		return out
	}
	ahead = 72 * time.Hour
	for left := 0; ; left++ {
		d := &dying{committer, left}
		s := &payout.Service{Store: postgres.NewPayouts(db), Commits: d, Now: clock, Log: quiet}
		if err := s.Due(ctx, []payment.Provider{bank}); err == nil {
			break
		} else if !errors.Is(err, errDied) || left > 20 {
			t.Fatal(err)
		}
	}
	fees := map[id.Parking]int64{"altmarkt": 480*14/1000 + 1 + 25 + 14 + 25, "neumarkt": 1 + 1260 + 25}
	for _, p := range parkings {
		want := map[string]int64{"provider": -taken[p], "fees": fees[p], "bank": taken[p] - fees[p]}
		if got := moved(p); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", p, got, want)
		}
	}
	again := &payout.Service{Store: forgetful{postgres.NewPayouts(db)}, Commits: committer, Now: clock, Log: quiet}
	before := moved("altmarkt")
	if err := again.Due(ctx, []payment.Provider{bank}); err != nil || !maps.Equal(moved("altmarkt"), before) {
		t.Errorf("asked about again: %v, was %v (%v)", moved("altmarkt"), before, err)
	}
}

// forgetful does not know how far it has come.
type forgetful struct{ payout.Store }

func (forgetful) Compared(context.Context, string) (time.Time, error) { return time.Time{}, nil }

// told is a provider with one payout.
type told struct {
	payment.Provider
	out   payment.Payout
	lines []payment.BalanceLine
	back  []payment.Payout
	err   error
}

func (p told) Returned(_ context.Context, _ time.Time, each func(payment.Payout) error) error {
	for _, out := range p.back {
		if err := each(out); err != nil {
			return err
		}
	}
	return nil
}

func (told) Name() string                       { return "told" }
func (told) Capabilities() payment.Capabilities { return payment.Capabilities{Pays: true} }
func (p told) Balance(_ context.Context, _, _ time.Time, each func(payment.BalanceLine) error) error {
	for _, l := range p.lines {
		if err := each(l); err != nil {
			return err
		}
	}
	return nil
}

func (p told) Payouts(_ context.Context, _, _ time.Time, each func(payment.Payout) error) error {
	if p.err != nil {
		return p.err
	}
	return each(p.out)
}

// until is a store that only knows how far it has come.
type until struct{ at map[string]time.Time }

func (until) Owners(context.Context, string, []string) (map[string]payout.Owner, error) {
	return map[string]payout.Owner{"h1": {Parking: "altmarkt"}}, nil
}

func (u until) Compared(_ context.Context, name string) (time.Time, error) { return u.at[name], nil }

func (u until) SetCompared(_ context.Context, name string, to time.Time) error {
	u.at[name] = to
	return nil
}

// none commits nothing.
type none struct{ commit.Committer }

func (none) Commit(context.Context, commit.Op) (commit.Receipt, error) {
	return commit.Receipt{}, errDied
}

// What is on its way, or makes no sense, is asked about again, and nothing is booked.
func TestAPayoutThatMakesNoSenseIsNotBooked(t *testing.T) {
	line := func(minor int64, c money.Currency) payment.BalanceLine {
		return payment.BalanceLine{Ref: "l", Hold: "h1", Net: money.New(minor, c)}
	}
	for name, p := range map[string]told{
		"on its way":      {err: payment.ErrUnsettled},
		"does not add up": {out: payment.Payout{Ref: "p", Amount: eur(5), Lines: []payment.BalanceLine{line(4, "EUR")}}},
		"other currency":  {out: payment.Payout{Ref: "p", Amount: eur(5), Lines: []payment.BalanceLine{line(5, "CHF")}}},
		"beyond a number": {out: payment.Payout{Ref: "p", Amount: eur(-2), Lines: []payment.BalanceLine{line(1<<63-1, "EUR"), line(1<<63-1, "EUR")}}},
		"a share beyond a number": {out: payment.Payout{Ref: "p", Amount: eur(1<<63 - 1), Lines: []payment.BalanceLine{
			line(1<<63-1, "EUR"), {Ref: "l2", Hold: "of nobody", Net: eur(-1<<63 + 1)}, line(1<<63-1, "EUR"),
		}}},
		"a rest beyond a number": {out: payment.Payout{Ref: "p", Amount: eur(1<<63 - 1), Lines: []payment.BalanceLine{
			{Ref: "l2", Hold: "of nobody", Net: eur(1<<63 - 1)}, line(-1<<63+1, "EUR"), {Ref: "l3", Hold: "of nobody", Net: eur(1<<63 - 1)},
		}}},
		"without an opposite": {out: payment.Payout{Ref: "p", Amount: eur(-1 << 63), Lines: []payment.BalanceLine{line(-1<<63, "EUR")}}},
	} {
		u := until{map[string]time.Time{}}
		s := &payout.Service{Store: u, Commits: none{}, Now: time.Now, Log: quiet}
		err := s.Due(t.Context(), []payment.Provider{p})
		if errors.Is(err, errDied) || (err == nil) != (name == "on its way") || name != "on its way" && !errors.Is(err, payment.ErrNonsense) {
			t.Errorf("%s: %v", name, err)
		}
		if at := u.at["payouts of told"]; !at.IsZero() {
			t.Errorf("%s: taken for done up to %s", name, at)
		}
	}
}

// What our books do not have yet, because an answer was lost, is waited for, and
// neither its fee nor a payout with it is passed over; after some days it is nobody's.
func TestWhatIsNotBookedYetIsWaitedFor(t *testing.T) {
	p := payment.Payment{ID: id.New[id.Payment](time.Now())}
	for name, c := range map[string]struct {
		key   string
		age   time.Duration
		waits bool
	}{
		"ours, of today":            {p.Key("capture"), 5 * time.Hour, true},
		"ours, of four days ago":    {p.Key("capture"), 96 * time.Hour, false},
		"somebody else's, of today": {"by hand", 5 * time.Hour, false},
	} {
		at := time.Now().Add(-c.age)
		lost := payment.BalanceLine{Ref: "l2", Key: c.key, Hold: "h2", At: at, Net: eur(4), Fee: eur(1)}
		u := until{map[string]time.Time{}}
		s := &payout.Service{Store: u, Commits: none{}, Now: time.Now, Log: quiet}
		err := s.Due(t.Context(), []payment.Provider{told{
			lines: []payment.BalanceLine{lost}, out: payment.Payout{Ref: "p", At: at, Amount: eur(4), Lines: []payment.BalanceLine{lost}},
		}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, of := range []string{"fees of told", "payouts of told"} {
			if waits := u.at[of].IsZero(); waits != c.waits {
				t.Errorf("%s, %s: waited for %v, want %v", name, of, waits, c.waits)
			}
		}
	}
}

// What a bank sends back is booked back once, if it was booked, and told; the payout that
// pays it again is booked as any other.
func TestAPayoutThatComesBackIsBookedBackOnce(t *testing.T) {
	db, dsn := postgrestest.New(t)
	owner := postgrestest.Owner(t, dsn)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("altmarkt", 5))
	s := &payout.Service{Store: until{map[string]time.Time{}}, Commits: committing(t, db, time.Now), Now: time.Now, Log: quiet}
	lines := []payment.BalanceLine{{Ref: "l1", Hold: "h1", Net: eur(900)}, {Ref: "l2", Hold: "of nobody", Net: eur(100)}}
	first := payment.Payout{Ref: "p1", Amount: eur(1000), Lines: lines}
	again := payment.Payout{Ref: "p2", Amount: eur(1000), Lines: lines}
	for n, c := range []struct {
		paid            payment.Payout
		back            []payment.Payout
		bank, incidents int64
	}{
		{payment.Payout{Ref: "p0", Amount: eur(0)}, []payment.Payout{first}, 0, 0}, // it never was
		{first, nil, 900, 0},
		{first, []payment.Payout{first}, 0, 1},
		{first, []payment.Payout{first}, 0, 1},
		{again, []payment.Payout{first}, 900, 1},
		{again, []payment.Payout{first, again}, 0, 2},
	} {
		s.Store = until{map[string]time.Time{}}
		if err := s.Due(t.Context(), []payment.Provider{told{out: c.paid, back: c.back}}); err != nil {
			t.Fatal(err)
		}
		var bank, provider, incidents int64
		if err := owner.QueryRow(t.Context(), `select coalesce(sum(amount) filter (where account = 'bank'), 0)::bigint,
				coalesce(sum(amount) filter (where account = 'provider'), 0)::bigint,
				(select count(*) from incident where class = 'payout_sent_back')
			from ledger_entry where parking = 'altmarkt'`).Scan(&bank, &provider, &incidents); err != nil {
			t.Fatal(err)
		}
		if bank != c.bank || provider != -c.bank || incidents != c.incidents {
			t.Errorf("%d: %d in the bank, %d with the provider, %d incidents; want %d and %d", n, bank, provider, incidents, c.bank, c.incidents)
		}
	}
}
