package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

func TestADisputeIsKeptAsItStands(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	_, err := w.owner.Exec(t.Context(), `update payment set state = 'captured', captured = authorized, capture_amount = authorized where id = $1`, v.Payment.ID.UUID())
	if err != nil {
		t.Fatal(err)
	}
	tell := func(event, state string, at time.Time) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"id": event, "type": "dispute." + state, "created": at.Unix(), "data": map[string]any{
			"ref": v.Payment.Ref, // the hold is named, not the call that placed it
			"dispute": map[string]any{
				"ref": "dispute_1", "state": state, "amount": 240, "currency": "EUR", "reason": "fraudulent",
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		w.send(event, body)
	}
	stands := func() string {
		list, err := w.notices.Disputes(t.Context(), here, v.Payment.ID)
		if err != nil || len(list) != 1 || list[0].Amount != money.New(240, "EUR") || list[0].Reason != "fraudulent" {
			t.Fatalf("%+v, %v", list, err)
		}
		return string(list[0].State)
	}
	now := time.Now()
	tell("evt_1", "open", now)
	w.commits.after = true // it dies when the incident is stored, and the job is done again
	body := about("evt_2", v.Payment, "", map[string]any{"dispute": map[string]any{"ref": "dispute_1", "state": "won", "amount": 240, "currency": "EUR", "reason": "fraudulent"}})
	w.take("evt_2", body)
	if err := w.hooks.Heed(t.Context(), sandbox.Name, "evt_2"); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	if err := w.hooks.Heed(t.Context(), sandbox.Name, "evt_2"); err != nil {
		t.Fatal(err)
	}
	tell("evt_3", "open", now.Add(-time.Hour)) // comes late
	tell("evt_4", "open", now.Add(time.Hour))  // and from a clock that is ahead
	if got := stands(); got != "won" {
		t.Fatalf("it is %s", got)
	}
	if n := w.count(`select count(*) from incident where class = 'disputed'`); n != 2 {
		t.Fatalf("%d incidents, want one for each state", n)
	}
	if moved := w.booked(v.Payment.ID, "dispute"); !maps.Equal(moved, map[string]int{"provider": 0, "disputed": 0, "adjustments": 0}) {
		t.Fatalf("a dispute that is won has moved %v", moved)
	}
}

// What a driver's bank has taken back cannot be given back by us as well: not while
// it decides, and not once it has decided against us. The books have it in the end as
// lost, once, whatever the order in which its webhooks come.
func TestWhatIsDisputedIsNotGivenBackAsWell(t *testing.T) {
	for name, order := range map[string][]string{
		"in order": {"asked", "open", "lost"}, "twice": {"open", "open", "lost", "lost"}, "the end alone": {"lost"}, "the end first": {"lost", "open", "asked"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v := w.reserve(sandbox.OK)
			p := v.Payment
			if _, err := w.bank.Capture(t.Context(), p.Ref, p.Amount, p.Key("capture")); err != nil {
				t.Fatal(err)
			}
			if _, err := w.owner.Exec(t.Context(), `update payment set state = 'captured', captured = authorized, capture_amount = authorized where id = $1`, p.ID.UUID()); err != nil {
				t.Fatal(err)
			}
			op := booking.Operator{Reservations: postgres.NewBooking(w.db), Commits: w.commits}
			back := func(minor int64) error {
				_, err := op.Refund(t.Context(), here, v.Reservation.ID, false, &minor, "Ana", fmt.Sprintf("%d for the wait", minor))
				return err
			}
			if err := back(100); err != nil {
				t.Fatal(err)
			}
			const disputed = 240
			for i, state := range order {
				event := fmt.Sprintf("evt_%d", i)
				w.send(event, about(event, p, "", map[string]any{"dispute": map[string]any{
					"ref": "dispute_1", "state": state, "amount": disputed, "currency": "EUR", "reason": "fraudulent",
				}}))
				if state == "asked" && i == 0 {
					continue // the money is with us
				}
				if err := back(p.Amount.Minor - 100 - disputed + 1); err == nil || fault.From(err).Code != booking.CodeMoreThanTaken {
					t.Fatalf("more than is left is given back while it is %s: %v", state, err)
				}
			}
			if moved := w.booked(p.ID, "dispute"); !maps.Equal(moved, map[string]int{"provider": -disputed, "disputed": 0, "adjustments": disputed}) {
				t.Fatalf("it has moved %v", moved)
			}
			if err := back(p.Amount.Minor - 100 - disputed); err != nil {
				t.Fatalf("what is not disputed is not given back: %v", err)
			}
		})
	}
}

// booked is what is booked about a payment by entries of a kind.
func (w *world) booked(p id.Payment, kind string) map[string]int {
	w.t.Helper()
	rows, err := w.owner.Query(w.t.Context(), `select account, sum(amount)::int from ledger_entry where payment = $1 and kind = $2 group by account`, p.UUID(), kind)
	if err != nil {
		w.t.Fatal(err)
	}
	sums, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Account string
		Sum     int
	}])
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]int{}
	for _, s := range sums {
		out[s.Account] = s.Sum
	}
	return out
}
