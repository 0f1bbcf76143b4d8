package crash

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reconcile"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/cloud/internal/soak/check"
	"github.com/openlot/openlot/protocol/id"
	protocol "github.com/openlot/openlot/protocol/wire"
)

const place id.Parking = "altmarkt"

// town is what outlives every process: the database, the payment provider, the
// parking's edge, and time.
type town struct {
	t        *testing.T
	dsn      string
	owner    *pgx.Conn
	bank     *sandbox.Provider
	journal  id.Journal
	epoch    uint32
	seq      uint64
	*process // the one that lives now

	mu sync.Mutex
	at time.Time
}

// process is one process of the cloud.
type process struct {
	wire     *wire
	db       *postgres.DB
	booking  *booking.Service
	operator booking.Operator
	settle   *settlement.Service
	due      postgres.Schedule
	compare  reconcile.Service
	tasks    []schedule.Task
	commits  commit.Committer
	end      func()
}

// newTown has a bank whose holds stand so long; 0: long.
func newTown(t *testing.T, holdLife time.Duration) *town {
	t.Helper()
	w := &town{t: t, dsn: postgrestest.DSN(t), at: time.Now().UTC().Truncate(time.Minute)}
	w.owner = postgrestest.Owner(t, w.dsn)
	theirs := postgrestest.Open(t, w.dsn) // another company's connections
	postgrestest.Import(t, theirs, w.now(), postgrestest.Parking(place, 50))
	w.bank = sandbox.New(postgres.NewSandbox(theirs), sandbox.Options{Now: w.now, HoldLife: holdLife})
	w.restart()
	t.Cleanup(func() { w.process.end() })
	w.journal = id.New[id.Journal](w.now())
	greet := &fleet.Greet{Lot: place, Hello: protocol.Hello{Journal: w.journal}}
	w.must(w.commits.Commit(t.Context(), greet))
	w.epoch = greet.Mark.Epoch
	return w
}

func (w *town) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *town) move(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(by)
}

func (w *town) must(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// restart ends the process if there is one, and starts another.
func (w *town) restart() {
	w.t.Helper()
	if w.process != nil {
		w.process.end()
	}
	quiet := slog.New(slog.DiscardHandler)
	p := &process{wire: newWire()}
	open := func() *postgres.DB {
		db, err := postgres.Open(w.t.Context(), w.dsn, quiet, postgres.Options{MaxConns: 4, Dial: p.wire.dial})
		w.must(db, err)
		return db
	}
	var selling *postgres.DB
	p.db, selling = open(), open()
	seeded, err := p.db.SeedHorizon(w.t.Context(), w.now())
	w.must(seeded, err)
	committer := postgres.NewCommitter(selling, quiet, w.now, func(id.Parking, uint64) {})
	done := make(chan error, 1)
	go func() { done <- committer.Run(p.wire.life) }()
	p.end = func() {
		p.wire.die()
		p.wire.cut()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		selling.Close()
		p.db.Close()
	}
	p.commits = mortal{committer, p.wire}
	store := postgres.NewBooking(p.db)
	key, err := store.SigningKey(w.t.Context())
	w.must(key, err)
	tokens, err := booking.NewTokens(make([]byte, 32))
	w.must(tokens, err)
	bank := line{w.bank, p.wire}
	p.booking = booking.NewService(booking.Config{
		Store: store, Commits: p.commits, Provider: bank, Tokens: tokens, Passes: booking.Passes{Key: key}, Log: quiet, Now: w.now, ProviderTimeout: time.Second,
	})
	p.operator = booking.Operator{Reservations: store, Commits: p.commits}
	p.settle = settlement.NewService(postgres.NewPayments(p.db), p.commits, p.booking, w.now, quiet, bank)
	p.compare = reconcile.Service{Store: postgres.NewReconcile(p.db), Commits: p.commits, Refunds: p.settle, Now: w.now}
	p.due = postgres.NewSchedule(p.db)
	p.tasks = append(schedule.Payments(p.due, p.booking, p.settle, p, quiet), schedule.Lifecycle(p.due, p.booking, quiet)...)
	p.tasks = append(p.tasks, schedule.Debts(p.due, p.booking, p.settle, []string{sandbox.Name}, quiet))
	w.process = p
}

// Insert implements schedule.Queue: it does the jobs at once.
func (p *process) Insert(ctx context.Context, jobs []relay.Job) error {
	for _, j := range jobs {
		do := map[relay.Kind]func(context.Context, id.Parking, id.Payment) error{
			relay.Capture: p.settle.Capture, relay.Void: p.settle.Void, relay.Resolve: p.settle.Resolve, relay.Refund: p.settle.Refund,
		}[j.Kind]
		if err := do(ctx, j.Parking, j.Payment); err != nil && !errors.Is(err, settlement.ErrTooSoon) {
			return err
		}
	}
	return nil
}

// jobs does what the feed asks for, as the relay has it done at once.
func (p *process) jobs(ctx context.Context, now time.Time) error {
	asked, err := p.due.Unsettled(ctx, now.Add(time.Hour), now.Add(time.Hour), 100)
	if err != nil {
		return err
	}
	return p.Insert(ctx, asked)
}

// run does one task of the clock.
func (p *process) run(ctx context.Context, name string, now time.Time) error {
	for _, t := range p.tasks {
		if t.Name == name {
			return t.Run(ctx, now)
		}
	}
	return errors.New("there is no task " + name)
}

// rest lets minutes pass, with all tasks in each, until nothing moves any more.
func (w *town) rest() {
	w.t.Helper()
	for range 40 {
		w.move(time.Minute)
		for _, t := range w.tasks {
			w.must(t.Name, t.Run(w.t.Context(), w.now()))
		}
		if w.count(`select (select count(*) from payment where state in ('requested', 'unknown', 'requires_action', 'capture_requested', 'void_requested')
				or refunds @? '$[*] ? (@.state == "requested" || @.state == "pending")')
			+ (select count(*) from reservation where state = 'held' or pending is not null)`) == 0 {
			return
		}
	}
	w.t.Fatal("it never comes to rest")
}

func (w *town) count(sql string, args ...any) (n int64) {
	w.t.Helper()
	w.must(nil, w.owner.QueryRow(w.t.Context(), sql, args...).Scan(&n))
	return n
}

// sound checks all that is stored: capacity, payments, ledger, keys and feed by the
// soak's checker, and our books against the bank's since an instant.
func (w *town) sound(since time.Time) {
	w.t.Helper()
	rows, err := check.Read(w.t.Context(), w.owner, w.now)
	w.must(rows, err)
	if report := check.Check(rows); !report.OK() {
		w.t.Fatal(report)
	}
	books, err := w.compare.Compare(w.t.Context(), w.bank, since, w.now())
	w.must(books, err)
	if len(books.Differences)+len(books.OnTheWay) > 0 {
		w.t.Fatalf("the books differ: %v, on their way: %v", books.Differences, books.OnTheWay)
	}
	// What stands at the bank is what we have authorised, hold by hold.
	theirs := w.list(`select key from sandbox.hold where kind = 'hold' and state = 'authorized' and capture_before > $1 order by key`)
	var ours []string
	for _, raw := range w.list(`select id::text from payment where state = 'authorized' and capture_before > $1`) {
		p := payment.Payment{}
		w.must(raw, p.ID.Scan(raw))
		ours = append(ours, p.Key(payment.CallHold))
	}
	slices.Sort(ours)
	if !slices.Equal(ours, theirs) {
		w.t.Fatalf("we have authorised %q, at the bank stand %q", ours, theirs)
	}
	if n := w.count(`select count(*) from incident where class <> $1`, booking.ClassRefunded); n != 0 {
		w.t.Fatalf("%d incidents ask for a person", n)
	}
}

func (w *town) list(sql string) []string {
	w.t.Helper()
	rows, err := w.owner.Query(w.t.Context(), sql, w.now())
	w.must(rows, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	w.must(out, err)
	return out
}

// account is what the bank did for a reservation.
type account struct{ standing, taken, takenFrom, back int64 }

func (w *town) account(r id.Reservation) (m account) {
	w.t.Helper()
	w.must(nil, w.owner.QueryRow(w.t.Context(), `select count(*) filter (where state = 'authorized' and capture_before > $2),
		coalesce(sum(captured), 0), count(*) filter (where captured > 0), coalesce(sum(refunded), 0)
		from sandbox.hold where reservation = $1 and kind = 'hold'`, r.String(), w.now()).Scan(&m.standing, &m.taken, &m.takenFrom, &m.back))
	return m
}

// reserve makes a reservation that begins in a while.
func (w *town) reserve(card string, in, lasts time.Duration) booking.View {
	w.t.Helper()
	v, err := w.booking.Reserve(w.t.Context(), w.request(card, in, lasts))
	w.must(v, err)
	return v
}

func (w *town) request(card string, in, lasts time.Duration) booking.Request {
	from := w.now().Add(in)
	return booking.Request{
		Key: id.New[id.Reservation](w.now()).String(), Parking: string(place), SpaceType: string(id.Standard),
		From: from, To: from.Add(lasts), Method: card, Email: "jana@posteo.example",
	}
}

// passage is what the gate sees next. Applied again it is the same passage.
func (w *town) passage(kind protocol.EventKind, v booking.View, stay id.Session) func(context.Context, *process) error {
	w.t.Helper()
	w.seq++
	e := protocol.Event{
		Kind: kind, Session: stay, Reservation: v.Reservation.ID, Seq: w.seq, Boot: id.New[id.Boot](w.now()), Mono: w.seq,
		Wall: w.now().UnixMilli(), TrustedLo: w.now().UnixMilli(), Lane: "lane-1",
	}
	if kind == protocol.Entered {
		e.Generation, e.Reason, e.SpaceType = v.Reservation.Generation, protocol.AdmitReservation, id.Standard
	}
	raw, err := protocol.Marshal(&e)
	w.must(raw, err)
	return func(ctx context.Context, p *process) error {
		standing, err := p.db.Standing(ctx, place, w.journal)
		if err != nil {
			return err
		}
		op := &fleet.ApplyEvents{Lot: place, Journal: w.journal, Epoch: w.epoch, Events: []protocol.Event{e}, Raw: [][]byte{raw}, Inside: standing.Inside}
		_, err = p.commits.Commit(ctx, op)
		return err
	}
}

// stays has a vehicle of a new reservation of two hours inside for so long; what the
// gate sees then is returned.
func (w *town) stays(card string, inside time.Duration) (booking.View, func(context.Context, *process) error) {
	w.t.Helper()
	v, stay := w.reserve(card, time.Hour, 2*time.Hour), id.New[id.Session](w.now())
	w.move(time.Hour)
	w.must(nil, w.passage(protocol.Entered, v, stay)(w.t.Context(), w.process))
	w.move(inside)
	return v, w.passage(protocol.Exited, v, stay)
}
