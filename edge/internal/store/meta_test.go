package store

import (
	"errors"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/wire"
)

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
