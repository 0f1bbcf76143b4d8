package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// sale is a confirmed reservation for a window.
type sale struct {
	at     id.Parking
	id     id.Reservation
	window timerange.Range
}

func (s *sale) Parking() id.Parking     { return s.at }
func (s *sale) Prefetch(r *commit.Rows) { r.Quarters(id.Standard, s.window.Claim()) }
func (s *sale) body() *feed.Reservation { return &feed.Reservation{ID: s.id, Generation: 1} }
func (s *sale) quote() reservation.Quote {
	total := money.New(1230, "EUR")
	return reservation.Quote{Total: total, TariffVersion: 1, Lines: []tariff.Line{{Rule: tariff.RuleRate, Amount: total}}}
}

func (s *sale) Apply(w *commit.Work, now time.Time) error {
	if err := w.Claim(id.Standard, s.window.Claim(), 1); err != nil {
		return err
	}
	p := &payment.Payment{ID: id.New[id.Payment](now), Reservation: s.id, State: payment.Authorized, Provider: "test", Method: "m", Amount: s.quote().Total, UpdatedAt: now}
	w.PutPayment(p)
	w.PutReservation(&reservation.Reservation{
		ID: s.id, Parking: s.at, State: reservation.Confirmed, Generation: 1, SpaceType: id.Standard, Window: s.window, Claim: s.window.Claim(),
		Quote: s.quote(), Payment: p.ID, Email: "driver@example.org", HoldUntil: now, NoShowAt: now, CreatedAt: now, UpdatedAt: now,
	})
	w.Emit(feed.ReservationConfirmed, feed.Body{Reservation: s.body()})
	return nil
}

// committing is a committer that works until the test ends.
func committing(t *testing.T, db *postgres.DB, now func() time.Time) *postgres.Committer {
	t.Helper()
	c := postgres.NewCommitter(db, slog.New(slog.DiscardHandler), now, func(id.Parking, uint64) {})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

// The commands, while a server's committer works on the same parking.
func TestAdminCommands(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 4))
	server := committing(t, db, time.Now)
	from := timerange.Floor(now.Add(48 * time.Hour)).Time()
	sell := func() (id.Reservation, error) {
		s := &sale{"north", id.New[id.Reservation](time.Now()), timerange.Range{From: from, To: from.Add(2 * time.Hour)}}
		_, err := server.Commit(t.Context(), s)
		return s.id, err
	}
	first, err := sell()
	if err != nil {
		t.Fatal(err)
	}
	second, err := sell()
	if err != nil {
		t.Fatal(err)
	}

	openlot := func(want int, args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		code := run(t.Context(), append(args, "--database-url", dsn, "--log-level", "error"), &out, &errOut)
		if code != want {
			t.Fatalf("openlot %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, &out, &errOut)
		}
		return out.String() + errOut.String()
	}
	has := func(text string, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(text, p) {
				t.Errorf("%q is not in:\n%s", p, text)
			}
		}
	}
	block := []string{"admin", "block", "north", "standard", "3", "--from", from.Format(time.RFC3339), "--to", from.Add(time.Hour).Format(time.RFC3339), "--reason", "painting"}

	text := openlot(0, block...)
	has(text, "3 bays", "1 too many", second.String(), "12.30 EUR", "nothing was cancelled")
	if strings.Contains(text, first.String()) {
		t.Errorf("the one that fits is listed:\n%s", text)
	}
	blk := regexp.MustCompile(`blk_\w+`).FindString(text)
	has(openlot(0, "admin", "blocks", "north"), blk, "painting", "3 standard")
	if _, err := sell(); err == nil {
		t.Error("sold where bays are blocked")
	}
	has(openlot(0, "admin", "unblock", "north", blk), "not blocked after all", "fits")
	has(openlot(1, "admin", "unblock", "north", blk), "block_removed")
	has(openlot(0, "admin", "blocks", "north"), "nothing is blocked")
	if _, err := sell(); err != nil {
		t.Error(err)
	}

	has(openlot(0, "admin", "neutral", "north", first.String(), "--by", "Eva", "--reason", "its exit was not seen"), first.String(), "is neutral")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("04a2b3c4d5e6f7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text = openlot(0, "admin", "card", "north", first.String(), "--token-file", token)
	if has(text, "stands for "+first.String()); strings.Contains(text, "04a2") {
		t.Errorf("the token is told: %s", text)
	}
	has(openlot(0, "admin", "card", "north", first.String(), "--token-file", token, "--remove"), first.String())
	has(openlot(1, "admin", "card", "north", first.String(), "--token-file", token+"x"), "file_unreadable")
	has(openlot(0, "admin", "policy", "north", "--entry-passback", "soft", "--offline", `{"stages":[{"after_minutes":0,"allow":["unknown"]}]}`), "was hard", "was default")
	has(openlot(1, "admin", "policy", "north", "--exit-passback", "trap"), "exit_passback")
	has(openlot(1, "admin", "policy", "north", "--offline", "{}x"), "--offline")
	has(openlot(0, "admin", "policy", "north", "--entry-passback", "hard", "--offline", "default"), "was soft")

	has(openlot(0, "admin", "capacity", "north", "standard", "2"), "had 4", "has 2", "92 days", "1 too many")
	has(openlot(0, "admin", "capacity", "north", "standard", "2"), "already", "1 too many")
	later := now.Add(80 * 24 * time.Hour).Format(time.DateOnly)
	has(openlot(0, "admin", "capacity", "north", "standard", "9", "--from", later), "had 2", "has 9", "12 days")
	has(openlot(0, "admin", "capacity", "north", "standard", "3"), "fits")
	if _, err := sell(); err == nil {
		t.Error("oversold")
	}

	// Whoever no longer fits can be told so by hand.
	has(openlot(0, "admin", "walk", "north", second.String(), "--reason", "Level 2 is flooded."), second.String()+" is walked", "void_requested")
	has(openlot(1, "admin", "void", "north", second.String(), "--reason", "once more"), "already_ended")
	has(openlot(0, "admin", "void", "north", first.String(), "--reason", "made twice"), first.String()+" is voided")
	has(openlot(1, "admin", "walk", "north", id.New[id.Reservation](now).String(), "--reason", "flood"), "reservation_not_found")
	has(openlot(1, "admin", "walk", "north", blk, "--reason", "flood"), "invalid_reservation_id")
	has(openlot(1, "admin", "void", "north", first.String(), "--reason", " "), "invalid_reason")
	has(openlot(2, "admin", "void", "north", first.String()), "--reason")
	has(openlot(2, "admin", "refund", "north", first.String(), "--amount", "-1", "--by", "rosa", "--reason", "a jammed ticket"), "-1 is below zero")
	var said []string
	if err := db.Pool().QueryRow(t.Context(), `select array_agg(class || ': ' || detail order by at) from incident`).Scan(&said); err != nil || len(said) != 2 {
		t.Fatalf("%q, %v", said, err)
	}
	has(said[0], "walked: ", "Level 2 is flooded.")
	has(said[1], "voided: ", "made twice")
	has(openlot(0, "admin", "incidents", "north"), "walked  "+second.String(), "Level 2 is flooded.", "voided  "+first.String())
	has(openlot(0, "admin", "incidents", "north", "--last", "1ns"), "no incident in north")
	has(openlot(0, "admin", "commands", "north"), "nobody commanded")
	has(openlot(1, "admin", "incidents", "nroth"), "parking_not_found")
	has(openlot(1, "admin", "commands", "nroth"), "parking_not_found")
	owner := postgrestest.Owner(t, dsn)
	for i, note := range []string{"open", "open" + wire.NoteRefused, wire.CountNote(3, 7)} {
		raw, err := wire.Marshal(&wire.Event{Seq: uint64(i + 1), Boot: id.New[id.Boot](now), Kind: wire.Commanded, Lane: "entry-1", Note: note, By: "rosa", Why: "a van\x1b[2J without a pass", Wall: now.UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := owner.Exec(t.Context(), `insert into observation (parking, epoch, seq, kind, at, raw) values ('north', 1, $2, 13, now(), $1)`, raw, i+1); err != nil {
			t.Fatal(err)
		}
	}
	has(openlot(0, "admin", "commands", "north"), "entry-1  open  ", "entry-1  open (the lane refused it)  ", "entry-1  count 7 (was 3)  ", `"rosa"`, `"a van\x1b[2J without a pass"`)

	// A tariff is shown as the document that it is, changed, and given back.
	shown := openlot(0, "admin", "tariff", "north")
	file := filepath.Join(t.TempDir(), "tariff.json")
	give := func(document string) string {
		t.Helper()
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	has(openlot(0, "admin", "tariff", "north", give(shown)), "version 1 already; nothing was changed")
	dearer := regexp.MustCompile(`"rate": \d+`).ReplaceAllString(shown, `"rate": 777`)
	has(openlot(1, "admin", "tariff", "north", give(dearer)), "tariff_version", "higher one")
	has(openlot(0, "admin", "tariff", "north", give(strings.Replace(dearer, `"version": 1`, `"version": 2`, 1))), "from version 1", "to version 2, from 7.77 EUR")
	has(openlot(0, "admin", "tariff", "north"), `"rate": 777`)
	if first := openlot(0, "admin", "tariff", "north", "--edition", "1"); first != shown {
		t.Errorf("the first edition is kept as it was:\n%s", first)
	}

	has(openlot(0, "admin", "policy", "north"), "horizon-days", "90", "30d")
	text = openlot(0, "admin", "policy", "north", "--horizon-days", "396", "--max-stay", "60d", "--min-lead", "90m")
	has(text, "was 90", "was 30d", "60d", "1h30m0s")
	has(openlot(0, "admin", "policy", "north"), "396", "60d")
	moves := `{"min_percent":80,"max_percent":150,"occupancy":[{"from_percent":70,"add_percent":20}]}`
	has(openlot(0, "admin", "policy", "north", "--dynamic-price", moves), "dynamic-price", moves, "was off")
	has(openlot(0, "admin", "policy", "north", "--pay-at-machine"), "pay-at-machine", "was no")
	has(openlot(0, "admin", "policy", "north", "--no-pay-at-machine"), "pay-at-machine", "was yes")
	has(openlot(0, "admin", "policy", "north", "--dynamic-price", "off"), "dynamic-price", "was "+moves)

	for _, c := range []struct {
		exit int
		want string
		args []string
	}{
		{1, "policy_invalid", []string{"policy", "north", "--horizon-days", "397"}},
		{1, "max_stay", []string{"policy", "north", "--max-stay", "0s"}},
		{1, "dynamic_price.max_percent", []string{"policy", "north", "--dynamic-price", `{"min_percent":80,"max_percent":900}`}},
		{1, "is neither off nor such as", []string{"policy", "north", "--dynamic-price", `{"min":80}`}},
		{1, "is neither off nor such as", []string{"policy", "north", "--dynamic-price", `{} {}`}},
		{2, "no length of time", []string{"policy", "north", "--max-stay", "soon"}},
		{1, "parking_not_found", []string{"policy", "south"}},
		{1, "parking_not_found", []string{"capacity", "south", "standard", "3"}},
		{1, "space_type_unknown", []string{"capacity", "north", "ev", "3"}},
		{1, "invalid_parking_id", []string{"capacity", "North Side", "standard", "3"}},
		{1, "capacity_invalid", []string{"capacity", "north", "standard", "30001"}},
		{2, "16 bit", []string{"capacity", "north", "standard", "300000"}},
		{1, "date_in_past", []string{"capacity", "north", "standard", "3", "--from", "2020-01-01"}},
		{1, "date_invalid", []string{"capacity", "north", "standard", "3", "--from", "tomorrow"}},
		{1, "beyond_horizon", []string{"capacity", "north", "standard", "3", "--from", "2999-01-01"}},
		{1, "block_exceeds_capacity", append(append([]string{}, block[1:4]...), append([]string{"100"}, block[5:]...)...)},
		{1, "time_invalid", []string{"block", "north", "standard", "1", "--from", "2027-01-01T00:00:00", "--to", "2027-01-02T00:00:00Z", "--reason", "x"}},
		{1, "block_invalid", []string{"block", "north", "standard", "1", "--from", "2027-01-02T00:00:00Z", "--to", "2027-01-01T00:00:00Z", "--reason", "x"}},
		{2, "--reason", []string{"block", "north", "standard", "1", "--from", "2027-01-01T00:00:00Z", "--to", "2027-01-02T00:00:00Z"}},
		{1, "block_not_found", []string{"unblock", "north", id.New[id.Block](now).String()}},
		{1, "invalid_block_id", []string{"unblock", "north", "rsv_1"}},
		{1, "edge_unknown", []string{"retire-edge", "north", "--reason", "fire"}},
		{1, "reason_invalid", []string{"retire-edge", "north", "--reason", " "}},
		{2, "--reason", []string{"retire-edge", "north"}},
		{1, "parking_not_found", []string{"tariff", "south"}},
		{1, "edition_not_found", []string{"tariff", "north", "--edition", "9"}},
		{1, "file_unreadable", []string{"tariff", "north", "no-such-file.json"}},
	} {
		has(openlot(c.exit, append([]string{"admin"}, c.args...)...), c.want)
	}
	if _, err := os.Stat(filepath.Join("var", "cloud")); err == nil {
		t.Error("a data directory was made beside a database URL")
	}
	var wrong int
	err = db.Pool().QueryRow(t.Context(), `select count(*) from inventory_day i, generate_series(1, 96) n
		where i.free[n] - i.over[n] <> i.cap
			- (select count(*) from reservation r where r.claim_from_q <= i.day::bigint * 96 + n - 1 and r.claim_to_q > i.day::bigint * 96 + n - 1)
			- (select coalesce(sum(b.n), 0) from block b where b.from_q <= i.day::bigint * 96 + n - 1 and b.to_q > i.day::bigint * 96 + n - 1)`).Scan(&wrong)
	if err != nil || wrong != 0 {
		t.Errorf("%d quarters do not add up: %v", wrong, err)
	}
}
