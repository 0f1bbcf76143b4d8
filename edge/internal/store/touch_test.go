package store_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/edge/internal/store"
)

// What is known of the time is on the disk though nothing else happened: the
// process may die right after.
func TestTheTimeIsWrittenDownThoughNothingHappens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	open := func() (*store.Store, func()) {
		s, err := store.Open(path, slog.New(slog.DiscardHandler), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		return s, func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	s, end := open()
	late := clock.Anchor{Machine: "one", Elapsed: time.Hour, Lo: 1_790_000_000_000, Told: true}
	s.WriteAnchor(func() clock.Anchor { return late })
	before := s.Stats().Batches
	if err := s.Touch(); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats().Batches; got != before+1 {
		t.Errorf("%d batches were synced, want one", got-before)
	}
	s.WriteAnchor(func() clock.Anchor { return late })
	end()
	s, end = open()
	defer end()
	if got := s.Anchor(); got.Lo != late.Lo || got.Machine != late.Machine || !got.Told {
		t.Errorf("written %+v, read %+v", late, got)
	}
}
