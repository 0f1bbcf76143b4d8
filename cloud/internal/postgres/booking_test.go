package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/timerange"
)

func newShop(t *testing.T, db *postgres.DB) (*booking.Service, *bookingtest.Provider) {
	t.Helper()
	store := postgres.NewBooking(db)
	secret, err := store.Secret(t.Context(), "manage_token")
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := booking.NewTokens(secret)
	if err != nil {
		t.Fatal(err)
	}
	key, err := store.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	provider := bookingtest.NewProvider()
	return booking.NewService(booking.Config{
		Store: store, Commits: newCommitter(t, db), Provider: provider, Tokens: tokens, Passes: booking.Passes{Key: key},
		Log: slog.New(slog.DiscardHandler),
	}), provider
}

func request(key string) booking.Request {
	from := time.Now().UTC().Truncate(time.Second).Add(26 * time.Hour)
	return booking.Request{
		Key: "a-key-of-the-test-" + key, Parking: "altmarkt", SpaceType: "standard", From: from, To: from.Add(90 * time.Minute),
		Method: bookingtest.OK, Email: "driver@example.org", Plate: "DD AB 1",
	}
}

func TestSellingOnTheRealStore(t *testing.T) {
	db, dsn := postgrestest.New(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("altmarkt", 10))
	shop, provider := newShop(t, db)
	ctx := t.Context()

	req := request("k")
	quote, err := shop.Quote(ctx, req.Parking, req.SpaceType, req.From, req.To)
	if err != nil {
		t.Fatal(err)
	}
	req.Quote = quote.ID.String()
	v, err := shop.Reserve(ctx, req)
	if err != nil || v.Reservation.State != reservation.Confirmed || v.Reservation.Quote.Total != quote.Price.Total {
		t.Fatalf("%+v, %v", v, err)
	}
	stored, err := shop.Get(ctx, v.Reservation.ID)
	if err != nil || stored.Pass != v.Pass || stored.Reservation.Version != v.Reservation.Version || stored.Payment.Version != v.Payment.Version ||
		stored.Reservation.ConfirmedRevision != v.Reservation.ConfirmedRevision || stored.Payment.Ref == "" {
		t.Fatalf("answered %+v\nstored %+v, %v", v, stored, err)
	}
	again, err := shop.Reserve(ctx, req)
	if err != nil || again.Reservation.ID != v.Reservation.ID || again.Pass != v.Pass || provider.Calls() != 1 {
		t.Fatalf("%+v, %v", again, err)
	}
	other := req
	other.Plate = "DD AB 2"
	if _, err := shop.Reserve(ctx, other); fault.Code(err) != booking.CodeKeyReused {
		t.Fatal(err)
	}

	gone, err := shop.Cancel(ctx, v.Reservation.ID)
	if err != nil || gone.Reservation.State != reservation.Cancelled || gone.Payment.State != payment.VoidRequested {
		t.Fatalf("%+v, %v", gone, err)
	}
	if again, err = shop.Reserve(ctx, req); err != nil || again.Reservation.State != reservation.Cancelled || again.Pass != "" {
		t.Fatalf("%+v, %v", again, err)
	}
	if got, err := shop.Get(ctx, id.New[id.Reservation](time.Now())); fault.Code(err) != booking.CodeReservationNotFound {
		t.Fatalf("%+v, %v", got, err)
	}

	// A second step, from the store's point of view.
	second := request("second")
	second.Method = bookingtest.SecondFactor
	held, err := shop.Reserve(ctx, second)
	if err != nil || held.Payment.State != payment.RequiresAction {
		t.Fatalf("%+v, %v", held, err)
	}
	provider.Complete(held.Payment.Ref, true)
	if held, err = shop.Confirm(ctx, held.Reservation.ID); err != nil || held.Reservation.State != reservation.Confirmed || held.Pass == "" {
		t.Fatalf("%+v, %v", held, err)
	}

	var claimed, claims int
	owner := postgrestest.Owner(t, dsn)
	if err := owner.QueryRow(ctx, `select coalesce(sum(cap - f), 0) from inventory_day, unnest(free) f`).Scan(&claimed); err != nil {
		t.Fatal(err)
	}
	if err := owner.QueryRow(ctx, `select coalesce(sum(claim_to_q - claim_from_q), 0) from reservation`).Scan(&claims); err != nil {
		t.Fatal(err)
	}
	if claimed != claims || claimed == 0 {
		t.Fatalf("%d quarters are not free, %d are claimed", claimed, claims)
	}
}

func TestFiftyWantTheLastTen(t *testing.T) {
	db, _ := postgrestest.New(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("altmarkt", 10))
	shop, provider := newShop(t, db)
	var wg sync.WaitGroup
	var mu sync.Mutex
	passes := map[string]bool{}
	refused := 0
	for i := range 50 {
		wg.Go(func() {
			v, err := shop.Reserve(context.Background(), request(fmt.Sprint("k", i)))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && v.Reservation.State == reservation.Confirmed:
				passes[v.Pass] = true
			case fault.Code(err) == booking.CodeSoldOut:
				refused++
			default:
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	wg.Wait()
	if len(passes) != 10 || refused != 40 || provider.Standing() != 10 {
		t.Fatalf("%d sold, %d refused, %d held", len(passes), refused, provider.Standing())
	}
}

func TestOneKeySentManyTimesAtOnceMakesOneReservation(t *testing.T) {
	db, _ := postgrestest.New(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("altmarkt", 10))
	shop, provider := newShop(t, db)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := map[id.Reservation]bool{}
	req := request("k")
	for range 20 {
		wg.Go(func() {
			v, err := shop.Reserve(context.Background(), req)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made[v.Reservation.ID] = true
			} else if fault.Code(err) != booking.CodeInProgress {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(made) != 1 || provider.Calls() != 1 {
		t.Fatalf("%d reservations, %d calls", len(made), provider.Calls())
	}
}

func TestQuotesAreKeptAndSwept(t *testing.T) {
	db, _ := postgrestest.New(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("altmarkt", 1))
	store := postgres.NewBooking(db)
	now := time.Now().UTC().Truncate(time.Second)
	insert := func(expires time.Time) booking.Quote {
		q := booking.Quote{
			ID: id.New[id.Quote](now), Parking: "altmarkt", SpaceType: id.Standard, ExpiresAt: expires,
			Window: timerange.Range{From: now, To: now.Add(time.Hour)},
			Price:  reservation.Quote{Total: money.New(200, "EUR"), Tax: money.New(32, "EUR"), TariffVersion: 1},
		}
		if err := store.InsertQuote(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		return q
	}
	old, fresh := insert(now.Add(-2*time.Hour)), insert(now.Add(10*time.Minute))
	got, err := store.Quote(t.Context(), "altmarkt", fresh.ID)
	if err != nil || got == nil || got.Price.Total != fresh.Price.Total || !got.Window.To.Equal(fresh.Window.To) || !got.ExpiresAt.Equal(fresh.ExpiresAt) {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, x := range map[string]struct {
		p id.Parking
		q id.Quote
	}{"swept": {"altmarkt", old.ID}, "another parking's": {"elsewhere", fresh.ID}} {
		if got, err := store.Quote(t.Context(), x.p, x.q); got != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestKeysAreMadeOnceForAll(t *testing.T) {
	db, _ := postgrestest.New(t)
	store := postgres.NewBooking(db)
	var wg sync.WaitGroup
	seeds, secrets := make(chan []byte, 8), make(chan []byte, 8)
	for range 8 {
		wg.Go(func() {
			key, err := store.SigningKey(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			secret, err := store.Secret(context.Background(), "manage_token")
			if err != nil || len(secret) != 32 {
				t.Error(err)
			}
			seeds <- key.Seed()
			secrets <- secret
		})
	}
	wg.Wait()
	seed, secret := <-seeds, <-secrets
	for range 7 {
		if !bytes.Equal(<-seeds, seed) || !bytes.Equal(<-secrets, secret) {
			t.Fatal("two processes have different keys")
		}
	}
	keys, err := store.PassKeys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	key, _ := pass.SigningKeyFromSeed(seed)
	if !bytes.Equal(keys[0].ID, key.Public().ID) || !bytes.Equal(keys[0].Public, key.Public().Public) {
		t.Fatal("the published key is another one")
	}
	if other, err := store.Secret(t.Context(), "other"); err != nil || bytes.Equal(other, secret) {
		t.Fatal("two names share a secret")
	}
}
