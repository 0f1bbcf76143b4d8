package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

const lot id.Parking = "altmarkt"

var noon = time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)

// world is one parking in memory with a committer that keeps the contract of
// package commit: versions go up with each commit and ops are applied again
// when they miss a row.
type world struct {
	mu         sync.Mutex
	parking    *parking.Parking
	now        time.Time
	rows       commit.Loaded
	out        commit.Output
	revision   uint64
	commits    int
	tills      Tills               // as the store keeps them
	shifts     [][]byte            // that were counted at machines
	editions   int                 // commits that read earlier editions of the tariff
	journals   map[id.Journal]bool // that were ever current
	beforehand func()              // called before each commit, unlocked
}

func newWorld(capacity int16) *world {
	w := &world{
		parking: &parking.Parking{
			ID: lot, Timezone: "Europe/Berlin", Policy: parking.DefaultPolicy(),
			SpaceTypes: []parking.SpaceType{{ID: id.Standard, Class: parking.ClassStandard, Label: "Standard", Capacity: capacity}},
			Tariff:     tariff.Tariff{Format: 1, Version: 1, Currency: "EUR", Rate: 200, IntervalMinutes: 60, TaxBasisPoints: 1900},
		},
		now: noon, journals: map[id.Journal]bool{},
		rows: commit.Loaded{
			Days: map[inventory.Key]*inventory.Day{}, Reservations: map[id.Reservation]*reservation.Reservation{},
			Payments: map[id.Payment]*payment.Payment{}, Sessions: map[id.Session]*session.Session{},
			Keys: map[commit.Key]*commit.KeyRecord{}, Allotments: map[id.SpaceType]*commit.Allotment{},
			ShopCodes: map[commit.ShopCode]*commit.ShopCodeUse{},
		},
	}
	today := timerange.Floor(noon).Day()
	for d := today - 2; d <= today+21; d++ {
		w.rows.Days[inventory.Key{Type: id.Standard, Day: d}] = inventory.NewDay(capacity)
	}
	return w
}

func (w *world) Commit(_ context.Context, op commit.Op) (commit.Receipt, error) {
	if w.beforehand != nil {
		w.beforehand()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	work := commit.NewWork(w.parking)
	var asked commit.Rows
	op.Prefetch(&asked)
	work.Load(asked, w.rows)
	for range 20 {
		err := work.Try(op, w.now)
		missing := work.Missing()
		if errors.Is(err, commit.ErrMissing) && !missing.Empty() {
			work.Load(missing, w.rows)
			if missing.Tariffs {
				w.editions++
			}
			continue
		}
		if err != nil {
			return commit.Receipt{}, err
		}
		w.store(work.Writes())
		return commit.Receipt{Revision: w.revision}, nil
	}
	return commit.Receipt{}, errors.New("the op never had the rows it wanted")
}

func (w *world) store(x commit.Writes) {
	if x.Empty() {
		return
	}
	w.commits++
	for _, d := range x.Days {
		c := *d.Day
		c.Version++
		w.rows.Days[d.Key] = &c
	}
	for _, r := range x.Reservations {
		c := *r
		c.Version++
		w.rows.Reservations[c.ID] = &c
	}
	for _, p := range x.Payments {
		c := *p
		c.Version++
		w.rows.Payments[c.ID] = &c
	}
	for _, s := range x.Sessions {
		c := *s
		c.Version++
		w.rows.Sessions[c.ID] = &c
		for _, p := range c.Payments {
			code := commit.ShopCode{Shop: p.Shop, Serial: p.Serial}
			if p.Shop > 0 && !p.Again && w.rows.ShopCodes[code] == nil {
				w.rows.ShopCodes[code] = &commit.ShopCodeUse{Payment: p.ID, Session: c.ID, At: p.At}
			}
		}
	}
	for _, a := range x.Allotments {
		c := *a
		c.Version++
		w.rows.Allotments[c.SpaceType] = &c
	}
	if x.Watermark != nil {
		c := *x.Watermark
		c.Version++
		w.rows.Watermark = &c
		w.journals[c.Journal] = true
	}
	for _, e := range x.Events {
		w.revision++
		e.Revision = w.revision
		w.out.Events = append(w.out.Events, e)
		w.keepTill(e)
	}
	w.out.Entries = append(w.out.Entries, x.Entries...)
	w.out.Incidents = append(w.out.Incidents, x.Incidents...)
	w.out.Observations = append(w.out.Observations, x.Observations...)
}

func (w *world) must(t testing.TB, op commit.Op) {
	t.Helper()
	if _, err := w.Commit(context.Background(), op); err != nil {
		t.Fatalf("%T: %v", op, err)
	}
}

// inside counts the walk-ins as the store does.
func (w *world) inside() Inside {
	i := Inside{At: markOf(w.rows.Watermark), Allotted: map[id.SpaceType]int16{}, Tills: maps.Clone(w.tills)}
	for _, s := range w.rows.Sessions {
		if (s.State == session.Inside || s.State == session.Presumed) && s.Allotted {
			i.Allotted[s.SpaceType]++
		}
	}
	return i
}

// standing reads what a hello is answered from as the store does.
func (w *world) standing(asked id.Journal) Standing {
	st := Standing{Inside: w.inside()}
	if m := w.rows.Watermark; m != nil {
		st.Journal, st.Retired = m.Journal, asked != m.Journal && w.journals[asked]
	}
	for _, s := range w.rows.Sessions {
		if (s.State == session.Inside || s.State == session.Presumed) && s.Allotted && asked != st.Journal {
			st.Lent = append(st.Lent, s.ID)
		}
	}
	return st
}

// reserve makes a confirmed and paid reservation with its claim.
func (w *world) reserve(t testing.TB, from, to time.Time) *reservation.Reservation {
	t.Helper()
	r := &reservation.Reservation{
		ID: id.New[id.Reservation](w.now), Parking: lot, State: reservation.Confirmed, Generation: 1, SpaceType: id.Standard,
		Window: timerange.Range{From: from, To: to}, Payment: id.New[id.Payment](w.now),
		Quote: reservation.Quote{Total: money.New(400, "EUR"), Tax: money.New(64, "EUR"), TariffVersion: w.parking.Tariff.Version},
	}
	r.Claim = r.Window.Claim()
	w.must(t, does{func(work *commit.Work) error {
		if err := work.Claim(id.Standard, r.Claim, 1); err != nil {
			return err
		}
		work.PutReservation(r)
		work.PutPayment(&payment.Payment{ID: r.Payment, Reservation: r.ID, State: payment.Authorized, Amount: money.New(400, "EUR"), Authorized: 400})
		work.Emit("test", feed.Body{})
		return nil
	}})
	return w.rows.Reservations[r.ID]
}

// cancel ends a reservation as the driver does.
func (w *world) cancel(t testing.TB, i id.Reservation) {
	t.Helper()
	w.must(t, does{func(work *commit.Work) error {
		r, err := work.Reservation(i)
		if err != nil {
			return err
		}
		if err := work.Release(id.Standard, r.Claim, 1); err != nil {
			return err
		}
		r.State, r.Claim = reservation.Cancelled, timerange.Quarters{}
		work.PutReservation(r)
		p, err := work.Payment(r.Payment)
		if err != nil {
			return err
		}
		p.State = payment.VoidRequested
		work.PutPayment(p)
		work.Emit("test", feed.Body{})
		return nil
	}})
}

// balance fails unless free − over = cap − claims from now on, with the claims
// counted from the rows that own them.
func (w *world) balance(t testing.TB) {
	t.Helper()
	start := timerange.Floor(w.now)
	for q := start; q < start+5*timerange.QuartersPerDay; q++ {
		want := 0
		covered := map[id.Reservation]bool{}
		for _, s := range w.rows.Sessions {
			if s.State != session.Inside || s.Allotted {
				continue
			}
			in := q >= timerange.Floor(s.EnteredAt) && q < s.ClaimTo
			if r := w.rows.Reservations[s.Reservation]; r != nil && r.State == reservation.Active {
				covered[r.ID] = true
				in = in || (q >= r.Claim.From && q < r.Claim.To)
			}
			if in {
				want++
			}
		}
		for _, r := range w.rows.Reservations {
			if !covered[r.ID] && q >= r.Claim.From && q < r.Claim.To {
				want++
			}
		}
		for _, a := range w.rows.Allotments {
			if q < a.Until {
				want += int(a.Units)
			}
		}
		d := w.rows.Days[inventory.Key{Type: id.Standard, Day: q.Day()}]
		if got := int(d.Cap) - int(d.Free[q.Slot()]) + int(d.Over[q.Slot()]); got != want {
			t.Fatalf("quarter %s: %d claimed, rows say %d", q.Time().Format(time.DateTime), got, want)
		}
	}
}

func (w *world) claimed(at time.Time) int {
	q := timerange.Floor(at)
	d := w.rows.Days[inventory.Key{Type: id.Standard, Day: q.Day()}]
	return int(d.Cap) - int(d.Free[q.Slot()]) + int(d.Over[q.Slot()])
}

func (w *world) classes() []string {
	var out []string
	for _, i := range w.out.Incidents {
		out = append(out, i.Class)
	}
	return out
}

// does is an op made of a function.
type does struct{ do func(*commit.Work) error }

func (does) Parking() id.Parking                       { return lot }
func (does) Prefetch(*commit.Rows)                     {}
func (d does) Apply(w *commit.Work, _ time.Time) error { return d.do(w) }

// journal is an edge's journal as a test writes it.
type journal struct {
	id     id.Journal
	boot   id.Boot
	epoch  uint32
	events []wire.Event
	raw    [][]byte
}

func newJournal() *journal {
	return &journal{id: id.New[id.Journal](noon), boot: id.New[id.Boot](noon)}
}

func (j *journal) hello() wire.Hello {
	return wire.Hello{Edge: id.New[id.Edge](noon), Journal: j.id, Boot: j.boot, LastSeq: uint64(len(j.events)), Software: "test"}
}

func (j *journal) hash(seq int) wire.Hash {
	var h wire.Hash
	for _, r := range j.raw[:seq] {
		h = h.Next(r)
	}
	return h
}

func (j *journal) add(t testing.TB, at time.Time, e wire.Event) {
	t.Helper()
	e.Seq, e.Boot, e.Wall = uint64(len(j.events)+1), j.boot, at.UnixMilli()
	raw, err := wire.Marshal(&e)
	if err != nil {
		t.Fatal(err)
	}
	j.events, j.raw = append(j.events, e), append(j.raw, raw)
}

func (j *journal) enter(t testing.TB, at time.Time, r id.Reservation) id.Session {
	s := id.New[id.Session](at)
	j.add(t, at, wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: s, Reservation: r, SpaceType: id.Standard, Generation: generation(r)})
	return s
}

func generation(r id.Reservation) uint16 {
	if r.IsZero() {
		return 0
	}
	return 1
}

func (j *journal) exit(t testing.TB, at time.Time, s id.Session, r id.Reservation) {
	j.add(t, at, wire.Event{Kind: wire.Exited, Lane: "exit-1", Session: s, Reservation: r, SpaceType: id.Standard})
}

// batch is events [from, to) as an op.
func (j *journal) batch(w *world, from, to int) *ApplyEvents {
	return &ApplyEvents{Lot: lot, Journal: j.id, Epoch: j.epoch, Events: j.events[from:to], Raw: j.raw[from:to], Inside: w.inside()}
}

// greet makes the journal the parking's.
func (j *journal) greet(t testing.TB, w *world) {
	t.Helper()
	g := &Greet{Lot: lot, Hello: j.hello(), Standing: w.standing(j.id)}
	w.must(t, g)
	if g.Verdict != wire.Accepted {
		t.Fatalf("verdict %s", g.Verdict)
	}
	j.epoch = g.Mark.Epoch
}

// applyAll applies what was not applied yet.
func (j *journal) applyAll(t testing.TB, w *world) {
	t.Helper()
	from := int(w.rows.Watermark.Seq)
	if from < len(j.events) {
		op := j.batch(w, from, len(j.events))
		w.must(t, op)
		for k, n := range op.After.Allotted {
			if is := w.inside().Allotted[k]; is != n {
				t.Fatalf("%d units of %s are taken by the op, %d by the rows", n, k, is)
			}
		}
	}
}

// summary is the world without what depends on how the work was divided into
// commits: row versions and freshly minted incident ids.
func (w *world) summary() []string {
	var out []string
	for k, d := range w.rows.Days {
		out = append(out, fmt.Sprintf("day %v %v %v", k, d.Free, d.Over))
	}
	for _, r := range w.rows.Reservations {
		out = append(out, fmt.Sprintf("reservation %s %s %v %s", r.ID, r.State, r.Claim, r.Session))
	}
	for _, p := range w.rows.Payments {
		out = append(out, fmt.Sprintf("payment %s %s %d", p.ID, p.State, p.CaptureAmount))
	}
	for _, s := range w.rows.Sessions {
		out = append(out, fmt.Sprintf("session %s %s %v %v %v %v %v %v %v %d %d %v", s.ID, s.State, s.Reservation, s.Allotted, s.ClaimTo, s.EnteredAt, s.ExitedAt, s.Due, s.Owed,
			s.TariffVersion, s.Credit, s.Payments))
	}
	for _, a := range w.rows.Allotments {
		out = append(out, fmt.Sprintf("allotment %s %d %d %d", a.SpaceType, a.Units, a.Granted, a.Until))
	}
	m := w.rows.Watermark
	out = append(out, fmt.Sprintf("watermark %s %d %d %x %s", m.Journal, m.Epoch, m.Seq, m.Hash, m.TrustedLo))
	slices.Sort(out)
	for _, o := range w.out.Observations {
		out = append(out, fmt.Sprintf("observation %d %d %d", o.Epoch, o.Seq, o.Kind))
	}
	for _, i := range w.out.Incidents {
		out = append(out, fmt.Sprintf("incident %s %s %s", i.Class, i.Session, i.Detail))
	}
	for _, e := range w.out.Entries {
		out = append(out, fmt.Sprintf("entry %s %v", e.Kind, e.Postings))
	}
	for _, e := range w.out.Events {
		out = append(out, fmt.Sprintf("event %s %v", e.Kind, e.Body.Claims))
	}
	return out
}

// copy is another world in the same state. Rows are replaced, never changed.
func (w *world) copy() *world {
	c := newWorld(0)
	c.parking, c.now, c.revision, c.journals = w.parking, w.now, w.revision, maps.Clone(w.journals)
	c.rows = commit.Loaded{
		Days: maps.Clone(w.rows.Days), Reservations: maps.Clone(w.rows.Reservations), Payments: maps.Clone(w.rows.Payments),
		Tariffs: w.rows.Tariffs, Sessions: maps.Clone(w.rows.Sessions), Keys: maps.Clone(w.rows.Keys), Allotments: maps.Clone(w.rows.Allotments),
		Watermark: w.rows.Watermark, ShopCodes: maps.Clone(w.rows.ShopCodes),
	}
	c.out.Events, c.tills = slices.Clone(w.out.Events), maps.Clone(w.tills)
	return c
}

// sale sells one place for a window.
type sale struct{ from, to time.Time }

func (s *sale) apply(w *commit.Work) error {
	r := &reservation.Reservation{
		ID: id.New[id.Reservation](s.from), Parking: lot, State: reservation.Confirmed, Generation: 1, SpaceType: id.Standard,
		Window: timerange.Range{From: s.from, To: s.to},
	}
	r.Claim = r.Window.Claim()
	if err := w.Claim(id.Standard, r.Claim, 1); err != nil {
		return err
	}
	w.PutReservation(r)
	w.Emit(feed.ReservationConfirmed, feed.Body{})
	return nil
}
