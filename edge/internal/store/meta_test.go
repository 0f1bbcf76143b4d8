package store

import (
	"errors"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/wire"
)

// After a new journal the log still goes with the file: an unclean end is settled by
// it as before.
func TestANewJournalKeepsItsLog(t *testing.T) {
	live, image := filepath.Join(t.TempDir(), "edge.db"), filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, live)
	defer stop()
	enter(t, s)
	must(t, s.NewJournal())
	enter(t, s)
	s.settling.Lock()
	copyFile(t, live, image)
	copyFile(t, walPath(live), walPath(image))
	s.settling.Unlock()
	if in, err := Inspect(image); err != nil || in.Sessions != 2 || len(in.Pending) != 2 {
		t.Errorf("%+v, %v", in, err)
	}
}

// A record of the settings whose key was damaged is not taken for none at all: the
// edge would have no keys, and refuse those who may pass.
func TestSettingsWithADamagedKeyAreMissed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.db")
	s, stop := running(t, path)
	if _, err := s.Sync(&wire.Sync{Kind: wire.Snapshot, Through: 5, Parts: 1}, func(*admission.State) []admission.Fact { return nil }); err != nil {
		t.Fatal(err)
	}
	stop()
	db, err := openDB(path, &bbolt.Options{})
	must(t, err)
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketMeta)
		v := append([]byte(nil), b.Get(keyCache)...)
		other := append([]byte(nil), keyCache...)
		other[0] ^= 4
		return errors.Join(b.Delete(keyCache), b.Put(other, v))
	})
	must(t, errors.Join(err, db.Close()))
	if _, err := Inspect(path); !corrupt(err) {
		t.Errorf("it is said to be well: %v", err)
	}
}
