package store

import (
	"bytes"
	"encoding/binary"
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

// From the second copy everything comes back but reservations whose own record is
// gone: keys, allotments, who is inside. The cache counts as incomplete, so that
// the cloud sends it and a pass that is not in it is admitted on its signature.
func TestARebuiltStoreKnowsItsGuests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, path)
	m := &wire.Sync{
		Kind: wire.Snapshot, Through: 7, Parts: 1, Keys: []wire.PassKey{{ID: bytes.Repeat([]byte{1}, 8), Public: make([]byte, 32)}},
		Allotments: []wire.Allotment{{SpaceType: id.Standard, Version: 1, Units: 3, Until: 99}},
	}
	for range 3 {
		m.Entries = append(m.Entries, wire.Entry{Reservation: id.New[id.Reservation](time.Now()), Generation: 1, SpaceType: id.Standard, State: wire.EntryConfirmed, From: 1, To: 2})
	}
	_, err := s.Sync(m, func(*admission.State) []admission.Fact { return nil })
	must(t, err)
	ses := enter(t, s)
	stop()
	b, err := os.ReadFile(path)
	must(t, err)
	key := m.Entries[1].Reservation.Bytes()
	for at := range b {
		if bytes.HasPrefix(b[at:], key) {
			b[at+len(key)+8] ^= 1
		}
	}
	must(t, os.WriteFile(path, b, 0o600))

	s, stop = running(t, path)
	defer stop()
	if r := s.Rebuilt(); r == nil || len(r.Lost) > 0 || r.NewOne {
		t.Fatalf("%+v", r)
	}
	s.View(func(st *admission.State) {
		if _, there := st.Entries[m.Entries[1].Reservation]; there || len(st.Entries) != 2 {
			t.Errorf("%d reservations", len(st.Entries))
		}
		if len(st.Keys) != 1 || st.Allotments[id.Standard].Units != 3 || st.Revision != 0 {
			t.Errorf("%d keys, %+v, revision %d", len(st.Keys), st.Allotments, st.Revision)
		}
		if _, there := st.Sessions[ses]; !there {
			t.Error("who is inside is forgotten")
		}
	})
}

// With two files gone the events that are left tell who is inside and which pass
// was used; they go on in a new journal, and what is missing is said.
func TestEventsAloneTellWhoIsInside(t *testing.T) {
	image, p, _ := atWork(t, 150, false)
	must(t, os.Remove(image))
	must(t, os.Remove(statePath(image)))
	before, err := filepath.Glob(unsentPrefix(image) + "*")
	must(t, err)
	if len(before) == 0 {
		t.Fatal("no events were copied: this test shows nothing")
	}
	s, stop := running(t, image)
	r := s.Rebuilt()
	if r == nil || len(r.Lost) == 0 || !r.NewOne {
		t.Errorf("%+v", r)
	}
	s.View(func(st *admission.State) {
		for ses := range p.inside {
			i, err := id.Parse[id.Session](ses)
			must(t, err)
			if _, there := st.Sessions[i]; !there && !p.cloud["1/"+ses] {
				t.Errorf("%s is inside and forgotten", ses)
			}
		}
		for i, in := range st.Sessions {
			if st.Uses[in.Reservation].State != admission.UseInside {
				t.Errorf("the pass of %v would open again", i)
			}
		}
	})
	stop()
}

// A pass whose holder is inside does not open again though the record of its use
// is gone from both copies.
func TestWhoIsInsideHasUsedHisPass(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, path)
	ses := enter(t, s)
	var r id.Reservation
	s.View(func(st *admission.State) { r = st.Sessions[ses].Reservation })
	// The cloud has the event, so that no event tells of it.
	raw, err := s.Pending(0, 1, 1<<20)
	must(t, err)
	must(t, s.Ack(1, wire.Hash{}.Next(raw[0])))
	stop()
	must(t, os.Remove(statePath(path)))
	must(t, os.Remove(walPath(path)))
	db, err := openDB(path, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketUses).Put(r.Bytes(), []byte("no record"))
	}))
	must(t, db.Close())
	s, stop = running(t, path)
	defer stop()
	if got := s.Rebuilt(); got == nil || len(got.Lost) == 0 {
		t.Errorf("what may be missing is not said: %+v", got)
	}
	s.View(func(st *admission.State) {
		if st.Sessions[ses].Reservation != r || st.Uses[r].State != admission.UseInside {
			t.Errorf("inside %+v, used %+v", st.Sessions[ses], st.Uses[r])
		}
	})
}

// Damaged files are kept for whoever wants to know why, but not without end.
func TestFewDamagedFilesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	for range damagedKept + 3 {
		s, stop := running(t, path)
		enter(t, s)
		stop()
		b, err := os.ReadFile(path)
		must(t, err)
		clear(b[4*4096:])
		must(t, os.WriteFile(path, b, 0o600))
	}
	kept, err := filepath.Glob(path + "-damaged-*")
	must(t, err)
	for _, n := range kept {
		if strings.HasSuffix(n, "-wal") {
			t.Errorf("%s: nothing was wrong with the log", n)
		}
	}
	if len(kept) != damagedKept {
		t.Errorf("%d damaged files are kept", len(kept))
	}
	if inside := insideOf(t, path); len(inside) != damagedKept+3 {
		t.Errorf("%d are inside", len(inside))
	}
}

// A tree that goes around in a circle ends the looking, and takes no more memory
// than the file is large.
func TestATreeThatGoesInACircleIsFound(t *testing.T) {
	path, p, _ := atWork(t, 150, false)
	b, err := os.ReadFile(path)
	must(t, err)
	// The root of the journal's bucket becomes a branch page that leads to itself.
	var root uint64
	db, err := openDB(path, &bbolt.Options{ReadOnly: true})
	must(t, err)
	must(t, db.View(func(tx *bbolt.Tx) error {
		root = uint64(tx.Bucket(bucketJournal).RootPage())
		return nil
	}))
	must(t, db.Close())
	if root == 0 {
		t.Fatal("the journal has no page of its own: this test shows nothing")
	}
	page := b[root*4096:]
	binary.LittleEndian.PutUint16(page[8:], pageBranch)
	binary.LittleEndian.PutUint16(page[10:], 1)
	binary.LittleEndian.PutUint32(page[16:], elementSize)
	binary.LittleEndian.PutUint32(page[20:], 8)
	binary.LittleEndian.PutUint64(page[24:], root)
	must(t, os.WriteFile(path, b, 0o600))
	s, stop := running(t, path)
	if s.Rebuilt() == nil {
		t.Error("it was believed")
	}
	stop()
	v, _, err := look(t.Context(), path, lookBy{readOnly: true, keep: true})
	must(t, err)
	must(t, p.kept(&v.file))
}

// A record of the head's bucket whose key has changed is missed: it is not counted.
func TestKeysThatAreGoneAreMissed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, path)
	enter(t, s)
	_, err := s.Sync(&wire.Sync{Kind: wire.Snapshot, Through: 3, Parts: 1, Keys: []wire.PassKey{{ID: make([]byte, 8), Public: make([]byte, 32)}}}, func(*admission.State) []admission.Fact { return nil })
	must(t, err)
	stop()
	b, err := os.ReadFile(path)
	must(t, err)
	for at := 2 * 4096; at < len(b); at++ {
		if bytes.HasPrefix(b[at:], keyCache) {
			b[at+4] ^= 1
		}
	}
	must(t, os.WriteFile(path, b, 0o600))
	s, stop = running(t, path)
	defer stop()
	s.View(func(st *admission.State) {
		if s.rebuilt == nil || len(st.Keys) != 1 {
			t.Errorf("%d keys, rebuilt %+v", len(st.Keys), s.rebuilt)
		}
	})
}
