package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

var (
	_ fleet.Store       = (*DB)(nil)
	_ fleet.KeeperStore = (*DB)(nil)
	_ fleet.EnrollStore = (*DB)(nil)
	_ fleet.Shards      = (*DB)(nil)
)

// CodeNotEnrolled is the fault code for an edge that is not known.
const CodeNotEnrolled = "edge_not_enrolled"

func notEnrolled() error {
	return fault.New(fault.NotFound, CodeNotEnrolled, "No such edge is enrolled.")
}

const selectEdges = `select e.parking, e.id, coalesce((p.policy ->> 'lease_ttl')::bigint, 0)
	from edge e join parking p on p.id = e.parking`

func scanEdge(row pgx.CollectableRow) (fleet.Edge, error) {
	var e fleet.Edge
	var ttl int64
	err := row.Scan(&e.Parking, &e.ID, &ttl)
	e.LeaseTTL = time.Duration(ttl)
	return e, err
}

// Edges implements fleet.Store.
func (db *DB) Edges(ctx context.Context) ([]fleet.Edge, error) {
	rows, err := db.pool.Query(ctx, selectEdges+` order by e.parking`)
	if err != nil {
		return nil, unavailable("list the edges", err)
	}
	edges, err := pgx.CollectRows(rows, scanEdge)
	return edges, unavailable("list the edges", err)
}

// Edge implements fleet.Store.
func (db *DB) Edge(ctx context.Context, parking id.Parking) (fleet.Edge, error) {
	rows, err := db.pool.Query(ctx, selectEdges+` where e.parking = $1`, parking)
	if err != nil {
		return fleet.Edge{}, unavailable("read the edge", err)
	}
	e, err := pgx.CollectExactlyOneRow(rows, scanEdge)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, notEnrolled()
	}
	return e, unavailable("read the edge", err)
}

const selectSecret = `select parking, secret_hash from edge where id = $1`

// EdgeSecret implements broker.Secrets.
func (db *DB) EdgeSecret(ctx context.Context, edge id.Edge) (id.Parking, []byte, error) {
	var p id.Parking
	var hash []byte
	err := db.pool.QueryRow(ctx, selectSecret, edge).Scan(&p, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, notEnrolled()
	}
	return p, hash, unavailable("read the edge", err)
}

// The link of a parking with an edge is down until that edge is heard.
const upsertEdge = `with enrolled as (
	insert into edge (parking, id, secret_hash) values ($1, $2, $3)
	on conflict (parking) do update set id = excluded.id, secret_hash = excluded.secret_hash, enrolled_at = now() returning parking)
	select record_event(parking, 'edge.link', jsonb_build_object('link', jsonb_build_object('live', false, 'since', now()))) from enrolled`

// codeNoParking is what record_event raises for a parking that does not exist.
const codeNoParking = "PX009"

// PutEdge implements fleet.EnrollStore.
func (db *DB) PutEdge(ctx context.Context, parking id.Parking, edge id.Edge, secretHash [sha256.Size]byte) error {
	_, err := db.pool.Exec(ctx, upsertEdge, parking, edge, secretHash[:])
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "23503" || pg.Code == codeNoParking) {
		return fault.New(fault.NotFound, "parking_not_found", "There is no such parking.")
	}
	return unavailable("enroll the edge", err)
}

// insideByType counts the walk-ins on an allotment of the parking p.
const insideByType = `(select jsonb_object_agg(c.space_type, c.n) from (
	select s.space_type, count(*) n from session s
	where s.parking = p.parking and s.state in ('inside', 'presumed') and s.allotted group by s.space_type) c)`

// One statement sees one snapshot: the counts are those of the watermark.
const selectStanding = `select m.journal, coalesce(m.epoch, 0), coalesce(m.seq, 0), ` + insideByType + `,
	exists (select 1 from edge_journal j where j.parking = p.parking and j.journal = $2 and j.journal is distinct from m.journal),
	case when $2 is distinct from m.journal then array(
	  select s.id from session s where s.parking = p.parking and s.state in ('inside', 'presumed') and s.allotted) end,
	(select jsonb_object_agg(t.machine, t.state) from till t where t.parking = p.parking)
	from (select $1::text as parking) p left join edge_watermark m using (parking)`

// Standing implements fleet.Store.
func (db *DB) Standing(ctx context.Context, parking id.Parking, asked id.Journal) (fleet.Standing, error) {
	var s fleet.Standing
	var counts []byte
	var lent [][16]byte
	var tills []byte
	err := db.pool.QueryRow(ctx, selectStanding, parking, asked).
		Scan(&s.Journal, &s.Inside.At.Epoch, &s.Inside.At.Seq, &counts, &s.Retired, &lent, &tills)
	if err != nil {
		return s, unavailable("read the edge's standing", err)
	}
	if s.Lent, err = sessionIDs(lent); err != nil {
		return s, err
	}
	if len(tills) > 0 {
		if err = json.Unmarshal(tills, &s.Inside.Tills); err != nil {
			return s, fmt.Errorf("tills of machines: %w", err)
		}
	}
	s.Inside.Allotted, err = readCounts(counts)
	return s, err
}

func sessionIDs(raw [][16]byte) ([]id.Session, error) {
	var out []id.Session
	for _, u := range raw {
		s, err := id.FromBytes[id.Session](u[:])
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func readCounts(b []byte) (map[id.SpaceType]int16, error) {
	out := map[id.SpaceType]int16{}
	if len(b) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("counts of walk-ins: %w", err)
	}
	return out, nil
}

const selectLots = `
with due as (
  select parking, array_agg(id) as sessions from session
   where state = 'inside' and not allotted and claim_to_q > 0 and claim_to_q < $1
   group by parking),
p as (select parking from edge_watermark union select parking from due)
select p.parking, m.journal is not null, coalesce(m.epoch, 0), coalesce(m.seq, 0), ` + insideByType + `, coalesce(due.sessions, '{}')
  from p left join edge_watermark m using (parking) left join due using (parking)
 order by p.parking`

// Lots implements fleet.KeeperStore.
func (db *DB) Lots(ctx context.Context, before timerange.Q) ([]fleet.Lot, error) {
	rows, err := db.pool.Query(ctx, selectLots, int64(before))
	if err != nil {
		return nil, unavailable("list what is to be kept claimed", err)
	}
	lots, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (fleet.Lot, error) {
		var l fleet.Lot
		var counts []byte
		var sessions [][16]byte
		if err := row.Scan(&l.Parking, &l.Edge, &l.Inside.At.Epoch, &l.Inside.At.Seq, &counts, &sessions); err != nil {
			return l, err
		}
		var err error
		if l.Sessions, err = sessionIDs(sessions); err != nil {
			return l, err
		}
		l.Inside.Allotted, err = readCounts(counts)
		return l, err
	})
	return lots, unavailable("list what is to be kept claimed", err)
}

const (
	selectHead    = `select revision from parking_head where parking = $1`
	selectForEdge = `select ` + reservationColumns + ` from reservation r where r.parking = $1
		and (r.state in ('confirmed', 'active') and (r.to_at > $2 or r.state = 'active') or r.state = 'no_show' and r.to_at > $2) order by r.from_at, r.id`
	selectAllotted = `select space_type, version, units, granted, until_q from allotment where parking = $1 order by space_type`
	// A retired key still verifies the passes it signed.
	//nolint:gosec // a query, without a secret in it
	selectPassKeys = `select kid, public from signing_key where retired_at is null or retired_at > now() - interval '120 days'
		order by created_at desc limit 16`
	selectGone   = `select s.id from session s where s.parking = $1 and s.state = 'presumed' and s.allotted order by s.id`
	selectBays   = `select id, bays from space_type where parking = $1 and bays is not null order by id`
	selectPolicy = `select policy, timezone from parking where id = $1`
)

// Snapshot implements fleet.Store.
func (db *DB) Snapshot(ctx context.Context, parking id.Parking, endAfter time.Time, priced bool) (*fleet.Snapshot, error) {
	var s fleet.Snapshot
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(selectHead, parking).QueryRow(func(row pgx.Row) error { return row.Scan(&s.Revision) })
		b.Queue(selectForEdge, parking, endAfter).Query(collect(&s.Reservations, scanReservation))
		b.Queue(selectAllotted, parking).Query(collect(&s.Allotments, scanAllotment))
		b.Queue(selectPassKeys).Query(collect(&s.Keys, scanPassKey))
		b.Queue(selectPolicy, parking).QueryRow(scanJSON(&s.Policy, &s.Zone))
		b.Queue(selectGone, parking).Query(collect(&s.Gone, pgx.RowTo[id.Session]))
		b.Queue(selectBays, parking).Query(collect(&s.Bays, scanBays))
		b.Queue(selectGateKey, parking).QueryRow(func(row pgx.Row) error { return row.Scan(scanKey(&s.Key)) })
		b.Queue(selectGates, parking).Query(collectGates(&s.Notes))
		if priced {
			s.Till = &fleet.Till{}
			queueTill(&b, s.Till, parking)
			b.Queue(selectCoverage, parking, endAfter).Query(collectCoverage(s.Till))
		}
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return nil, unavailable("read a snapshot for the edge", err)
	}
	return &s, nil
}

func collect[T any](into *[]T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, scan)
		return err
	}
}

// scanJSON reads a document, and what stands beside it.
func scanJSON(into any, beside ...any) func(pgx.Row) error {
	return func(row pgx.Row) error {
		var b []byte
		if err := row.Scan(append([]any{&b}, beside...)...); err != nil {
			return err
		}
		return json.Unmarshal(b, into)
	}
}

func scanAllotment(row pgx.CollectableRow) (*commit.Allotment, error) {
	var a commit.Allotment
	var until int64
	err := row.Scan(&a.SpaceType, &a.Version, &a.Units, &a.Granted, &until)
	a.Until = timerange.Q(until)
	return &a, err
}

func scanBays(row pgx.CollectableRow) (t parking.SpaceType, err error) {
	err = row.Scan(&t.ID, &t.Bays)
	return t, err
}

func scanPassKey(row pgx.CollectableRow) (wire.PassKey, error) {
	var k wire.PassKey
	err := row.Scan(&k.ID, &k.Public)
	return k, err
}

// The head alone is answered when the edge is too far behind. An edge's
// revision is that of a commit, so that the events after it run on from it.
const selectTouched = `select h.revision, e.revision, e.kind, e.reservation, e.stay, e.allotment, e.gone, e.trace
	from parking_head h left join lateral (
	  select revision, kind, body -> 'reservation' ->> 'id' as reservation, coalesce(body -> 'session' ->> 'reservation', body -> 'payment' ->> 'reservation') as stay, body -> 'allotment' is not null as allotment,
	    case when (body -> 'session' ->> 'presumed')::boolean then body -> 'session' ->> 'id' end as gone, body ->> 'trace' as trace
	  from event where parking = h.parking and revision > $2 and h.revision - $2 <= $3
	  order by revision limit $4) e on true
	where h.parking = $1 order by e.revision`

const selectByID = `select ` + reservationColumns + ` from reservation r where r.parking = $1 and r.id = any ($2::uuid[])`

// Changes implements fleet.Store.
func (db *DB) Changes(ctx context.Context, parking id.Parking, after uint64, maxBehind, reservations int, priced bool) (*fleet.Changes, error) {
	t, err := db.touched(ctx, parking, after, maxBehind, reservations)
	if err != nil {
		return nil, unavailable("read what is new for the edge", err)
	}
	if len(t.reservations) == 0 && !t.allotments && !t.described {
		return &t.Changes, nil
	}
	var b pgx.Batch
	if len(t.reservations) > 0 {
		b.Queue(selectByID, parking, t.reservations).Query(collect(&t.Reservations, scanReservation))
		b.Queue(selectGatesOf, parking, t.reservations).Query(collectGates(&t.Notes))
	}
	b.Queue(selectGateKey, parking).QueryRow(func(row pgx.Row) error { return row.Scan(scanKey(&t.Key)) })
	if t.allotments {
		b.Queue(selectAllotted, parking).Query(collect(&t.Allotments, scanAllotment))
	}
	if t.described {
		b.Queue(selectPassKeys).Query(collect(&t.Keys, scanPassKey))
		b.Queue(selectPolicy, parking).QueryRow(scanJSON(&t.Policy, &t.Zone))
		b.Queue(selectBays, parking).Query(collect(&t.Bays, scanBays))
	}
	if priced {
		t.Till = &fleet.Till{}
		if t.described {
			queueTill(&b, t.Till, parking)
		}
		if len(t.reservations) > 0 {
			b.Queue(selectCoverageOf, parking, t.reservations).Query(collectCoverage(t.Till))
		}
	}
	if err := db.pool.SendBatch(ctx, &b).Close(); err != nil {
		return nil, unavailable("read what is new for the edge", err)
	}
	return &t.Changes, nil
}

// touched is what the events of a range name.
type touched struct {
	fleet.Changes
	reservations [][16]byte
	allotments   bool
	described    bool // the parking's description
}

func (db *DB) touched(ctx context.Context, parking id.Parking, after uint64, maxBehind, limit int) (*touched, error) {
	rows, err := db.pool.Query(ctx, selectTouched, parking, int64(after), maxBehind, 4*limit)
	if err != nil {
		return nil, err
	}
	t := &touched{Changes: fleet.Changes{Through: after, Complete: true}}
	seen := map[id.Reservation]bool{}
	var head uint64
	var found, full bool
	var revision *int64
	var kind, res, stay, gone, traced *string
	var allotment *bool
	_, err = pgx.ForEachRow(rows, []any{&head, &revision, &kind, &res, &stay, &allotment, &gone, &traced}, func() error {
		found = true
		if revision == nil || full {
			return nil
		}
		if uint64(*revision) != t.Through+1 {
			t.Complete, full = false, true
			return nil
		}
		t.Through = uint64(*revision)
		if traced != nil && len(t.Traces) < wire.MaxTraces && !slices.Contains(t.Traces, *traced) {
			t.Traces = append(t.Traces, *traced)
		}
		t.allotments = t.allotments || *allotment
		t.described = t.described || feed.Kind(*kind).Describes()
		if gone != nil {
			s, err := id.Parse[id.Session](*gone)
			if err != nil {
				return fmt.Errorf("event %d: %w", *revision, err)
			}
			t.Gone = append(t.Gone, s)
		}
		for _, text := range []*string{res, stay} {
			if text == nil || *text == "" {
				continue
			}
			r, err := id.Parse[id.Reservation](*text)
			if err != nil {
				return fmt.Errorf("event %d: %w", *revision, err)
			}
			if !seen[r] {
				seen[r] = true
				t.reservations = append(t.reservations, r.UUID())
			}
		}
		full = len(seen) >= limit || len(t.Gone) >= limit
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.NotFound, "parking_not_found", "There is no such parking.")
	}
	if head < after {
		t.Complete = false
		return t, nil
	}
	t.Behind = int(min(head-after, 1<<30))
	t.More = t.Through < head
	if t.Behind <= maxBehind && t.Through == after && head > after {
		t.Complete = false // the events right after it are gone
	}
	return t, nil
}
