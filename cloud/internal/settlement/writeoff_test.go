package settlement_test

import (
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// debt is a stay that ended with something owed.
type debt struct {
	s    id.Session
	owed money.Amount
}

func (debt) Parking() id.Parking     { return here }
func (debt) Prefetch(r *commit.Rows) {}
func (o debt) Apply(w *commit.Work, now time.Time) error {
	owed := o.owed
	w.PutSession(&session.Session{ID: o.s, SpaceType: id.Standard, State: session.Left, EnteredAt: now, ExitedAt: now, Due: &owed, Owed: &owed})
	return w.Book(ledger.StayOwed(id.Reservation{}, o.s, owed, money.New(0, owed.Currency)))
}

func (w *world) debt(minor int64) id.Session {
	w.t.Helper()
	s := id.New[id.Session](time.Now())
	if _, err := w.committer.Commit(w.t.Context(), debt{s, money.New(minor, "EUR")}); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// stands is what the stay owes, what the books say of it, and the incidents.
func (w *world) stands(s id.Session) (owed, receivable, lost int64, incidents int) {
	w.t.Helper()
	err := w.owner.QueryRow(w.t.Context(), `select (select owed from session where id = $1),
		(select coalesce(sum(amount), 0) from ledger_entry where session = $1 and account = 'receivable'),
		(select coalesce(sum(amount), 0) from ledger_entry where session = $1 and account = 'adjustments'),
		(select count(*) from incident where session = $1 and class = 'written_off')`, s.UUID()).Scan(&owed, &receivable, &lost, &incidents)
	if err != nil {
		w.t.Fatal(err)
	}
	return owed, receivable, lost, incidents
}

func TestADebtIsWrittenOffUpToWhatIsOwed(t *testing.T) {
	w := newWorld(t)
	debts := settlement.Debts{Sessions: postgres.NewReceipts(w.db), Commits: w.committer}
	s := w.debt(250)
	some := func(n int64) *int64 { return &n }
	for name, x := range map[string]struct {
		stay       id.Session
		minor      *int64
		by, reason string
		code       string
	}{
		"more than is owed": {s, some(251), "Ada", "bankrupt", settlement.CodeMoreThanOwed},
		"nothing":           {s, some(0), "Ada", "bankrupt", settlement.CodeMoreThanOwed},
		"less than nothing": {s, some(-1), "Ada", "bankrupt", settlement.CodeMoreThanOwed},
		"by nobody":         {s, nil, " ", "bankrupt", settlement.CodeSaysWho},
		"for no reason":     {s, nil, "Ada", "", settlement.CodeSaysWho},
		"a control sign":    {s, nil, "Ada", "a\x00b", settlement.CodeSaysWho},
		"another stay":      {id.New[id.Session](time.Now()), nil, "Ada", "bankrupt", settlement.CodeUnknownSession},
	} {
		if _, err := debts.WriteOff(t.Context(), here, x.stay, x.minor, x.by, x.reason, time.Now()); fault.Code(err) != x.code {
			t.Errorf("%s: %v, want %s", name, err, x.code)
		}
	}
	if owed, receivable, lost, n := w.stands(s); owed != 250 || receivable != 250 || lost != 0 || n != 0 {
		t.Fatalf("refused, and yet owed %d, receivable %d, lost %d, %d incidents", owed, receivable, lost, n)
	}
	if a, err := debts.WriteOff(t.Context(), here, s, some(100), "Ada", "goodwill", time.Now()); err != nil || a != money.New(100, "EUR") {
		t.Fatal(a, err)
	}
	if owed, receivable, lost, n := w.stands(s); owed != 150 || receivable != 150 || lost != 100 || n != 1 {
		t.Errorf("owed %d, receivable %d, lost %d, %d incidents", owed, receivable, lost, n)
	}
	if a, err := debts.WriteOff(t.Context(), here, s, nil, "Ada", "bankrupt", time.Now()); err != nil || a != money.New(150, "EUR") {
		t.Fatal(a, err)
	}
	if owed, receivable, lost, n := w.stands(s); owed != 0 || receivable != 0 || lost != 250 || n != 2 {
		t.Errorf("owed %d, receivable %d, lost %d, %d incidents", owed, receivable, lost, n)
	}
	if _, err := debts.WriteOff(t.Context(), here, s, nil, "Ada", "again", time.Now()); fault.Code(err) != settlement.CodeNothingOwed {
		t.Errorf("again: %v", err)
	}
	w.balanced()
}

// The same write-off again, because its answer was lost, changes nothing; and many
// at once give up no more than is owed.
func TestWriteOffsAtOnceGiveUpNoMoreThanIsOwed(t *testing.T) {
	w := newWorld(t)
	sessions := postgres.NewReceipts(w.db)
	s := w.debt(250)
	read, err := sessions.Session(t.Context(), here, s)
	if err != nil {
		t.Fatal(err)
	}
	op := &settlement.WriteOff{At: here, Stay: *read, Amount: money.New(40, "EUR"), By: "Ada", Reason: "goodwill", ID: id.New[id.Incident](time.Now())}
	for range 2 {
		if _, err := w.committer.Commit(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	if owed, _, lost, _ := w.stands(s); owed != 210 || lost != 40 {
		t.Fatalf("owed %d, lost %d", owed, lost)
	}
	debts := settlement.Debts{Sessions: sessions, Commits: w.committer}
	var g errgroup.Group
	var done atomic.Int64
	for range 12 {
		g.Go(func() error {
			n := int64(50)
			_, err := debts.WriteOff(t.Context(), here, s, &n, "Ada", "goodwill", time.Now())
			if err == nil {
				done.Add(1)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	owed, receivable, lost, n := w.stands(s)
	if written := done.Load(); owed != 210-50*written || receivable != owed || lost != 250-owed || int64(n) != written+1 || written < 1 || written > 4 {
		t.Errorf("%d times: owed %d, receivable %d, lost %d, %d incidents", written, owed, receivable, lost, n)
	}
	w.balanced()
}

// Two that come in one batch see each other.
func TestTwoWriteOffsOfOneBatch(t *testing.T) {
	owed := money.New(250, "EUR")
	stay := session.Session{ID: id.New[id.Session](time.Now()), Version: 3, State: session.Left, Owed: &owed}
	w := commit.NewWork(altmarkt())
	w.Load(commit.Rows{Sessions: []id.Session{stay.ID}}, commit.Loaded{Sessions: map[id.Session]*session.Session{stay.ID: &stay}})
	for i, want := range []bool{true, false} {
		err := w.Try(&settlement.WriteOff{At: here, Stay: stay, Amount: money.New(200, "EUR"), By: "Ada", Reason: "goodwill"}, time.Now())
		if (err == nil) != want {
			t.Errorf("number %d: %v", i+1, err)
		}
	}
	if x := w.Writes(); len(x.Entries) != 1 || *x.Sessions[0].Owed != money.New(50, "EUR") {
		t.Errorf("%+v", x)
	}
}
