package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// What is forgotten is gone from the file in the time mark's own commit.
func TestAForgottenReservationIsGoneFromTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := open(t, path)
	entryAt := func(from time.Time) wire.Entry {
		return wire.Entry{
			Reservation: id.New[id.Reservation](t0), Generation: 1, SpaceType: id.Standard, State: wire.EntryConfirmed,
			From: from.Unix(), To: from.Add(time.Hour).Unix(), NoShowAt: from.Unix(), Version: 1,
		}
	}
	old, coming := entryAt(t0.Add(-48*time.Hour)), entryAt(t0)
	if _, err := s.Sync(&wire.Sync{Kind: wire.Delta, Through: 1, Parts: 1, Entries: []wire.Entry{old, coming}}, none); err != nil {
		t.Fatal(err)
	}
	record(t, s, admission.Fact{Event: wire.Event{Boot: boot, Wall: t0.UnixMilli(), TrustedLo: t0.UnixMilli(), Kind: wire.TimeMark}})
	stop()
	s, _ = open(t, path)
	s.View(func(st *admission.State) {
		if _, there := st.Entries[coming.Reservation]; !there || len(st.Entries) != 1 {
			t.Errorf("after a restart there are the entries %v", st.Entries)
		}
	})
}
