package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/river"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/cloud/internal/webhook"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const here id.Parking = "altmarkt"

var (
	quiet  = slog.New(slog.DiscardHandler)
	secret = []byte("shared by the sandbox and us")
)

// world is a cloud with a database, whose webhooks the test sends itself.
type world struct {
	t       *testing.T
	owner   *pgx.Conn
	db      *postgres.DB
	books   *postgres.Sandbox
	notices postgres.Notices
	commits *crashing
	bank    *sandbox.Provider
	sell    *booking.Service
	hooks   *webhook.Service
	ahead   time.Duration // of everybody's clock
}

var errCrash = errors.New("the process died")

// crashing is a committer whose process dies around a commit, once.
type crashing struct {
	commit.Committer
	before, after bool
}

func (c *crashing) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	if c.before {
		c.before = false
		return commit.Receipt{}, errCrash
	}
	r, err := c.Committer.Commit(ctx, op)
	if c.after {
		c.after = false
		return commit.Receipt{}, errCrash
	}
	return r, err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, dsn := postgrestest.New(t)
	if err := river.Migrate(t.Context(), dsn, quiet); err != nil {
		t.Fatal(err)
	}
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking(here, 5))
	w := &world{t: t, db: db, owner: postgrestest.Owner(t, dsn), books: postgres.NewSandbox(db)}
	committer := postgres.NewCommitter(db, quiet, w.now, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- committer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	w.commits = &crashing{Committer: committer}
	w.bank = sandbox.New(w.books, sandbox.Options{Now: w.now, Webhooks: sandbox.Webhooks{Secret: secret}})
	queue, err := river.NewQueue(db.Pool(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	w.notices = postgres.NewNotices(db, queue)
	w.use(w.bank)
	return w
}

// now is everybody's clock.
func (w *world) now() time.Time { return time.Now().Add(w.ahead) }

// use has everything done by a bank.
func (w *world) use(bank *sandbox.Provider) {
	w.t.Helper()
	tokens, err := booking.NewTokens(make([]byte, 32))
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := pass.NewSigningKey()
	if err != nil {
		w.t.Fatal(err)
	}
	w.sell = booking.NewService(booking.Config{
		Store: postgres.NewBooking(w.db), Commits: w.commits, Provider: bank, Tokens: tokens, Passes: booking.Passes{Key: key},
		Log: quiet, Now: w.now, ProviderTimeout: 300 * time.Millisecond,
	})
	w.hooks = &webhook.Service{
		Store: w.notices, Commits: w.commits, Now: w.now, Log: quiet,
		Payments:  settlement.NewService(postgres.NewPayments(w.db), w.commits, w.sell, w.now, quiet, bank),
		Providers: map[string]payment.Announcer{sandbox.Name: bank},
	}
}

func (w *world) reserve(method string) booking.View {
	w.t.Helper()
	from := time.Now().Add(w.ahead).Truncate(time.Minute).Add(time.Minute)
	v, err := w.sell.Reserve(w.t.Context(), booking.Request{
		Key: id.New[id.Reservation](time.Now()).String(), Parking: string(here), SpaceType: string(id.Standard),
		From: from, To: from.Add(2 * time.Hour), Method: method, Email: "jana@posteo.example",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) get(r id.Reservation) booking.View {
	w.t.Helper()
	v, err := w.sell.Get(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.owner.QueryRow(w.t.Context(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// about is the body of a webhook about a payment's hold, which says whatever.
func about(event string, p payment.Payment, says payment.State, more map[string]any) []byte {
	data := map[string]any{
		"ref": p.Ref, "key": p.Key(payment.CallHold), "parking_id": here, "reservation_id": p.Reservation, "state": says,
	}
	maps.Copy(data, more)
	body, err := json.Marshal(map[string]any{"id": event, "type": "hold.changed", "created": time.Now().Unix(), "data": data})
	if err != nil {
		panic(err)
	}
	return body
}

func header(of map[string]string) func(string) string {
	return func(name string) string { return of[name] }
}

// send sends a webhook, signed now, and has it heeded.
func (w *world) send(event string, body []byte) {
	w.t.Helper()
	w.take(event, body)
	if err := w.hooks.Heed(w.t.Context(), sandbox.Name, event); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) take(event string, body []byte) {
	w.t.Helper()
	signed := sandbox.Sign(secret, event, body, time.Now().Add(w.ahead))
	if err := w.hooks.Take(w.t.Context(), sandbox.Name, header(signed), body); err != nil {
		w.t.Fatal(err)
	}
}

func TestWhatIsNotTheProvidersIsNotTaken(t *testing.T) {
	w := newWorld(t)
	p := w.reserve(sandbox.SecondFactor).Payment
	body, now := about("evt_1", p, payment.Authorized, nil), time.Now()
	long := about("evt_1", p, payment.Authorized, map[string]any{"ref": string(make([]byte, 300))})
	for name, c := range map[string]struct {
		provider string
		header   map[string]string
		body     []byte
		code     string
	}{
		"no such provider":    {"paypal", sandbox.Sign(secret, "evt_1", body, now), body, webhook.CodeUnknownProvider},
		"not signed":          {sandbox.Name, nil, body, webhook.CodeForged},
		"another secret":      {sandbox.Name, sandbox.Sign([]byte("guessed"), "evt_1", body, now), body, webhook.CodeForged},
		"another body":        {sandbox.Name, sandbox.Sign(secret, "evt_1", body, now), about("evt_1", p, payment.Declined, nil), webhook.CodeForged},
		"another event":       {sandbox.Name, sandbox.Sign(secret, "evt_2", body, now), body, webhook.CodeMalformed},
		"kept by somebody":    {sandbox.Name, sandbox.Sign(secret, "evt_1", body, now.Add(-6*time.Minute)), body, webhook.CodeStale},
		"from the future":     {sandbox.Name, sandbox.Sign(secret, "evt_1", body, now.Add(6*time.Minute)), body, webhook.CodeStale},
		"signed and no JSON":  {sandbox.Name, sandbox.Sign(secret, "evt_1", body[1:], now), body[1:], webhook.CodeMalformed},
		"names without end":   {sandbox.Name, sandbox.Sign(secret, "evt_1", long, now), long, webhook.CodeMalformed},
		"signed, of no event": {sandbox.Name, sandbox.Sign(secret, "", []byte("{}"), now), []byte("{}"), webhook.CodeMalformed},
	} {
		if err := w.hooks.Take(t.Context(), c.provider, header(c.header), c.body); fault.Code(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.count(`select count(*) from payment_notice`); n != 0 {
		t.Errorf("%d are stored", n)
	}
}

func TestAWebhookIsStoredOnceWithItsJob(t *testing.T) {
	w := newWorld(t)
	body := about("evt_1", w.reserve(sandbox.SecondFactor).Payment, payment.Authorized, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			signed := sandbox.Sign(secret, "evt_1", body, time.Now())
			if err := w.hooks.Take(t.Context(), sandbox.Name, header(signed), body); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n, jobs := w.count(`select count(*) from payment_notice`), w.count(`select count(*) from river.river_job where kind = 'webhook_heed'`); n != 1 || jobs != 1 {
		t.Fatalf("%d are stored, with %d jobs", n, jobs)
	}
	// One whose job got lost is found.
	later := time.Now().Add(time.Minute)
	if jobs, err := w.notices.Unheeded(t.Context(), later, 10); err != nil || len(jobs) != 1 || jobs[0].Event != "evt_1" {
		t.Fatalf("%+v, %v", jobs, err)
	}
	if err := w.hooks.Heed(t.Context(), sandbox.Name, "evt_1"); err != nil {
		t.Fatal(err)
	}
	w.take("evt_1", body) // once more, when all is done
	if jobs, err := w.notices.Unheeded(t.Context(), later, 10); err != nil || len(jobs) != 0 {
		t.Fatalf("%+v, %v", jobs, err)
	}
}

// A driver takes the second step and closes the browser, and the process dies at
// any point of hearing about it.
func TestASecondStepIsHeardOfWithoutItsDriver(t *testing.T) {
	for name, dies := range map[string]func(*crashing){
		"never":             func(*crashing) {},
		"before the commit": func(c *crashing) { c.before = true },
		"after the commit":  func(c *crashing) { c.after = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v := w.reserve(sandbox.SecondFactor)
			if _, err := w.bank.Complete(t.Context(), v.Payment.Ref, true); err != nil {
				t.Fatal(err)
			}
			w.take("evt_1", about("evt_1", v.Payment, payment.Authorized, nil))
			dies(w.commits)
			if err := w.hooks.Heed(t.Context(), sandbox.Name, "evt_1"); (err != nil) != (name != "never") {
				t.Fatal(err)
			}
			for range 2 { // the job is done again
				if err := w.hooks.Heed(t.Context(), sandbox.Name, "evt_1"); err != nil {
					t.Fatal(err)
				}
			}
			got := w.get(v.Reservation.ID)
			if got.Reservation.State != reservation.Confirmed || got.Payment.State != payment.Authorized || got.Pass == "" {
				t.Fatalf("%s, payment %s", got.Reservation.State, got.Payment.State)
			}
			if n := w.count(`select count(*) from ledger_entry where kind = 'hold'`); n != 2 {
				t.Fatalf("%d lines of a hold", n)
			}
		})
	}
}

// A method that is saved for a window beyond a hold's life is heard of likewise.
func TestASavedMethodIsHeardOf(t *testing.T) {
	w := newWorld(t)
	w.bank = sandbox.New(w.books, sandbox.Options{HoldLife: 24 * time.Hour, Webhooks: sandbox.Webhooks{Secret: secret}})
	w.use(w.bank)
	from := time.Now().Add(72 * time.Hour)
	v, err := w.sell.Reserve(t.Context(), booking.Request{
		Key: "a-key-of-this-reservation", Parking: string(here), SpaceType: string(id.Standard),
		From: from, To: from.Add(time.Hour), Method: sandbox.SecondFactor, Email: "jana@posteo.example",
	})
	if err != nil || v.Payment.State != payment.RequiresAction {
		t.Fatalf("%+v, %v", v.Payment, err)
	}
	body := func(event string) []byte {
		return about(event, v.Payment, payment.Authorized, map[string]any{"key": v.Payment.Key(payment.CallSave)})
	}
	w.send("evt_1", body("evt_1")) // too early: it lies
	if got := w.get(v.Reservation.ID); got.Reservation.State != reservation.Held {
		t.Fatalf("%s", got.Reservation.State)
	}
	if _, err := w.bank.Complete(t.Context(), v.Payment.Ref, true); err != nil {
		t.Fatal(err)
	}
	w.send("evt_2", body("evt_2"))
	if got := w.get(v.Reservation.ID); got.Reservation.State != reservation.Confirmed || got.Payment.State != payment.MethodKept || got.Pass == "" {
		t.Fatalf("%s, %s", got.Reservation.State, got.Payment.State)
	}
}

// Whatever webhooks say, however often and in whatever order, only what the
// provider says when it is asked is booked.
func TestAWebhookThatLiesChangesNothing(t *testing.T) {
	w := newWorld(t)
	waits, held, none := w.reserve(sandbox.SecondFactor), w.reserve(sandbox.OK), w.reserve(sandbox.OK)
	if _, err := w.sell.Cancel(t.Context(), none.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	settled := func(v booking.View) string {
		got := w.get(v.Reservation.ID)
		return fmt.Sprintf("%s %s %d", got.Reservation.State, got.Payment.State, got.Payment.Captured)
	}
	n := 0
	for range 2 {
		for _, says := range []payment.State{payment.Captured, payment.Voided, payment.Authorized, payment.Declined, payment.RequiresAction, "nonsense"} {
			for _, v := range []booking.View{waits, held, none} {
				n++
				event := fmt.Sprintf("evt_%d", n)
				w.send(event, about(event, v.Payment, says, nil))
			}
		}
	}
	if a, b, c := settled(waits), settled(held), settled(none); a != "held requires_action 0" || b != "confirmed authorized 0" || c != "cancelled voided 0" {
		t.Fatalf("%s; %s; %s", a, b, c)
	}
	// About others, and about nobody.
	stranger := held.Payment
	stranger.ID = id.New[id.Payment](time.Now())
	stranger.Ref = "hold_of_nobody"
	w.send("evt_x", about("evt_x", stranger, payment.Captured, nil))
	w.send("evt_y", about("evt_y", stranger, payment.Captured, map[string]any{"key": "somebody-elses", "parking_id": ""}))
	w.send("evt_z", about("evt_z", held.Payment, payment.Captured, map[string]any{"parking_id": "semperoper"}))
	if b := settled(held); b != "confirmed authorized 0" {
		t.Fatal(b)
	}
	if open := w.count(`select count(*) from payment_notice where done_at is null`); open != 0 {
		t.Fatalf("%d are heeded for ever", open)
	}
}

// A second step that is taken when its time is over gives the hold back.
func TestALateWebhookResurrectsNothing(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.SecondFactor)
	if _, err := w.bank.Complete(t.Context(), v.Payment.Ref, true); err != nil {
		t.Fatal(err)
	}
	w.ahead = time.Hour
	if _, err := w.sell.Expire(t.Context(), here, v.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	w.send("evt_1", about("evt_1", v.Payment, payment.Authorized, nil))
	got := w.get(v.Reservation.ID)
	bank, err := w.bank.Find(t.Context(), v.Payment.Key(payment.CallHold))
	if err != nil || got.Reservation.State != reservation.Expired || got.Payment.State != payment.Voided || bank.State != payment.Voided {
		t.Fatalf("%s, %s, at the bank %s, %v", got.Reservation.State, got.Payment.State, bank.State, err)
	}
}

// A hold that comes to stand when everybody had given it up is found and given
// back: money must not stay held for a week because of a call that took too long.
func TestAHoldThatNobodyWaitsForIsGivenBack(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.SecondFactor)
	_, err := w.owner.Exec(t.Context(), `with p as (update payment set state = 'voided', ref = '', next_action = '', version = version + 1 where id = $1)
		update reservation set state = 'expired', version = version + 1 where id = $2`, v.Payment.ID.UUID(), v.Reservation.ID.UUID())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.bank.Complete(t.Context(), v.Payment.Ref, true); err != nil {
		t.Fatal(err)
	}
	w.send("evt_1", about("evt_1", v.Payment, payment.Authorized, nil))
	w.send("evt_2", about("evt_2", v.Payment, payment.Authorized, nil)) // or the job that gives it back
	bank, err := w.bank.Find(t.Context(), v.Payment.Key(payment.CallHold))
	if got := w.get(v.Reservation.ID); err != nil || bank.State != payment.Voided || got.Payment.State != payment.Voided || got.Reservation.State != reservation.Expired {
		t.Fatalf("%s, %s, at the bank %s, %v", got.Reservation.State, got.Payment.State, bank.State, err)
	}
}

// Money that was moved by hand at the provider is told to a person, once.
func TestWhatWasDoneByHandIsToldOnce(t *testing.T) {
	w := newWorld(t)
	gone, taken := w.reserve(sandbox.OK), w.reserve(sandbox.OK)
	if _, err := w.bank.Void(t.Context(), gone.Payment.Ref, "by hand 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bank.Capture(t.Context(), taken.Payment.Ref, money.New(100, "EUR"), "by hand 2"); err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"evt_1", "evt_2"} {
		w.send(event+"a", about(event+"a", gone.Payment, payment.Voided, nil))
		w.send(event+"b", about(event+"b", taken.Payment, payment.Captured, nil))
	}
	if got := w.get(gone.Reservation.ID); got.Payment.State != payment.Lapsed || got.Reservation.State != reservation.Confirmed {
		t.Fatalf("%s, %s", got.Payment.State, got.Reservation.State)
	}
	if sum := w.count(`select coalesce(sum(amount), 0) from ledger_entry where payment = $1 and account = 'held'`, gone.Payment.ID.UUID()); sum != 0 {
		t.Fatalf("the books still hold %d of what is gone", sum)
	}
	if got := w.get(taken.Reservation.ID); got.Payment.State != payment.Authorized {
		t.Fatalf("%s", got.Payment.State)
	}
	if n := w.count(`select count(*) from incident where class = 'taken_elsewhere'`); n != 1 {
		t.Fatalf("%d incidents", n)
	}
}
