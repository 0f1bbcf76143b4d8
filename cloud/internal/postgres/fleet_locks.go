package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/topic"
)

// Advisory locks are named by two numbers; the first says what is locked.
const (
	lockShard  = 0x6f4c01 // the second is the shard
	lockBroker = 0x6f4c02
)

// A server that cannot reach a dead owner gives its locks back soon. Over a
// Unix socket these settings mean nothing and are ignored.
const keepalive = `select set_config('tcp_keepalives_idle', '2', false), set_config('tcp_keepalives_interval', '1', false),
	set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '5000', false)`

// OpenShards implements fleet.Shards.
func (db *DB) OpenShards(ctx context.Context) (fleet.ShardLocks, error) {
	conn, err := db.own(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, keepalive); err != nil {
		closeConn(conn)
		return nil, unavailable("open the shards", err)
	}
	s := &shardLocks{conn: conn}
	for i := range topic.Shards {
		s.wanted = append(s.wanted, int32(i))
	}
	return s, nil
}

type shardLocks struct {
	conn   *pgx.Conn
	wanted []int32 // not held yet
}

const takeShards = `select w.shard from unnest($1::int[]) w(shard) where pg_try_advisory_lock($2, w.shard)`

// Take implements fleet.ShardLocks.
func (s *shardLocks) Take(ctx context.Context) ([]uint8, error) {
	rows, err := s.conn.Query(ctx, takeShards, s.wanted, int32(lockShard))
	if err != nil {
		return nil, unavailable("take shards", err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return nil, unavailable("take shards", err)
	}
	held := map[int32]bool{}
	var out []uint8
	for _, g := range got {
		held[g] = true
		out = append(out, uint8(g))
	}
	rest := s.wanted[:0]
	for _, w := range s.wanted {
		if !held[w] {
			rest = append(rest, w)
		}
	}
	s.wanted = rest
	return out, nil
}

// Close implements fleet.ShardLocks.
func (s *shardLocks) Close() { closeConn(s.conn) }

// CodeSingleInstance is the fault code of a second instance on the embedded
// broker.
const CodeSingleInstance = "broker_single_instance"

// BrokerHold makes this instance the only one of its database that runs the
// embedded broker.
type BrokerHold struct {
	db   *DB
	conn *pgx.Conn
}

// holdEvery is how often the hold is proved.
const holdEvery = 2 * time.Second

// HoldBroker takes the hold. When another instance has it the fault has
// CodeSingleInstance. Run keeps it.
func (db *DB) HoldBroker(ctx context.Context) (*BrokerHold, error) {
	h := &BrokerHold{db: db}
	return h, h.take(ctx)
}

func (h *BrokerHold) take(ctx context.Context) error {
	conn, err := h.db.own(ctx)
	if err != nil {
		return err
	}
	var held bool
	_, err = conn.Exec(ctx, keepalive)
	err = errors.Join(err, conn.QueryRow(ctx, `select pg_try_advisory_lock($1, 0)`, int32(lockBroker)).Scan(&held))
	if err == nil && !held {
		err = fault.New(fault.Conflict, CodeSingleInstance,
			"Another instance runs on this database with its embedded broker. Several instances need one broker for all: set OPENLOT_MQTT_URL.")
	}
	if err != nil {
		closeConn(conn)
		return unavailable("hold the broker", err)
	}
	h.conn = conn
	return nil
}

// Run proves the hold until ctx ends, takes it again when the database was
// away, and gives it back. It fails when another instance was faster.
func (h *BrokerHold) Run(ctx context.Context) error {
	defer func() {
		if h.conn != nil {
			closeConn(h.conn)
		}
	}()
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if h.conn != nil && h.conn.Ping(ctx) == nil {
			continue
		}
		if h.conn != nil {
			closeConn(h.conn)
			h.conn = nil
		}
		if err := h.take(ctx); fault.Code(err) == CodeSingleInstance {
			return err
		}
	}
}
