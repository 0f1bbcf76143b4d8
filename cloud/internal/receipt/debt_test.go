package receipt_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// owing is a house with its API, and stays that left four hours after they began,
// which cost 9.60, of which 4.80 were held.
type owing struct {
	*house
	url  string
	bank *sandbox.Provider
}

func newOwing(t *testing.T) *owing {
	t.Helper()
	o := &owing{house: newHouse(t)}
	o.booking.ProviderTimeout = 200 * time.Millisecond
	o.bank = sandbox.New(postgres.NewSandbox(o.db), sandbox.Options{Now: o.now})
	handler, err := httpapi.New(httpapi.Config{Booking: o.booking, Log: slog.New(slog.DiscardHandler)})
	o.must(handler, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// stays parks a vehicle too long.
func (o *owing) stays() booking.View {
	o.t.Helper()
	from := timerange.Floor(o.now()).Time().Add(time.Hour)
	v := o.reserveBy(sandbox.NoIncrement, from, 2*time.Hour)
	s := id.New[id.Session](from)
	o.at(from.Add(time.Minute))
	o.see(wire.Event{Kind: wire.Entered, Session: s, Reservation: v.Reservation.ID, Generation: 1, Reason: wire.AdmitReservation, SpaceType: id.Standard}, from.Add(time.Minute))
	o.at(from.Add(4 * time.Hour))
	o.see(wire.Event{Kind: wire.Exited, Session: s, Reservation: v.Reservation.ID}, from.Add(4*time.Hour))
	o.settled(v)
	o.at(o.now().Add(-4 * time.Hour)) // for the next one
	return v
}

// call asks for something about a reservation.
func (o *owing) call(v booking.View, method, what, key, body string) (int, api.Reservation, string) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.url+"/reservations/"+v.Reservation.ID.String()+what, strings.NewReader(body))
	o.must(req, err)
	req.Header.Set("Authorization", "Bearer "+v.Token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	o.must(resp, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	o.must(raw, err)
	var got struct {
		Reservation api.Reservation `json:"reservation"`
		Code        string          `json:"code"`
	}
	o.must(nil, json.Unmarshal(raw, &got))
	return resp.StatusCode, got.Reservation, got.Code
}

func (o *owing) pay(v booking.View, key, card string) (int, api.Reservation, string) {
	o.t.Helper()
	body := "{}"
	if card != "" {
		body = `{"payment_method":"` + card + `"}`
	}
	return o.call(v, http.MethodPost, "/pay", key, body)
}

// owes checks what a reservation owes, and how its newest payment of that stands.
func (o *owing) owes(v booking.View, minor int64, state string) *api.Payment {
	o.t.Helper()
	status, r, _ := o.call(v, http.MethodGet, "", "", "")
	if status != http.StatusOK || r.Owed == nil || r.Owed.Amount.Minor != minor {
		if r.Owed != nil && r.Owed.Payment != nil {
			o.t.Logf("%+v", *r.Owed.Payment)
		}
		o.t.Fatalf("%d, owes %+v, not %d", status, r.Owed, minor)
	}
	p := r.Owed.Payment
	if p == nil && state == "" {
		return nil
	}
	if p == nil || string(p.State) != state {
		o.t.Fatalf("%+v is not %s", p, state)
	}
	return p
}

// paid checks that all of a stay was taken, once, by our books and by the bank's, and
// that its receipt says so.
func (o *owing) paid(v booking.View) {
	o.t.Helper()
	o.owes(v, 0, "captured")
	r := o.sound(v, bill.Overstayed)
	if r.Bill.Due.Minor != 960 || r.Sums.Captured.Minor != 960 || r.Sums.Owed.Minor != 0 || r.Sums.Charged.Minor != 960 {
		o.t.Errorf("%+v", r.Sums)
	}
	held, err := o.bank.Holds(o.t.Context(), place, 1000)
	o.must(held, err)
	var sum int64
	for _, h := range held {
		if h.Reservation == v.Reservation.ID.String() {
			sum += h.Captured
		}
	}
	if sum != 960 {
		o.t.Errorf("the bank has taken %d", sum)
	}
}

// clock runs the task that collects debts.
func (o *owing) clock() {
	o.t.Helper()
	task := schedule.Debts(postgres.NewSchedule(o.db), o.booking, o.settle, []string{sandbox.Name}, slog.New(slog.DiscardHandler))
	o.must(nil, task.Run(o.t.Context(), o.now()))
}

// A driver pays what his stay owes: with another card, twice, with a second step, or
// with one whose answer is lost; the receipt has it.
func TestADriverPaysWhatHeOwes(t *testing.T) {
	o := newOwing(t)
	v := o.stays()
	o.owes(v, 480, "")
	if r := o.sound(v, bill.Overstayed); r.Sums.Owed.Minor != 480 {
		t.Errorf("%+v", r.Sums)
	}
	if status, _, code := o.pay(v, "", sandbox.OK); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity || code != booking.CodeKeyMissing {
		t.Errorf("without a key: %d %s", status, code)
	}
	if status, _, code := o.pay(v, "a-key-to-pay-with-0", "cash"); status != http.StatusUnprocessableEntity || code != booking.CodeMethodNeeded {
		t.Errorf("a promise: %d %s", status, code)
	}
	for range 2 {
		if status, _, code := o.pay(v, "a-key-to-pay-with-1", sandbox.Declined); status != http.StatusPaymentRequired || code != booking.CodeDeclined {
			t.Fatalf("%d %s", status, code)
		}
	}
	if p := o.owes(v, 480, "declined"); p.DeclineCode == nil || *p.DeclineCode != "card_declined" {
		t.Errorf("%+v", p)
	}
	for range 2 {
		status, r, code := o.pay(v, "a-key-to-pay-with-2", sandbox.OK)
		if status != http.StatusOK || r.Owed == nil || r.Owed.Amount.Minor != 0 || r.Owed.Payment.State != "captured" || r.Owed.Payment.Captured.Minor != 480 {
			t.Fatalf("%d %s %+v", status, code, r.Owed)
		}
	}
	if status, _, code := o.pay(v, "a-key-to-pay-with-3", sandbox.OK); status != http.StatusConflict || code != booking.CodeNothingOwed {
		t.Errorf("again: %d %s", status, code)
	}
	if status, _, code := o.pay(v, "a-key-to-pay-with-2", sandbox.Declined); status != http.StatusUnprocessableEntity || code != booking.CodeKeyReused {
		t.Errorf("the key with another card: %d %s", status, code)
	}
	o.paid(v)

	v = o.stays()
	status, r, code := o.pay(v, "a-key-to-pay-with-4", sandbox.SecondFactor)
	if status != http.StatusOK || r.Owed.Payment.NextAction == nil || r.Owed.Amount.Minor != 0 {
		t.Fatalf("%d %s %+v", status, code, r.Owed)
	}
	if r := o.sound(v, bill.Overstayed); r.Sums.Owed.Minor != 480 || len(r.Payments) != 1 {
		t.Errorf("while it waits: %+v", r.Sums)
	}
	_, ref, _ := strings.Cut(*r.Owed.Payment.NextAction, "/challenge/")
	done, err := o.bank.Complete(t.Context(), ref, true)
	o.must(done, err)
	if status, r, code := o.call(v, http.MethodPost, "/confirm", "", ""); status != http.StatusOK || r.Owed.Payment.State != "captured" {
		t.Fatalf("%d %s %+v", status, code, r.Owed)
	}
	o.paid(v)

	v = o.stays()
	for range 2 {
		if status, r, code := o.pay(v, "a-key-to-pay-with-5", sandbox.Timeout); status != http.StatusAccepted || r.Owed.Payment.State != "unknown" {
			t.Fatalf("%d %s %+v", status, code, r.Owed)
		}
	}
	if status, _, code := o.pay(v, "a-key-to-pay-with-6", sandbox.OK); status != http.StatusConflict || code != booking.CodePaying {
		t.Errorf("while nobody knows: %d %s", status, code)
	}
	o.completes(v)
	o.paid(v)
}

// completes does what the jobs do for payments that nobody heard about.
func (o *owing) completes(v booking.View) {
	o.t.Helper()
	o.at(o.now().Add(2 * settlement.Quiet))
	stuck, err := postgres.NewSchedule(o.db).Unsettled(o.t.Context(), o.now().Add(-settlement.Quiet), o.now().Add(-settlement.Quiet), 100)
	o.must(stuck, err)
	for _, j := range stuck {
		if j.Reservation == v.Reservation.ID {
			o.must(nil, o.settle.Review(o.t.Context(), j.Parking, j.Payment))
			o.must(nil, o.settle.Capture(o.t.Context(), j.Parking, j.Payment))
		}
	}
}

// Whoever pays many times at once pays once.
func TestPayingAtOncePaysOnce(t *testing.T) {
	o := newOwing(t)
	v := o.stays()
	var wg sync.WaitGroup
	answers := make([]int, 12)
	for i := range answers {
		wg.Go(func() {
			if i == 0 {
				_ = o.booking.Collect(t.Context(), place, v.Reservation.ID) // the clock asks as well
				answers[i] = http.StatusOK
				return
			}
			answers[i], _, _ = o.pay(v, "a-key-to-pay-with-"+string(rune('a'+i%6)), sandbox.OK)
		})
	}
	wg.Wait()
	for _, status := range answers {
		if status != http.StatusOK && status != http.StatusAccepted && status != http.StatusConflict {
			t.Errorf("answered %d", status)
		}
	}
	o.completes(v)
	o.clock()
	// When the clock was first, with the card of the reservation, which is declined, all
	// drivers were told that somebody pays.
	taken := func(status int) bool { return status == http.StatusOK || status == http.StatusAccepted }
	if !slices.ContainsFunc(answers[1:], taken) {
		if status, _, code := o.pay(v, "a-key-to-pay-with-z", sandbox.OK); status != http.StatusOK && code != booking.CodeNothingOwed {
			t.Errorf("afterwards: %d %s", status, code)
		}
	}
	o.paid(v)
}

// dying is a committer whose process dies before the nth commit, or after it.
type dying struct {
	commit.Committer
	before, after int
}

var errDied = errors.New("the process died")

func (d *dying) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	if d.before--; d.before == 0 {
		return commit.Receipt{}, errDied
	}
	r, err := d.Committer.Commit(ctx, op)
	if d.after--; d.after == 0 {
		return commit.Receipt{}, errDied
	}
	return r, err
}

// The process dies between the provider's answers and its commits: the completer
// finishes it, and the driver's repeated request finds it done.
func TestADeathBetweenTheBankAndTheBooksIsFinished(t *testing.T) {
	o := newOwing(t)
	for name, d := range map[string]*dying{
		"after the debt was set aside":        {after: 1},
		"before the hold is booked":           {before: 2},
		"after the hold was booked":           {after: 2},
		"between the taking and its booking":  {before: 3},
		"after the taking was booked as well": {after: 3},
	} {
		v := o.stays()
		mortal := *o.booking
		d.Committer = o.committer
		mortal.Commits = d
		key := "a-key-" + strings.ReplaceAll(name, " ", "-")
		answer, err := mortal.Pay(t.Context(), v.Reservation.ID, booking.PayRequest{Key: key, Method: sandbox.OK})
		if lived := d.before == 0 && d.after == 0; lived {
			t.Fatalf("%s: %+v, %v", name, answer.Debt, err)
		}
		o.completes(v)
		status, r, code := o.pay(v, key, sandbox.OK)
		if name == "after the debt was set aside" { // the bank was never asked, so nothing is held under that key
			if status != http.StatusPaymentRequired {
				t.Errorf("%s: %d %s", name, status, code)
			}
			status, r, code = o.pay(v, key+"-2", sandbox.OK)
		}
		if status != http.StatusOK || r.Owed.Payment.State != "captured" {
			t.Errorf("%s: %d %s %+v", name, status, code, r.Owed)
		}
		o.paid(v)
	}
}

// The clock takes what is owed from the card while its driver is away: once. Where
// the bank asks for him, he is waited for, and then it is owed again.
func TestTheClockCollectsWhatIsOwed(t *testing.T) {
	o := newOwing(t)
	v, careful, bad := o.stays(), o.stays(), o.stays()
	owner := postgrestest.Owner(t, o.dsn)
	recard := func(v booking.View, card string) { // which no program of ours does
		o.must(owner.Exec(t.Context(), `update payment set method = $1 where id = $2`, card, v.Payment.ID.UUID()))
	}
	recard(careful, sandbox.SecondFactor)
	recard(bad, sandbox.Absent)
	for range 3 {
		o.clock()
	}
	o.paid(v)
	if p := o.owes(bad, 480, "declined"); *p.DeclineCode != sandbox.CodeAbsent {
		t.Errorf("%+v", p)
	}
	if n := o.count(careful) + o.count(bad) + o.count(v); n != 3 {
		t.Errorf("%d payments", n)
	}
	if p := o.owes(careful, 0, "requires_action"); p.NextAction == nil {
		t.Errorf("%+v", p)
	}
	o.at(o.now().Add(booking.PayAwayWithin - time.Minute))
	o.clock()
	o.owes(careful, 0, "requires_action")
	o.at(o.now().Add(2 * time.Minute))
	o.clock()
	o.owes(careful, 480, "void_requested")
	o.completes(careful)
	for _, v := range []booking.View{careful, bad} {
		if status, _, code := o.pay(v, "a-key-of-"+v.Reservation.ID.String(), sandbox.OK); status != http.StatusOK {
			t.Errorf("%d %s", status, code)
		}
		o.paid(v)
	}
}

// A driver who takes the second step and never comes back has paid.
func TestASecondStepThatIsTakenIsHeardOf(t *testing.T) {
	o := newOwing(t)
	v := o.stays()
	_, r, _ := o.pay(v, "a-key-to-pay-with-1", sandbox.SecondFactor)
	_, ref, _ := strings.Cut(*r.Owed.Payment.NextAction, "/challenge/")
	done, err := o.bank.Complete(t.Context(), ref, true)
	o.must(done, err)
	o.at(o.now().Add(booking.PayWithin + time.Minute))
	o.clock()
	o.completes(v)
	o.paid(v)
}

// count is how many payments there are of what a reservation's stay owed.
func (o *owing) count(v booking.View) (n int) {
	o.t.Helper()
	o.must(nil, o.db.Pool().QueryRow(o.t.Context(), `select count(*) from payment where reservation = $1 and debt is not null`, v.Reservation.ID.UUID()).Scan(&n))
	return n
}
