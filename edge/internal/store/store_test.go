package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

var (
	t0   = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	boot = id.New[id.Boot](t0)
)

// open opens and runs a store; stop ends it cleanly.
func open(t testing.TB, path string) (*store.Store, func()) {
	t.Helper()
	s, err := store.Open(path, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return s, stop
}

func admit(ses id.Session, r id.Reservation) admission.Fact {
	return admission.Fact{Event: wire.Event{
		Boot: boot, Wall: t0.UnixMilli(), TrustedLo: t0.UnixMilli(), Kind: wire.Admitted, Lane: "entry-1",
		Session: ses, Reservation: r, SpaceType: id.Standard, Reason: wire.AdmitReservation,
	}}
}

func record(t testing.TB, s *store.Store, facts ...admission.Fact) {
	t.Helper()
	if _, err := s.Record(func(*admission.State) []admission.Fact { return facts }); err != nil {
		t.Fatal(err)
	}
}

func admitSome(t testing.TB, s *store.Store, n int) []id.Session {
	t.Helper()
	var out []id.Session
	for range n {
		ses := id.New[id.Session](t0)
		record(t, s, admit(ses, id.New[id.Reservation](t0)))
		out = append(out, ses)
	}
	return out
}

// hashes chains the pending events from a position.
func hashes(t testing.TB, s *store.Store) []wire.Hash {
	t.Helper()
	p := s.Position()
	raw, err := s.Pending(p.AckedSeq, 1000, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	out, h := []wire.Hash{}, p.AckedHash
	for _, b := range raw {
		h = h.Next(b)
		out = append(out, h)
	}
	return out
}

func TestAckedEventsAreGoneAndTheRestIsThereAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := open(t, path)
	sessions := admitSome(t, s, 10)
	h := hashes(t, s)
	if len(h) != 10 {
		t.Fatalf("%d events pending, want 10", len(h))
	}
	if err := s.Welcomed(7, 0, wire.Hash{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Ack(4, h[3]); err != nil {
		t.Fatal(err)
	}
	for _, repeat := range []uint64{4, 2} {
		if err := s.Ack(repeat, h[repeat-1]); err != nil {
			t.Fatalf("an acknowledgement that came twice: %v", err)
		}
	}
	if err := s.Ack(8, h[3]); !errors.Is(err, store.ErrHashMismatch) {
		t.Fatalf("another journal's hash: %v", err)
	}
	if err := s.Ack(11, h[9]); !errors.Is(err, store.ErrAhead) {
		t.Fatalf("more than there is: %v", err)
	}
	before := s.Position()
	stop()

	s, _ = open(t, path)
	if got := s.Position(); got != before || got.AckedSeq != 4 || got.LastSeq != 10 || got.Epoch != 7 {
		t.Fatalf("position %+v after the restart, before %+v", got, before)
	}
	raw, err := s.Pending(4, 1000, 1<<20)
	if err != nil || len(raw) != 6 {
		t.Fatalf("%d events pending, want 6 (%v)", len(raw), err)
	}
	if first, err := wire.Unmarshal[wire.Event](raw[0]); err != nil || first.Seq != 5 || first.Session != sessions[4] {
		t.Fatalf("first pending %+v (%v)", first, err)
	}
	s.View(func(st *admission.State) {
		if len(st.Sessions) != 10 || len(st.Uses) != 10 {
			t.Errorf("%d sessions and %d uses came back, want 10 of each", len(st.Sessions), len(st.Uses))
		}
	})
	if !s.EndedCleanly() || s.Fresh() {
		t.Error("the last run ended cleanly and the file is not new")
	}
	if got, _ := s.Pending(4, 2, 1<<20); len(got) != 2 {
		t.Errorf("limit 2 gave %d", len(got))
	}
	if got, _ := s.Pending(4, 100, 1); len(got) != 1 {
		t.Errorf("a size of one byte gave %d events, want the one that is always given", len(got))
	}
}

func TestANewJournalKeepsWhatWasNotAcked(t *testing.T) {
	s, _ := open(t, filepath.Join(t.TempDir(), "edge.db"))
	sessions := admitSome(t, s, 5)
	h := hashes(t, s)
	if err := s.Welcomed(1, 2, h[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sync(&wire.Sync{Kind: wire.Snapshot, Through: 9, Parts: 1, Allotments: []wire.Allotment{{SpaceType: id.Standard, Version: 1, Units: 3}}}, none); err != nil {
		t.Fatal(err)
	}
	old := s.Position()
	if err := s.Welcomed(1, 1, h[0]); !errors.Is(err, store.ErrBehind) {
		t.Fatalf("a cloud that lost events: %v", err)
	}
	if err := s.NewJournal(); err != nil {
		t.Fatal(err)
	}
	p := s.Position()
	if p.Journal == old.Journal || p.Epoch != 0 || p.LastSeq != 3 || p.AckedSeq != 0 || p.Revision != 0 {
		t.Fatalf("new journal %+v", p)
	}
	raw, err := s.Pending(0, 10, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	events, err := (&wire.EventBatch{First: 1, Events: raw}).Decode()
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.Session != sessions[i+2] {
			t.Errorf("event %d is about %v, want %v", e.Seq, e.Session, sessions[i+2])
		}
	}
	s.View(func(st *admission.State) {
		if len(st.Sessions) != 5 || len(st.Allotments) != 0 {
			t.Errorf("%d sessions and %d allotments, want 5 facts and no allotment of the old life", len(st.Sessions), len(st.Allotments))
		}
	})
	if err := s.Ack(3, hashes(t, s)[2]); err != nil {
		t.Fatal(err)
	}
}

// A sync of the disk for an acknowledgement would be one that a car waits for.
func TestAnAcknowledgementCostsNoSyncOfItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := open(t, path)
	admitSome(t, s, 3)
	h := hashes(t, s)
	before := s.Stats()
	for seq := range uint64(3) {
		if err := s.Ack(seq+1, h[seq]); err != nil {
			t.Fatal(err)
		}
	}
	if p := s.Position(); p.AckedSeq != 3 || p.AckedHash != h[2] {
		t.Fatalf("%+v: the cloud's word counts at once", p)
	}
	settled(t, s, before.Settled+1) // within a second, all three at once
	if after := s.Stats(); after.Batches != before.Batches {
		t.Fatalf("%d batches for acknowledgements", after.Batches-before.Batches)
	}
	if got, _ := s.Pending(0, 10, 1<<20); len(got) != 0 {
		t.Fatalf("%d events are still in the file", len(got))
	}
	stop()
	if in, err := store.Inspect(path); err != nil || in.AckedSeq != 3 || len(in.Pending) != 0 {
		t.Fatalf("%+v (%v)", in, err)
	}
}

// settled waits until bbolt has committed so often.
func settled(t testing.TB, s *store.Store, times uint64) {
	t.Helper()
	for {
		changed := s.Changed()
		if s.Stats().Settled >= times {
			return
		}
		<-changed
	}
}

// The deletion of what was acknowledged waits for a commit; a new journal does
// not take it up again.
func TestANewJournalLeavesOutWhatWasJustAcked(t *testing.T) {
	s, _ := open(t, filepath.Join(t.TempDir(), "edge.db"))
	sessions := admitSome(t, s, 3)
	if err := s.Ack(2, hashes(t, s)[1]); err != nil {
		t.Fatal(err)
	}
	if err := s.NewJournal(); err != nil {
		t.Fatal(err)
	}
	raw, err := s.Pending(0, 10, 1<<20)
	if err != nil || len(raw) != 1 {
		t.Fatalf("%d events in the new journal, want 1 (%v)", len(raw), err)
	}
	if e, err := wire.Unmarshal[wire.Event](raw[0]); err != nil || e.Session != sessions[2] {
		t.Fatalf("%+v (%v)", e, err)
	}
}

func none(*admission.State) []admission.Fact { return nil }

func TestASnapshotIsThereAsAWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := open(t, path)
	part := func(n uint16, r id.Reservation) *wire.Sync {
		return &wire.Sync{Kind: wire.Snapshot, Through: 20, Part: n, Parts: 2, Entries: []wire.Entry{{
			Reservation: r, Generation: 1, SpaceType: id.Standard, From: 1, To: 2, State: wire.EntryConfirmed,
		}}}
	}
	one, two := id.New[id.Reservation](t0), id.New[id.Reservation](t0)
	if done, err := s.Sync(part(0, one), none); done || err != nil {
		t.Fatal("half a snapshot was taken", err)
	}
	if s.Position().Revision != 0 {
		t.Fatal("half a snapshot moved the revision")
	}
	adopt := func(*admission.State) []admission.Fact {
		return []admission.Fact{{Event: wire.Event{Boot: boot, Kind: wire.AllotmentAdopted, SpaceType: id.Standard, Version: 1}}}
	}
	if done, err := s.Sync(part(1, two), adopt); !done || err != nil {
		t.Fatal("a whole snapshot was not taken", err)
	}
	if p := s.Position(); p.Revision != 20 || p.LastSeq != 1 {
		t.Fatalf("%+v, want revision 20 and the event that follows from it", p)
	}
	if _, err := s.Sync(&wire.Sync{Kind: wire.Delta, Base: 21, Through: 22, Parts: 1}, none); !errors.Is(err, admission.ErrGap) {
		t.Fatalf("a gap: %v", err)
	}
	stop()
	s, _ = open(t, path)
	s.View(func(st *admission.State) {
		if st.Revision != 20 || len(st.Entries) != 2 {
			t.Errorf("revision %d with %d entries after a restart", st.Revision, len(st.Entries))
		}
	})
}

func TestOneAgentAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	_, stop := open(t, path)
	if _, err := store.Open(path, slog.New(slog.DiscardHandler), time.Now); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second agent: %v", err)
	}
	if _, err := store.Inspect(path); !errors.Is(err, store.ErrInUse) {
		t.Errorf("an inspection of a running agent: %v", err)
	}
	stop()
	if in, err := store.Inspect(path); err != nil || !in.Clean {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestABadEventChangesNothing(t *testing.T) {
	s, _ := open(t, filepath.Join(t.TempDir(), "edge.db"))
	bad := admit(id.New[id.Session](t0), id.New[id.Reservation](t0))
	bad.Event.Lane = "Not A Lane"
	good := admit(id.New[id.Session](t0), id.New[id.Reservation](t0))
	if _, err := s.Record(func(*admission.State) []admission.Fact { return []admission.Fact{good, bad} }); !errors.Is(err, wire.ErrMalformed) {
		t.Fatal(err)
	}
	if p := s.Position(); p.LastSeq != 0 {
		t.Fatal("half of it was journalled")
	}
	s.View(func(st *admission.State) {
		if len(st.Sessions) != 0 {
			t.Error("half of it was applied")
		}
	})
	record(t, s, good)
}

// Whatever byte of the data changes, the store either says so or holds exactly
// what it held. The first two pages are bbolt's own heads: damage to the newer
// one looks like a commit that the power cut off, and takes back that commit.
func TestDamageIsNeverSilent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "edge.db")
	s, stop := open(t, path)
	admitSome(t, s, 20)
	if _, err := s.Sync(&wire.Sync{Kind: wire.Snapshot, Through: 20, Parts: 1, Keys: []wire.PassKey{{ID: make([]byte, 8), Public: make([]byte, 32)}}}, none); err != nil {
		t.Fatal(err)
	}
	stop()
	want, err := store.Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged, noticed := filepath.Join(dir, "damaged.db"), 0
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte(nil), whole...)
		b[rapid.IntRange(2*4096, len(b)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if err := os.WriteFile(damaged, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := store.Inspect(damaged)
		if err != nil {
			noticed++
			if c := new(store.CorruptError); !errors.As(err, &c) {
				t.Fatalf("damage was reported as %T: %v", err, err)
			}
			return
		}
		got.Path = want.Path
		if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b {
			t.Fatal("silently wrong")
		}
	})
	if noticed == 0 {
		t.Error("no damage was noticed at all")
	}
}

// A record whose bytes changed in a way that still decodes is found as well, and
// nothing is lost with it.
func TestEveryByteOfARecordIsGuarded(t *testing.T) {
	live := filepath.Join(t.TempDir(), "edge.db")
	s, stop := open(t, live)
	ses := admitSome(t, s, 3)[1]
	stop()
	beside, err := filepath.Glob(live + "-*")
	if err != nil {
		t.Fatal(err)
	}
	state := func(content []byte) (string, *store.Rebuilt) {
		path := filepath.Join(t.TempDir(), "edge.db")
		for _, name := range beside {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+strings.TrimPrefix(name, live), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, stop := open(t, path)
		defer stop()
		var out string
		s.View(func(st *admission.State) {
			st.Heard = 0 // is not there twice: the edge then counts as not old
			out = fmt.Sprintf("%+v", *st)
		})
		return out, s.Rebuilt()
	}
	whole, err := os.ReadFile(live)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := state(whole)
	noticed := 0
	for at := range whole {
		if !bytes.HasPrefix(whole[at:], ses.Bytes()) {
			continue
		}
		for i := at; i < at+60; i += store.Slower {
			b := bytes.Clone(whole)
			b[i] ^= 1
			got, rebuilt := state(b)
			if got != want {
				t.Fatalf("byte %d: silently wrong:\n%s\n%s", i, got, want)
			}
			if rebuilt != nil {
				noticed++
				if len(rebuilt.Lost) > 0 {
					t.Fatalf("byte %d: lost %v", i, rebuilt.Lost)
				}
			}
		}
	}
	if noticed < 60/store.Slower {
		t.Errorf("%d damages were noticed", noticed)
	}
}

func TestWritersShareCommitsAndNeverNumbers(t *testing.T) {
	s, _ := open(t, filepath.Join(t.TempDir(), "edge.db"))
	var g sync.WaitGroup
	seen := sync.Map{}
	for range 8 {
		g.Go(func() {
			for range 50 {
				events, err := s.Record(func(*admission.State) []admission.Fact {
					return []admission.Fact{admit(id.New[id.Session](t0), id.New[id.Reservation](t0))}
				})
				if err != nil {
					t.Error(err)
					return
				}
				if _, twice := seen.LoadOrStore(events[0].Seq, true); twice {
					t.Errorf("seq %d was given twice", events[0].Seq)
				}
			}
		})
	}
	g.Wait()
	if p := s.Position(); p.LastSeq != 400 {
		t.Errorf("last seq %d, want 400", p.LastSeq)
	}
	raw, err := s.Pending(0, 1000, 1<<20)
	if err != nil || len(raw) != 400 {
		t.Errorf("%d pending (%v)", len(raw), err)
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, _ := open(b, filepath.Join(b.TempDir(), "edge.db"))
			b.SetParallelism(writers)
			b.ReportAllocs()
			if writers == 1 {
				for b.Loop() {
					record(b, s, admit(id.New[id.Session](t0), id.New[id.Reservation](t0)))
				}
				return
			}
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					record(b, s, admit(id.New[id.Session](t0), id.New[id.Reservation](t0)))
				}
			})
		})
	}
}
