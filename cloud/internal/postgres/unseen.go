package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/protocol/id"
)

// Unseen finds stays whose end nobody saw.
type Unseen struct{ db *DB }

var _ fleet.PresumerStore = Unseen{}

// NewUnseen makes the store of fleet.Presumer.
func NewUnseen(db *DB) Unseen { return Unseen{db} }

// It is fleet.PresumedAt in SQL. No policy presumes sooner than an hour after the
// entry, by which the index is read. A journal of zero is that of no edge.
const selectUnseen = `select s.parking, s.id from session s
  join parking p on p.id = s.parking
  left join reservation r on r.parking = s.parking and r.id = s.reservation and r.session = s.id and r.state = 'active'
  left join edge_watermark m on m.parking = s.parking and m.journal <> '00000000-0000-0000-0000-000000000000'
  cross join lateral (select
    make_interval(secs => (p.policy ->> 'presume_left_after')::float8 / 1e9) as after,
    make_interval(secs => (p.policy ->> 'longest_walkin')::float8 / 1e9) as longest,
    (select max((x ->> 'at')::timestamptz) from jsonb_array_elements(s.payments) x) as paid) d
  cross join lateral (select greatest(
    case when r.id is null then s.entered_at + d.longest else greatest(r.to_at, s.entered_at) + d.after end,
    case when d.paid > s.entered_at then d.paid + d.after end) as over) o
 where s.state = 'inside' and s.entered_at <= $1::timestamptz - interval '1 hour'
   and o.over <= $1 and (m.parking is null or m.trusted_lo >= o.over)
 order by s.entered_at limit $2`

// Unseen implements fleet.PresumerStore.
func (u Unseen) Unseen(ctx context.Context, now time.Time, limit int) ([]fleet.Unseen, error) {
	rows, err := u.db.pool.Query(ctx, selectUnseen, now, limit)
	if err != nil {
		return nil, unavailable("find stays whose end nobody saw", err)
	}
	var out []fleet.Unseen
	place := map[id.Parking]int{}
	var at id.Parking
	var s id.Session
	_, err = pgx.ForEachRow(rows, []any{&at, &s}, func() error {
		i, known := place[at]
		if !known {
			i, place[at] = len(out), len(out)
			out = append(out, fleet.Unseen{Parking: at})
		}
		out[i].Sessions = append(out[i].Sessions, s)
		return nil
	})
	return out, unavailable("find stays whose end nobody saw", err)
}
