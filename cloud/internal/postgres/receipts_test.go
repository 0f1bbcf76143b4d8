package postgres_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// The database finds the session in whatever event an edge can write, and none
// where there is none.
func TestTheSessionOfAJournalEventIsFound(t *testing.T) {
	_, dsn := postgrestest.New(t)
	owner := postgrestest.Owner(t, dsn)
	now, ctx := time.Now(), t.Context()
	find := func(t rapid.TB, raw []byte) (found *[16]byte) {
		if err := owner.QueryRow(ctx, `select journal_session($1)`, raw).Scan(&found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	rapid.Check(t, func(t *rapid.T) {
		e := wire.Event{
			Seq: rapid.Uint64Min(1).Draw(t, "seq"), Boot: id.New[id.Boot](now), Mono: rapid.Uint64().Draw(t, "mono"),
			Wall: rapid.Int64Range(0, 1<<43-1).Draw(t, "wall"), Uncertainty: rapid.Uint32().Draw(t, "uncertainty"),
			Kind: rapid.SampledFrom([]wire.EventKind{wire.Entered, wire.Exited, wire.BackedOut, wire.Started}).Draw(t, "kind"),
			Lane: id.Lane(rapid.StringMatching(`[a-z][a-z0-9]{0,19}`).Draw(t, "lane")),
		}
		if e.Kind != wire.Started || rapid.Bool().Draw(t, "named") {
			e.Session = id.New[id.Session](now)
		}
		if rapid.Bool().Draw(t, "reserved") {
			e.Reservation, e.Generation, e.SpaceType, e.Offline = id.New[id.Reservation](now), 3, id.Standard, true
		}
		raw, err := wire.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		found := find(t, raw)
		if e.Session.IsZero() != (found == nil) || found != nil && *found != e.Session.UUID() {
			t.Fatalf("%v in %x, which names %s", found, raw, e.Session)
		}
	})
	for _, raw := range [][]byte{{}, {0xa1}, {0xa1, 8}, {0xa1, 8, 0x50, 1}, {0x81, 1}, {0xa1, 8, 1}, {0xbf, 8, 0x50}} {
		if found := find(t, raw); found != nil && len(raw) < 19 {
			t.Errorf("%x: %x", raw, *found)
		}
	}
}
