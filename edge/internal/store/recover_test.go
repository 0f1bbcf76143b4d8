package store

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// running opens and runs a store whose settler can be held up.
func running(t *testing.T, path string) (*Store, func()) {
	t.Helper()
	s, err := Open(path, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return s, stop
}

func enter(t *testing.T, s *Store) id.Session {
	t.Helper()
	now := time.Now()
	ses := id.New[id.Session](now)
	_, err := s.Record(func(*admission.State) []admission.Fact {
		return []admission.Fact{{Event: wire.Event{
			Boot: id.New[id.Boot](now), Wall: now.UnixMilli(), TrustedLo: now.UnixMilli(), Kind: wire.Admitted, Lane: "entry-1",
			Session: ses, Reservation: id.New[id.Reservation](now), SpaceType: id.Standard, Reason: wire.AdmitReservation,
		}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ses
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// cutAfter is the folder of a store whose power went after n entries, of which
// bbolt has those before the first settled.
func cutAfter(t *testing.T, settled, n int) (path string, sessions []id.Session) {
	t.Helper()
	live, image := filepath.Join(t.TempDir(), "edge.db"), filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, live)
	defer stop()
	for range settled {
		sessions = append(sessions, enter(t, s))
	}
	s.settling.Lock()
	defer s.settling.Unlock()
	if err := s.toBolt(nil, head{}); err != nil {
		t.Fatal(err)
	}
	for len(sessions) < n {
		sessions = append(sessions, enter(t, s))
	}
	copyFile(t, live, image)
	copyAll(t, live, image)
	return image, sessions
}

func insideOf(t *testing.T, path string) map[id.Session]admission.Session {
	t.Helper()
	s, stop := running(t, path)
	defer stop()
	out := map[id.Session]admission.Session{}
	s.View(func(st *admission.State) {
		maps.Copy(out, st.Sessions)
	})
	if p := s.Position(); p.LastSeq < uint64(len(out)) {
		t.Errorf("%d sessions, %d events", len(out), p.LastSeq)
	}
	return out
}

// What was answered is in the log; a power cut before bbolt has it loses
// nothing, and an inspection sees it without changing anything.
func TestWhatOnlyTheLogHasIsThereAfterAPowerCut(t *testing.T) {
	path, sessions := cutAfter(t, 3, 8)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := Inspect(path)
	if err != nil || in.LastSeq != 8 || len(in.Pending) != 8 || in.Sessions != 8 {
		t.Fatalf("inspected: %+v, %v", in, err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Error("the inspection changed the file")
	}
	inside := insideOf(t, path)
	for _, ses := range sessions {
		if _, there := inside[ses]; !there {
			t.Errorf("%v is lost", ses)
		}
	}
	if again := insideOf(t, path); len(again) != 8 {
		t.Errorf("%d sessions at the second start", len(again))
	}
}

// bbolt's newest commit may be taken back by damage to its newer head page; the
// log has what it held, until the second copy has it as well.
func TestTheLogMakesUpForALostCommitOfBbolt(t *testing.T) {
	live := filepath.Join(t.TempDir(), "edge.db")
	image, late := filepath.Join(t.TempDir(), "edge.db"), filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, live)
	s.settling.Lock()
	copyFile(t, live, image) // before anything is settled
	copyFile(t, live, late)
	for range 5 {
		enter(t, s)
	}
	if err := s.toBolt(nil, head{}); err != nil {
		t.Fatal(err)
	}
	copyAll(t, live, image)
	s.settling.Unlock()
	if inside := insideOf(t, image); len(inside) != 5 {
		t.Errorf("%d sessions came back, want 5", len(inside))
	}
	for range 2 * walBlocks {
		enter(t, s)
	}
	stop()
	// The log holds them no more: the file is older than the second copy says, and
	// no start believes it.
	copyAll(t, live, late)
	if inside := insideOf(t, late); len(inside) != 5+2*walBlocks {
		t.Errorf("%d sessions came back, want %d", len(inside), 5+2*walBlocks)
	}
}

// A bbolt file and a log of last week, whole in themselves, are older than the
// second copy, and not believed.
func TestAnOlderFileIsNotBelieved(t *testing.T) {
	live, image := filepath.Join(t.TempDir(), "edge.db"), filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, live)
	enter(t, s)
	s.settling.Lock()
	copyFile(t, live, image)
	copyFile(t, walPath(live), walPath(image))
	copyFile(t, sparePath(live), sparePath(image))
	s.settling.Unlock()
	for range 5 {
		enter(t, s)
	}
	s.settling.Lock()
	must(t, s.toBolt(nil, head{}))
	s.copyOut()
	s.settling.Unlock()
	stop()
	newer, err := filepath.Glob(unsentPrefix(live) + "*")
	must(t, err)
	for _, n := range append(newer, statePath(live)) {
		copyFile(t, n, image+strings.TrimPrefix(n, live))
	}
	if inside := insideOf(t, image); len(inside) != 6 {
		t.Errorf("%d sessions came back, want 6", len(inside))
	}
}

// copyAll copies what goes with a bbolt file, but not that.
func copyAll(t *testing.T, from, to string) {
	t.Helper()
	names, err := filepath.Glob(from + "-*")
	must(t, err)
	for _, n := range names {
		if !strings.HasSuffix(n, "-lock") {
			copyFile(t, n, to+strings.TrimPrefix(n, from))
		}
	}
}

func setHead(t *testing.T, path string, change func(*head)) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		var h head
		if err := decode(bucketMeta, keyHead, tx.Bucket(bucketMeta).Get(keyHead), &h); err != nil {
			return err
		}
		change(&h)
		return putHead(tx, h)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A log that is gone, or another file's, is missed unless the file was closed
// cleanly: then it held nothing. Who is known to be inside stays inside, and the
// events that are left go on in a new journal.
func TestAMissingLogIsMissed(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, log string){
		"gone": func(t *testing.T, log string) { t.Helper(); must(t, os.Remove(log)) },
		"another's": func(t *testing.T, log string) {
			t.Helper()
			other, _ := cutAfter(t, 1, 2)
			copyFile(t, walPath(other), log)
		},
		"cut off":   func(t *testing.T, log string) { t.Helper(); must(t, os.Truncate(log, 100)) },
		"shortened": func(t *testing.T, log string) { t.Helper(); must(t, os.Truncate(log, 4*walBlock)) },
	} {
		t.Run(name, func(t *testing.T) {
			path, sessions := cutAfter(t, 2, 4)
			harm(t, walPath(path))
			if _, err := Inspect(path); !corrupt(err) {
				t.Errorf("inspected: %v", err)
			}
			before := journalOf(t, path)
			inside := insideOf(t, path)
			want := 2
			if name == "shortened" {
				want = 3 // one of two batches is left in it
			}
			if _, there := inside[sessions[1]]; !there || len(inside) != want {
				t.Errorf("%d sessions are left of those that bbolt had", len(inside))
			}
			in, err := Inspect(path)
			if err != nil || in.Rebuilt == nil || len(in.Rebuilt.Lost) == 0 || in.Journal == before {
				t.Errorf("what was lost was not said: %+v, %v", in.Rebuilt, err)
			}

			clean := filepath.Join(t.TempDir(), "edge.db")
			s, stop := running(t, clean)
			enter(t, s)
			stop()
			harm(t, walPath(clean))
			if inside := insideOf(t, clean); len(inside) != 1 {
				t.Errorf("%d sessions after a clean end", len(inside))
			}
			if in, err := Inspect(clean); err != nil || in.Rebuilt != nil {
				t.Errorf("rebuilt without need: %+v, %v", in.Rebuilt, err)
			}
		})
	}
}

func journalOf(t *testing.T, path string) id.Journal {
	t.Helper()
	db, err := openDB(path, &bbolt.Options{ReadOnly: true, Timeout: lockWait})
	must(t, err)
	f, err := load(path, db, false)
	must(t, errors.Join(err, db.Close()))
	return f.head.Journal
}

// One byte of a batch that only the log has is noticed, or was never needed; the
// others are not lost for it.
func TestDamageToTheLogIsNeverSilent(t *testing.T) {
	path, sessions := cutAfter(t, 2, 5)
	for _, at := range []int64{0, 5, 8, 30, 40, 200} {
		for block := int64(3); block <= 4; block++ { // the third and fourth batch; the fifth might be a torn write
			damaged := filepath.Join(t.TempDir(), "edge.db")
			copyFile(t, path, damaged)
			copyAll(t, path, damaged)
			flip(t, walPath(damaged), block*walBlock+at)
			if _, err := Inspect(damaged); !corrupt(err) {
				t.Errorf("byte %d of block %d: %v", at, block, err)
			}
			inside := insideOf(t, damaged)
			for i, ses := range sessions {
				if _, there := inside[ses]; !there && i != int(block)-1 {
					t.Errorf("byte %d of block %d: session %d is lost", at, block, i)
				}
			}
		}
		// The header says nothing that is not known from elsewhere.
		damaged := filepath.Join(t.TempDir(), "edge.db")
		copyFile(t, path, damaged)
		copyAll(t, path, damaged)
		flip(t, walPath(damaged), at)
		if inside := insideOf(t, damaged); len(inside) != 5 {
			t.Errorf("byte %d of the header: %d sessions", at, len(inside))
		}
	}
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	b[at] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A file of the version before, which had no log, is taken over.
func TestAFileWithoutALogIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, path)
	enter(t, s)
	stop()
	for _, beside := range []string{walPath(path), sparePath(path), statePath(path)} {
		must(t, os.Remove(beside))
	}
	setHead(t, path, func(h *head) { h.Version, h.Clean, h.Batch, h.Log = 1, false, 0, walID{} })
	if in, err := Inspect(path); err != nil || in.Sessions != 1 {
		t.Errorf("%+v, %v", in, err)
	}
	if inside := insideOf(t, path); len(inside) != 1 {
		t.Errorf("%d sessions", len(inside))
	}
	setHead(t, path, func(h *head) { h.Version = formatVersion + 1 })
	before := contents(t, filepath.Dir(path))
	if _, err := Open(path, slog.New(slog.DiscardHandler), time.Now); !errors.Is(err, ErrNewer) {
		t.Fatalf("a version of tomorrow: %v", err) // whoever opened it has its lock
	}
	if now := contents(t, filepath.Dir(path)); !maps.Equal(now, before) {
		t.Fatal("what cannot be read was changed")
	}
	setHead(t, path, func(h *head) { h.Version = formatVersion }) // as for the version that wrote it
	if inside := insideOf(t, path); len(inside) != 1 {
		t.Errorf("%d sessions after the way back", len(inside))
	}
}

// contents is what the files of a directory hold, by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found, err := os.ReadDir(dir)
	must(t, err)
	all := map[string]string{}
	for _, f := range found {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		must(t, err)
		all[f.Name()] = string(b)
	}
	return all
}

// A log that is full, a sync that is too large for it, and what comes after
// them are all there after a power cut.
func TestLargeSyncsAndAFullLogGoToBbolt(t *testing.T) {
	live, image := filepath.Join(t.TempDir(), "edge.db"), filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, live)
	defer stop()
	delta := &wire.Sync{Kind: wire.Snapshot, Through: 1, Parts: 1}
	for range 1000 {
		delta.Entries = append(delta.Entries, wire.Entry{
			Reservation: id.New[id.Reservation](time.Now()), Generation: 1, SpaceType: id.Standard, State: wire.EntryConfirmed, From: 1, To: 2, Version: 1,
		})
	}
	nothing := func(*admission.State) []admission.Fact { return nil }
	if _, err := s.Sync(delta, nothing); err != nil {
		t.Fatal(err)
	}
	more := &wire.Sync{Kind: wire.Delta, Base: 1, Through: 2, Parts: 1, Entries: delta.Entries}
	for range 3 * walBlocks {
		enter(t, s)
	}
	if _, err := s.Sync(more, nothing); err != nil {
		t.Fatal(err)
	}
	last := enter(t, s)
	s.settling.Lock()
	copyFile(t, live, image)
	copyAll(t, live, image)
	s.settling.Unlock()
	inside := insideOf(t, image)
	if _, there := inside[last]; !there || len(inside) != 3*walBlocks+1 {
		t.Errorf("%d sessions, the last: %v", len(inside), there)
	}
	if st := s.Stats(); st.Settled < 3 || st.Batches < 2*walBlocks {
		t.Errorf("%+v: the log was not used, or never full", st)
	}
}

// While bbolt takes over what the log holds, every durable event can be read,
// each once.
func TestEventsAreReadWhileBboltTakesThemOver(t *testing.T) {
	s, stop := running(t, filepath.Join(t.TempDir(), "edge.db"))
	defer stop()
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-done:
				ended <- nil
				return
			default:
			}
			s.settling.Lock()
			err := s.toBolt(nil, head{})
			s.settling.Unlock()
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	for n := 1; n <= 80; n++ {
		enter(t, s)
		raw, err := s.Pending(0, 1000, 1<<20)
		if err != nil || len(raw) != n {
			t.Fatalf("%d of %d events can be read: %v", len(raw), n, err)
		}
		for i, b := range raw {
			if e, err := wire.Unmarshal[wire.Event](b); err != nil || e.Seq != uint64(i+1) {
				t.Fatalf("event %d is %d: %v", i+1, e.Seq, err)
			}
		}
	}
	close(done)
	must(t, <-ended)
}

// The number of a batch that was torn is never used again: a later record could
// complete what is left of it.
func TestTheNumberOfATornBatchIsNotUsedAgain(t *testing.T) {
	path, _ := cutAfter(t, 1, 3)
	before, _, err := look(t.Context(), path, lookBy{readOnly: true})
	must(t, err)
	s, stop := running(t, path)
	defer stop()
	enter(t, s)
	s.settling.Lock()
	defer s.settling.Unlock()
	if got := s.wal.used[0].number; got != before.last+2 {
		t.Errorf("the first batch is %d, the newest before the cut was %d, and %d may have been torn", got, before.last, before.last+1)
	}
}

// After a new journal the log still goes with the file.
func TestANewJournalKeepsItsLog(t *testing.T) {
	live, image := filepath.Join(t.TempDir(), "edge.db"), filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, live)
	defer stop()
	enter(t, s)
	must(t, s.NewJournal())
	enter(t, s)
	s.settling.Lock()
	copyFile(t, live, image)
	copyAll(t, live, image)
	s.settling.Unlock()
	if in, err := Inspect(image); err != nil || in.Sessions != 2 || len(in.Pending) != 2 {
		t.Errorf("%+v, %v", in, err)
	}
}
