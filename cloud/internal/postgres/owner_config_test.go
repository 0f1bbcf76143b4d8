package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/schedule"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// edition is the parking's tariff of a version.
func edition(version uint32) tariff.Tariff {
	t := postgrestest.Parking("north", 3).Tariff
	t.Version, t.Rate = version, int64(100+version)
	return t
}

// A scheduled tariff takes effect at its time and not before, once, whoever looks for it
// and however often; one that was withdrawn never does.
func TestAScheduledTariffTakesEffectOnceAtItsTime(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC().Truncate(time.Second)
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 3), postgrestest.Parking("south", 3))
	owner := postgrestest.Owner(t, dsn)
	store := postgres.NewTariffs(db)
	by := parking.Author{Name: "acc_1"}
	put := func(version uint32, from time.Time) error {
		_, err := store.Put(t.Context(), settings.TariffEdit{At: "north", Tariff: edition(version), From: from, Now: now, By: by})
		return err
	}
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for _, x := range []struct {
		version uint32
		from    time.Time
		code    string
	}{
		{2, at(-time.Second), parking.CodeTariffFrom},
		{2, at(500 * 24 * time.Hour), parking.CodeTariffFrom},
		{1, at(time.Hour), parking.CodeTariffVersion},
		{3, at(time.Hour), ""},
		{3, at(time.Hour), ""}, // the same again
		{4, at(time.Minute), parking.CodeTariffVersion},
		{2, at(2 * time.Hour), parking.CodeTariffVersion},
		{3, at(2 * time.Hour), parking.CodeTariffVersion},
		{5, at(3 * time.Hour), ""},
		{4, at(2 * time.Hour), ""},
		{4, time.Time{}, parking.CodeTariffVersion}, // now: but 3 comes later
	} {
		if err := put(x.version, x.from); fault.Code(err) != x.code {
			t.Fatalf("%d from %s: %v, want %q", x.version, x.from, err, x.code)
		}
	}
	task := schedule.Tariffs(store, slog.New(slog.DiscardHandler))
	run := func(d time.Duration) {
		t.Helper()
		var g sync.WaitGroup
		for range 4 { // several leaders, and a tick that came twice
			g.Go(func() {
				if err := task.Run(t.Context(), at(d)); err != nil {
					t.Error(err)
				}
			})
		}
		g.Wait()
	}
	inForce := func() (v uint32) {
		t.Helper()
		if err := owner.QueryRow(t.Context(), `select (tariff ->> 'version')::int from parking where id = 'north'`).Scan(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	adopted := func() int {
		return count(t, owner, `select count(*) from config_change where what = 'tariff.adopted' and parking = 'north' and author = 'acc_1'`)
	}
	run(time.Hour - time.Millisecond)
	if inForce() != 1 || adopted() != 0 {
		t.Fatalf("version %d before its time", inForce())
	}
	run(time.Hour)
	if inForce() != 3 || adopted() != 1 {
		t.Fatalf("version %d at its time, %d times", inForce(), adopted())
	}
	run(time.Hour)
	if err := store.Withdraw(t.Context(), "north", 3, by); fault.Code(err) != parking.CodeTariffInForce {
		t.Errorf("%v", err)
	}
	if err := store.Withdraw(t.Context(), "north", 9, by); fault.Code(err) != parking.CodeNoEdition {
		t.Errorf("%v", err)
	}
	if err := put(9, at(5*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := store.Withdraw(t.Context(), "north", 9, by); err != nil {
		t.Fatal(err)
	}
	run(9 * time.Hour) // nobody looked for long: both, in order
	if inForce() != 5 || adopted() != 3 || count(t, owner, `select count(*) from tariff_scheduled`) != 0 {
		t.Fatalf("version %d, %d times", inForce(), adopted())
	}
	if n := count(t, owner, `select count(*) from parking_tariff where parking = 'north'`); n != 4 {
		t.Errorf("%d editions", n)
	}
	if n := count(t, owner, `select count(*) from event where parking = 'north' and kind = 'parking.changed'`); n != 3 {
		t.Errorf("%d events of 3 changes", n)
	}
	// Of two who withdraw it and put it in force, one has done it.
	for i := range uint32(8) {
		v := 20 + i
		if _, err := store.Put(t.Context(), settings.TariffEdit{At: "north", Tariff: edition(v), From: at(time.Hour), Now: now, By: by}); err != nil {
			t.Fatal(err)
		}
		var withdrawn error
		var n int
		var g sync.WaitGroup
		g.Go(func() { withdrawn = store.Withdraw(t.Context(), "north", v, by) })
		g.Go(func() { n, _ = store.TakeEffect(t.Context(), "north", at(time.Hour)) })
		g.Wait()
		if (withdrawn == nil) == (n == 1) || (inForce() == v) != (n == 1) {
			t.Fatalf("withdrawn: %v, in force: %d of %d", withdrawn, n, inForce())
		}
	}
	checkFeed(t, owner, "north")
}

// Every change is in the history with its author, as one commit with it; what is refused,
// only looked at or so already leaves nothing, and nobody can rewrite it.
func TestEveryChangeIsInTheHistory(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 3))
	owner := postgrestest.Owner(t, dsn)
	s := newCapacity(t, db)
	store := postgres.NewSettings(db, postgres.NewReports(db))
	karin := parking.Author{Name: "acc_karin", Why: "summer"}
	whole := func() string { // all that there is, but for what only counts
		var out string
		if err := owner.QueryRow(t.Context(), `select concat((select json_agg(p order by id) from parking p), (select json_agg(i order by space_type, day) from inventory_day i), (select json_agg(b) from block b),
			(select json_agg(s) from space_type s), (select json_agg(h) from parking_head h), (select count(*) from event), (select json_agg(c order by number) from config_change c), (select json_agg(x) from tariff_scheduled x))`).Scan(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	soon := timerange.Range{From: now.Add(time.Hour), To: now.Add(3 * time.Hour)}
	policy := func(grace time.Duration, preview bool, version int64) error {
		_, err := s.Store.ChangePolicy(t.Context(), capacity.PolicyEdit{At: "north", Today: now, By: karin, Preview: preview, Version: version}, func(p parking.Policy) (parking.Policy, error) {
			p.ExitGrace = grace
			return p, p.Validate()
		})
		return err
	}
	before := whole()
	for name, err := range map[string]error{
		"a capacity looked at":  second(s.Preview(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 1, By: karin})),
		"a block looked at":     second(s.PreviewBlock(t.Context(), &capacity.Block{In: "north", SpaceType: id.Standard, N: 1, Claim: soon.Claim(), Reason: "x", By: karin})),
		"a policy looked at":    policy(time.Hour, true, 0),
		"a tariff looked at":    second(store.Put(t.Context(), settings.TariffEdit{At: "north", Tariff: edition(2), Now: now, By: karin, Preview: true})),
		"a schedule looked at":  second(store.Put(t.Context(), settings.TariffEdit{At: "north", Tariff: edition(2), From: now.Add(time.Hour), Now: now, By: karin, Preview: true})),
		"a policy that is so":   policy(15*time.Minute, false, 7),
		"a capacity that is so": second(s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 3, By: karin})),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		capacity.CodeVersionConflict: policy(time.Hour, false, 7), parking.CodePolicyInvalid: policy(-1, false, 0),
		capacity.CodeCapacityInvalid: second(s.Preview(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: -1})),
		parking.CodeTariffCurrency:   second(store.Put(t.Context(), settings.TariffEdit{At: "north", Tariff: func() tariff.Tariff { x := edition(2); x.Currency = "CHF"; return x }(), Now: now})),
	} {
		if fault.Code(err) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := whole(); after != before {
		t.Fatalf("something was changed:\n%s\n%s", before, after)
	}

	b := &capacity.Block{In: "north", SpaceType: id.Standard, N: 2, Claim: soon.Claim(), Reason: "pipes", By: karin}
	for _, err := range []error{
		second(s.Change(t.Context(), &capacity.Change{In: "north", SpaceType: id.Standard, Capacity: 5, By: karin})),
		second(s.Block(t.Context(), b)), second(s.Unblock(t.Context(), "north", b.ID, karin)), policy(time.Hour, false, 1),
		second(store.Put(t.Context(), settings.TariffEdit{At: "north", Tariff: edition(2), Now: now, By: karin})),
		second(store.Put(t.Context(), settings.TariffEdit{At: "north", Tariff: edition(3), From: now.Add(time.Hour), Now: now, By: karin})),
		store.Withdraw(t.Context(), "north", 3, karin),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := store.Changes(t.Context(), "north", 0, 10)
	if err != nil || len(all) != 7 {
		t.Fatalf("%v, %v", all, err)
	}
	slices.Reverse(all)
	want := []struct{ what, before, after string }{
		{"capacity.changed", `{"capacity": 3, "space_type": "standard"}`, `{"from": "` + now.Format(time.DateOnly) + `", "capacity": 5, "space_type": "standard"}`},
		{"capacity.blocked", ``, ``},
		{"capacity.unblocked", ``, ``},
		{"policy.changed", `{"exit_grace": 900}`, `{"exit_grace": 3600}`},
		{"tariff.adopted", ``, ``},
		{"tariff.scheduled", ``, ``},
		{"tariff.withdrawn", ``, ``},
	}
	for i, c := range all {
		w := want[i]
		if c.What != w.what || c.By != karin.Name || c.Number != int64(i+1) || w.before != "" && (string(c.Before) != w.before || string(c.After) != w.after) {
			t.Errorf("%+v\n%s\n%s", c, c.Before, c.After)
		}
		if (c.Before == nil) != (c.What == "capacity.blocked" || c.What == "tariff.scheduled") || (c.After == nil) != (c.What == "tariff.withdrawn") {
			t.Errorf("%s: %s, %s", c.What, c.Before, c.After)
		}
	}
	config, err := store.Config(t.Context(), "north", now)
	if err != nil || config.Version != 2 || config.Parking.Policy.ExitGrace != time.Hour || len(config.Blocks) != 0 || len(config.Capacities[id.Standard]) != 1 {
		t.Errorf("%+v, %v", config, err)
	}
	for _, sql := range []string{`delete from config_change`, `update config_change set author = ''`, `insert into config_change (parking, number, author, what) values ('north', 99, 'x', 'y')`} {
		if _, err := db.Pool().Exec(t.Context(), sql); code(err) != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if _, err := owner.Exec(t.Context(), `delete from config_change`); code(err) != "PX007" {
		t.Errorf("%v", err)
	}
}

// pastStays stores ended stays of walk-ins with their bills, as the gate and the exit would
// have, and returns what they were charged together.
func pastStays(t testing.TB, owner *pgx.Conn, p *parking.Parking, n int, end time.Time) int64 {
	t.Helper()
	zone, err := p.Location()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := tariff.Compile(p.Tariff, zone)
	if err != nil {
		t.Fatal(err)
	}
	var stays, bills [][]any
	sum, number := int64(0), int64(0)
	write := func(s id.Session, due int64, r timerange.Range) {
		b := bill.Nothing(bill.Used, "EUR")
		b.Due = money.New(due, "EUR")
		b.Parts = []bill.Part{{TariffVersion: 1, SpaceType: id.Standard, From: r.From, To: r.To, Total: b.Due}}
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		number++
		bills = append(bills, []any{string(p.ID), number, s.String(), json.RawMessage(raw), end})
	}
	for i := range n {
		s := id.New[id.Session](end)
		// Some end at the same instant, across the edge of a page.
		r := timerange.Range{To: end.Add(-time.Duration(i/7) * time.Second)}
		r.From = r.To.Add(-time.Duration(i%600) * time.Minute)
		due, err := plan.Total(r, tariff.Facts{SpaceType: "standard"})
		if err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			write(s, due.Minor+999, r) // it was billed otherwise first
		}
		write(s, due.Minor, r)
		sum += due.Minor
		stays = append(stays, []any{string(p.ID), s.UUID(), 1, "standard", "left", true, 0, r.From, r.To, "EUR", due.Minor, due.Minor, 1})
	}
	if _, err := owner.CopyFrom(t.Context(), pgx.Identifier{"session"}, []string{"parking", "id", "version", "space_type", "state", "allotted", "claim_to_q", "entered_at", "exited_at", "currency", "due", "owed", "tariff_version"}, pgx.CopyFromRows(stays)); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.CopyFrom(t.Context(), pgx.Identifier{"bill"}, []string{"parking", "number", "session", "document", "at"}, pgx.CopyFromRows(bills)); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(t.Context(), `analyze session, bill`); err != nil {
		t.Fatal(err)
	}
	return sum
}

func replays(db *postgres.DB, now time.Time) *settings.Service {
	return &settings.Service{Store: postgres.NewSettings(db, postgres.NewReports(db)), Now: func() time.Time { return now }, Replays: make(chan struct{}, 1)}
}

// A replay looks at every stay of its span once, page by page, by its last bill; the
// edition in force brings what they were charged.
func TestAReplayReproducesWhatWasCharged(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Date(2027, 4, 2, 9, 0, 0, 0, time.UTC)
	p := postgrestest.Parking("north", 3)
	postgrestest.Import(t, db, time.Now(), p)
	owner := postgrestest.Owner(t, dsn)
	end := time.Date(2027, 4, 1, 21, 59, 59, 0, time.UTC) // a second before that day is over in Dresden
	sum := pastStays(t, owner, &p, 5003, end)
	dear := edition(2)
	dear.Rate = 2 * p.Tariff.Rate
	s := replays(db, now)
	last := 0
	got, err := s.Replay(t.Context(), settings.ReplayRequest{At: "north", Tariff: dear}, func(done, of int) {
		if of != 5003 || done < last {
			t.Errorf("%d of %d", done, of)
		}
		last = done
	})
	if err != nil || got.Stays != 5003 || last != 5003 || got.Unpriced != 0 || got.Real != sum || got.Now != sum || got.Draft <= sum || got.More == 0 || got.Less != 0 {
		t.Fatalf("charged %d: %+v, %v", sum, got.Comparison, err)
	}
	if got.From != "2027-03-26" || got.To != "2027-04-01" {
		t.Errorf("%s to %s", got.From, got.To)
	}
	if none, err := s.Replay(t.Context(), settings.ReplayRequest{At: "north", Tariff: dear, From: "2027-04-02", To: "2027-04-02"}, nil); err != nil || none.Stays != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	s.Replays <- struct{}{}
	if _, err := s.Replay(t.Context(), settings.ReplayRequest{At: "north", Tariff: dear}, nil); fault.Code(err) != settings.CodeReplayBusy {
		t.Errorf("%v", err)
	}
	<-s.Replays
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := s.Replay(ctx, settings.ReplayRequest{At: "north", Tariff: dear}, func(int, int) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever asked has gone: %v", err)
	}
}

// BenchmarkReplay is a replay of 100,000 stays.
func BenchmarkReplay(b *testing.B) {
	db, dsn := postgrestest.New(b)
	now := time.Date(2027, 4, 2, 9, 0, 0, 0, time.UTC)
	p := postgrestest.Parking("north", 3)
	postgrestest.Import(b, db, time.Now(), p)
	pastStays(b, postgrestest.Owner(b, dsn), &p, 100_000, time.Date(2027, 4, 1, 21, 59, 59, 0, time.UTC))
	s := replays(db, now)
	for b.Loop() {
		if got, err := s.Replay(b.Context(), settings.ReplayRequest{At: "north", Tariff: edition(2)}, nil); err != nil || got.Stays != 100_000 {
			b.Fatalf("%+v, %v", got.Comparison, err)
		}
	}
}
