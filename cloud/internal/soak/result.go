package soak

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/soak/check"
)

// Result is what a run came to.
type Result struct {
	OK         bool
	Operations int // that were answered, or that nobody knows the answer of
	Accepted   int
	Refused    int
	Unanswered int
	Kills      int // of workers
	Crashes    int // of the database
	Checks     int
	Lost       int            // answers whose effect is not there
	Wrong      []string       // answers that nobody must ever get
	ByName     map[string]int // operations
	Found      check.Report
	Took       time.Duration
}

func (r *run) result() Result {
	return Result{
		OK:         r.report.OK() && len(r.wrong) == 0,
		Operations: r.total(), Accepted: r.results[accepted], Refused: r.results[refused], Unanswered: r.results[unanswered],
		Kills: r.kills, Crashes: r.crashes, Checks: r.checks, Lost: r.report.Counts[lost], Wrong: r.wrong, ByName: r.ops, Found: r.report,
		Took: time.Since(r.began),
	}
}

// JSON is the result in one line.
func (x Result) JSON() string {
	out := map[string]any{
		"soak": "ok", "operations": x.Operations, "accepted": x.Accepted, "refused": x.Refused, "unanswered": x.Unanswered,
		"kills": x.Kills, "postgres_kills": x.Crashes, "checks": x.Checks, "lost": x.Lost, "wrong": len(x.Wrong), "seconds": int(x.Took.Seconds()),
		"by_name": x.ByName, "looked_at": x.Found.Looked,
	}
	if !x.OK {
		out["soak"] = "failed"
	}
	for _, k := range check.Kinds() {
		out[string(k)] = x.Found.Counts[k]
	}
	line, err := json.Marshal(out)
	if err != nil { // numbers and texts can be written
		return `{"soak":"failed"}`
	}
	return string(line)
}

// lost is the kind of finding of an answer whose effect is not there.
const lost check.Kind = "lost"

// stored is a row as it is in the end.
type stored struct {
	version int64
	state   string
}

// journal is one journal of a parking's edge.
type journal struct {
	parking string
	epoch   uint32
}

// verify looks for the effect of every answer that a worker got.
func (r *run) verify(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := map[rowKind]map[[16]byte]stored{}
	for kind, sql := range map[rowKind]string{
		reservationRow: `select id, version, state from reservation`,
		paymentRow:     `select id, version, state from payment`,
		sessionRow:     `select id, version, state from session`,
	} {
		rows[kind] = map[[16]byte]stored{}
		var i [16]byte
		var s stored
		if err := r.each(ctx, sql, []any{&i, &s.version, &s.state}, func() { rows[kind][i] = s }); err != nil {
			return err
		}
	}
	keyed := map[[16]byte]bool{}
	var i [16]byte
	if err := r.each(ctx, `select reservation from idempotency_key`, []any{&i}, func() { keyed[i] = true }); err != nil {
		return err
	}
	heads, marks := map[string]uint64{}, map[journal]int64{}
	var p string
	var head uint64
	if err := r.each(ctx, `select parking, revision from parking_head`, []any{&p, &head}, func() { heads[p] = head }); err != nil {
		return err
	}
	var epoch uint32
	var seq int64
	if err := r.each(ctx, `select parking, epoch, max(seq) from observation group by parking, epoch`,
		[]any{&p, &epoch, &seq}, func() { marks[journal{p, epoch}] = seq }); err != nil {
		return err
	}
	for _, n := range r.notes {
		if why := n.missing(rows, keyed, heads, marks); why != "" {
			r.report.Add(lost, "%s in %s, %s %x: %s", n.op, n.parking, n.row, n.id, why)
		}
	}
	if r.report.Counts[lost] > 0 {
		_, _ = fmt.Fprintln(r.Out, r.report)
	}
	return nil
}

// missing says what of an answer's effect is not there.
func (n *note) missing(rows map[rowKind]map[[16]byte]stored, keyed map[[16]byte]bool, heads map[string]uint64, marks map[journal]int64) string {
	if n.revision > heads[n.parking] {
		return fmt.Sprintf("revision %d was answered, the head is at %d", n.revision, heads[n.parking])
	}
	switch n.row {
	case noRow:
		return ""
	case watermarkRow:
		j := journal{n.parking, binary.BigEndian.Uint32(n.id[:])}
		if marks[j] < n.version {
			return fmt.Sprintf("event %d of epoch %d was acknowledged, %d are applied", n.version, j.epoch, marks[j])
		}
		return ""
	case reservationRow:
		if !keyed[n.id] {
			return "its key is not there"
		}
	case paymentRow, sessionRow:
	}
	s, ok := rows[n.row][n.id]
	switch {
	case !ok:
		return "it is not there"
	case s.version < n.version:
		return fmt.Sprintf("version %d was answered, it is at %d", n.version, s.version)
	case n.state != "" && s.state != n.state:
		return fmt.Sprintf("it was %s for good, it is %s", n.state, s.state)
	}
	return ""
}

func (r *run) each(ctx context.Context, sql string, into []any, do func()) error {
	rows, err := r.conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, into, func() error {
		do()
		return nil
	})
	return err
}

// Operations are the names of what workers do, so that a caller can demand that
// all of it was done.
func Operations() []string {
	names := map[string]bool{"extend": true, "allot": true, "adopt": true}
	for _, o := range operations() {
		names[o.name] = true
	}
	out := make([]string, 0, len(names))
	for n := range maps.Keys(names) {
		out = append(out, n)
	}
	return out
}
