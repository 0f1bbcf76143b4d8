package store

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// aloneEnv says that this process runs one test only.
const aloneEnv = "OPENLOT_TEST_STORE_ALONE"

// aloneInProcess runs a test in a process of its own, because it limits the process. It
// returns true in that process, and false in this one when the other has ended.
func aloneInProcess(t *testing.T) bool {
	t.Helper()
	if os.Getenv(aloneEnv) != "" {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), aloneEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	return false
}

// limitFiles makes every write beyond so many bytes of a file fail in this process,
// as a full or broken disk would, until relax.
func limitFiles(t *testing.T, size uint64) (relax func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: old.Max}))
	relax = func() { must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &old)) }
	t.Cleanup(relax)
	return relax
}

// quick has what fails tried again soon.
func quick(wal, spare int) Option {
	return func(o *options) {
		o.walBlocks, o.spareBlocks, o.settleWait, o.retryWait = wal, spare, 5*time.Millisecond, 20*time.Millisecond
	}
}

func runningWith(t *testing.T, path string, choices ...Option) (*Store, func()) {
	t.Helper()
	s, err := Open(path, slog.New(slog.DiscardHandler), time.Now, choices...)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		cancel()
		must(t, <-done)
	}
}

// until waits for a health.
func until(t *testing.T, s *Store, is func(Health) bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		changed := s.Changed()
		if is(s.Health()) {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Until(end)):
			t.Fatalf("it stays %+v", s.Health())
		}
	}
}

func works(h Health) bool { return h.State == Works }

// fact is one of a kind, with what its kind needs.
func fact(kind wire.EventKind, ses id.Session) admission.Fact {
	now := time.Now()
	e := wire.Event{Boot: id.New[id.Boot](now), Wall: now.UnixMilli(), TrustedLo: now.UnixMilli(), Kind: kind, Lane: "lane-1", Session: ses, SpaceType: id.Standard}
	switch kind {
	case wire.Admitted, wire.Released:
		e.Reason = wire.AdmitWalkin
	case wire.Refused:
		e.Reason = wire.RefuseFull
	case wire.LaneFault:
		e.Note = "stuck"
	case wire.Paid:
		e.Payment, e.Amount, e.Currency, e.Method = id.New[id.Payment](now), 100, "EUR", wire.Cash
	default:
	}
	return admission.Fact{Event: e}
}

func try(s *Store, kind wire.EventKind, ses id.Session) error {
	_, err := s.Record(func(*admission.State) []admission.Fact { return []admission.Fact{fact(kind, ses)} })
	return err
}

func fresh() id.Session { return id.New[id.Session](time.Now()) }

// While the log cannot be written the emergency journal has everything, once and
// in order, whenever the power goes; then the log goes on.
func TestTheEmergencyJournalTakesOver(t *testing.T) {
	path, image := filepath.Join(t.TempDir(), "edge.db"), filepath.Join(t.TempDir(), "edge.db")
	s, stop := runningWith(t, path, func(o *options) { o.settleWait, o.retryWait = time.Hour, time.Hour })
	var want []id.Session
	admit := func() {
		t.Helper()
		want = append(want, fresh())
		must(t, try(s, wire.Admitted, want[len(want)-1]))
	}
	admit()
	s.writing.Lock()
	s.wal.disk = &failing{disk: s.wal.disk, left: 1}
	s.writing.Unlock()
	for range 5 {
		admit()
	}
	if h := s.Health(); h.State != Emergency || len(h.Why) != 1 {
		t.Errorf("%+v", h)
	}
	if n := len(s.spare.used); n != 5 {
		t.Errorf("%d batches are in the emergency journal", n)
	}
	s.settling.Lock()
	copyFile(t, path, image)
	copyAll(t, path, image)
	s.settling.Unlock()
	s.settleNow()
	if h := s.Health(); h.State != Works {
		t.Errorf("after bbolt took over: %+v", h)
	}
	admit()
	if n := len(s.wal.used); n != 1 {
		t.Errorf("%d batches are in the log, which goes on", n)
	}
	stop()
	for path, n := range map[string]int{image: 6, path: 7} {
		in, err := Inspect(path)
		must(t, err)
		if len(in.Pending) != n {
			t.Fatalf("%d events, want %d", len(in.Pending), n)
		}
		for i, e := range in.Pending {
			if e.Session != want[i] || e.Seq != uint64(i+1) {
				t.Errorf("event %d is about %v, want %v", e.Seq, e.Session, want[i])
			}
		}
	}
}

// On a disk that others have filled nothing changes for those at the gate, until
// what is left is kept for those inside; and all of it is there afterwards.
func TestAFullDisk(t *testing.T) {
	if !aloneInProcess(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := runningWith(t, path, quick(128, 64))
	relax := limitFiles(t, 128*walBlock)
	var inside []id.Session
	for {
		ses := fresh()
		err := try(s, wire.Admitted, ses)
		if errors.Is(err, ErrFull) {
			break
		}
		must(t, err)
		if inside = append(inside, ses); len(inside) > 20_000 {
			t.Fatal("the disk is never full")
		}
	}
	if h := s.Health(); h.State != Emergency || h.Level != Full {
		t.Errorf("%+v", h)
	}
	if err := try(s, wire.TimeMark, id.Session{}); !errors.Is(err, ErrFull) {
		t.Errorf("a time mark: %v", err)
	}
	exits := 0
	for _, ses := range inside[:12] {
		must(t, try(s, wire.Released, ses))
		must(t, try(s, wire.Exited, ses))
		exits++
	}
	t.Logf("%d vehicles came in and %d left while bbolt could not grow; %d batches in the logs", len(inside), exits, len(s.wal.used)+len(s.spare.used))
	relax()
	until(t, s, func(h Health) bool { return h.State == Works && h.Level == Roomy })
	must(t, try(s, wire.Admitted, fresh()))
	stop()
	in, err := Inspect(path)
	must(t, err)
	if in.Sessions != len(inside)+1-exits || len(in.Pending) != len(inside)+1+2*exits {
		t.Errorf("%d sessions and %d events, want %d and %d", in.Sessions, len(in.Pending), len(inside)+1-exits, len(inside)+1+2*exits)
	}
}

// A snapshot for which there is no room costs nothing but a moment: what was there
// before is there after, and the gate goes on.
func TestASnapshotThatDoesNotFit(t *testing.T) {
	if !aloneInProcess(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := runningWith(t, path, quick(64, 32))
	first := fresh()
	must(t, try(s, wire.Admitted, first))
	relax := limitFiles(t, 64*walBlock)
	m := &wire.Sync{Kind: wire.Snapshot, Through: 5, Parts: 1}
	for range 5000 {
		m.Entries = append(m.Entries, wire.Entry{Reservation: id.New[id.Reservation](time.Now()), Generation: 1, SpaceType: id.Standard, State: wire.EntryConfirmed, From: 1, To: 2})
	}
	none := func(*admission.State) []admission.Fact { return nil }
	if _, err := s.Sync(m, none); !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	until(t, s, works)
	if _, err := s.Sync(m, none); !errors.Is(err, ErrNoRoom) {
		t.Errorf("once more, at once: %v", err)
	}
	must(t, try(s, wire.Entered, first))
	s.View(func(st *admission.State) {
		if len(st.Entries) != 0 || st.Revision != 0 || len(st.Sessions) != 1 {
			t.Errorf("%d entries at revision %d, %d sessions", len(st.Entries), st.Revision, len(st.Sessions))
		}
	})
	relax()
	stop()
}

// While nothing can be written everybody is told so, and what they were told has
// not happened when it works again.
func TestNothingCanBeWrittenForAWhile(t *testing.T) {
	if !aloneInProcess(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := runningWith(t, path, quick(64, 32))
	first := fresh()
	must(t, try(s, wire.Admitted, first))
	relax := limitFiles(t, walBlock)
	for range 3 {
		if err := try(s, wire.Admitted, fresh()); !errors.Is(err, ErrFailed) {
			t.Fatalf("%v", err)
		}
	}
	if h := s.Health(); h.State != Failed {
		t.Errorf("%+v", h)
	}
	relax()
	until(t, s, works)
	s.View(func(st *admission.State) {
		if _, there := st.Sessions[first]; !there || len(st.Sessions) != 1 {
			t.Errorf("%d sessions, one was let in", len(st.Sessions))
		}
	})
	must(t, try(s, wire.Exited, first))
	stop()
	in, err := Inspect(path)
	must(t, err)
	if len(in.Pending) != 2 || in.Sessions != 0 || in.Rebuilt != nil {
		t.Errorf("%+v", in)
	}
}

// unsynced is a disk that takes what is written and fails to sync it.
type unsynced struct{ disk }

func (unsynced) Sync() error { return errors.New("input/output error") }

// What was answered with a failure may be on the disk all the same. It is not
// taken up when the disk works again: nobody has acted upon it.
func TestWhatWasRefusedHasNotHappened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := runningWith(t, path, quick(64, 32))
	first, refused := fresh(), fresh()
	must(t, try(s, wire.Admitted, first))
	s.writing.Lock()
	s.settling.Lock()
	s.wal.disk, s.spare.disk = unsynced{s.wal.disk}, unsynced{s.spare.disk}
	must(t, s.db.Close())
	must(t, os.Rename(path, path+".away"))
	must(t, os.Mkdir(path, 0o700)) // it cannot be opened
	s.settling.Unlock()
	s.writing.Unlock()
	if err := try(s, wire.Admitted, refused); !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	must(t, os.Remove(path))
	must(t, os.Rename(path+".away", path))
	until(t, s, works)
	s.View(func(st *admission.State) {
		_, in := st.Sessions[first]
		_, taken := st.Sessions[refused]
		if !in || taken {
			t.Errorf("who was let in is inside: %v; who was refused: %v", in, taken)
		}
	})
	second := fresh()
	must(t, try(s, wire.Admitted, second))
	stop()
	in, err := Inspect(path)
	must(t, err)
	if len(in.Pending) != 2 || in.Pending[1].Session != second {
		t.Errorf("%+v", in.Pending)
	}
}

// Damage that shows only while the agent runs is rebuilt while it runs.
func TestDamageUnderARunningStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := runningWith(t, path, quick(64, 32))
	for range 40 {
		must(t, try(s, wire.Admitted, fresh()))
	}
	until(t, s, func(Health) bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.behind) == 0 })
	s.settling.Lock()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	for at := int64(2 * 4096); at < info.Size(); at += 4096 {
		_, err := f.WriteAt([]byte("this is no page of bbolt's"), at)
		must(t, err)
	}
	must(t, f.Close())
	s.settling.Unlock()
	for range 10 {
		if err := try(s, wire.Admitted, fresh()); err != nil && !errors.Is(err, ErrFailed) {
			t.Fatal(err)
		}
	}
	until(t, s, func(h Health) bool { return h.State == Works && s.Rebuilt() != nil })
	must(t, try(s, wire.Admitted, fresh()))
	if r := s.Rebuilt(); len(r.Lost) > 0 {
		t.Errorf("lost: %v", r.Lost)
	}
	stop()
	in, err := Inspect(path)
	must(t, err)
	if in.Sessions < 41 || in.Sessions != len(in.Pending) {
		t.Errorf("%d sessions, %d events", in.Sessions, len(in.Pending))
	}
}

// Near the limit telemetry is left out, at the limit admissions are; what tells
// of money or of somebody who goes out is always taken.
func TestTelemetryIsLeftOutFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := runningWith(t, path)
	var inside []id.Session
	for range 20 {
		inside = append(inside, fresh())
		must(t, try(s, wire.Admitted, inside[len(inside)-1]))
	}
	stop()
	always := []wire.EventKind{wire.Entered, wire.Released, wire.Paid, wire.Exited}
	for _, c := range []struct {
		level Level
		share float64 // of the limit that is in use
		taken []wire.EventKind
		not   []wire.EventKind
		err   error
	}{
		{Roomy, 0.5, []wire.EventKind{wire.TimeMark, wire.LaneFault, wire.Refused, wire.Admitted}, nil, nil},
		{NearlyFull, 0.95, []wire.EventKind{wire.Refused, wire.Admitted}, []wire.EventKind{wire.TimeMark, wire.LaneFault}, ErrNearlyFull},
		{Full, 1.5, nil, []wire.EventKind{wire.TimeMark, wire.LaneFault, wire.Refused, wire.Admitted}, ErrFull},
	} {
		t.Run(string(c.level), func(t *testing.T) {
			s, stop := runningWith(t, path)
			used := s.Health().Used
			stop()
			s, stop = runningWith(t, path, WithLimit(int64(float64(used)/c.share)), func(o *options) { o.settleWait = time.Hour })
			defer stop()
			if h := s.Health(); h.Level != c.level || h.State != Works {
				t.Fatalf("%+v", h)
			}
			before := s.Position().LastSeq
			for _, kind := range c.not {
				if err := try(s, kind, fresh()); !errors.Is(err, c.err) {
					t.Errorf("kind %d: %v", kind, err)
				}
			}
			if s.Position().LastSeq != before {
				t.Error("something was taken all the same")
			}
			for _, kind := range append(c.taken, always...) {
				if err := try(s, kind, inside[0]); err != nil {
					t.Errorf("kind %d: %v", kind, err)
				}
			}
			inside = inside[1:]
		})
	}
}

// bbolt's descriptor can be of no use any more while the file is whole: a disk that was
// gone for a moment fails every call on what was open. The log goes on meanwhile, and
// bbolt with another handle, so that the log does not fill up.
func TestBboltGoesOnWithAnotherHandle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := runningWith(t, path, quick(64, 32))
	settled := func(Health) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.behind) == 0 && s.trouble.bolt == nil
	}
	must(t, try(s, wire.Admitted, fresh()))
	until(t, s, settled)
	s.settling.Lock()
	spoil(t, path)
	s.settling.Unlock()
	n := 1
	for troubleOf(s) == nil {
		if n++; n > 5000 {
			t.Fatal("bbolt never noticed")
		}
		must(t, try(s, wire.Admitted, fresh())) // the gate goes on
	}
	until(t, s, settled)
	s.settling.Lock()
	f, err := load(path, s.db, true)
	s.settling.Unlock()
	if err != nil || len(f.state.Sessions) != n {
		t.Errorf("%d sessions are in bbolt, %d came in; %v", len(f.state.Sessions), n, err)
	}
	stop()
}

func troubleOf(s *Store) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble.bolt
}

// spoil has every write to what this process has open of a file fail.
func spoil(t *testing.T, path string) {
	t.Helper()
	reading, err := os.Open(os.DevNull)
	must(t, err)
	defer func() { must(t, reading.Close()) }()
	found, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	spoiled := 0
	for _, e := range found {
		fd, err := strconv.Atoi(e.Name())
		must(t, err)
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == path {
			must(t, unix.Dup2(int(reading.Fd()), fd))
			spoiled++
		}
	}
	if spoiled != 1 {
		t.Fatalf("%d descriptors", spoiled)
	}
}
