package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/protocol/id"
)

// Rebuilt says what a start found damaged and what became of it. It names no
// plate and no pass.
type Rebuilt struct {
	At       time.Time `json:"at"`
	Damage   []string  `json:"damage"`
	Lost     []string  `json:"lost"`     // empty: everything was there twice, but for cached reservations
	Kept     string    `json:"kept"`     // the damaged file
	Events   int       `json:"events"`   // not acknowledged, all there
	Sessions int       `json:"sessions"` // inside
	Journal  string    `json:"journal"`  // that goes on, or is new when something was lost
	NewOne   bool      `json:"new_journal"`
}

// damagedKept is how many damaged files are kept for whoever wants to know why.
const damagedKept = 3

const damagedTime = "20060102T150405.000"

func damagedPath(path string, at time.Time) string {
	return path + "-damaged-" + at.UTC().Format(damagedTime)
}

func rebuiltPath(path string) string { return path + "-rebuilt.json" }

func newID() id.Journal { return id.New[id.Journal](time.Now()) }

// plan is what a rebuild would do.
func (v *survey) plan(path string, at time.Time) Rebuilt {
	r := Rebuilt{
		At: at.UTC(), Damage: v.damage, Lost: v.lost, Events: len(v.file.journal), Sessions: len(v.file.state.Sessions),
		Journal: v.file.head.Journal.String(), NewOne: v.origin == fromPieces,
	}
	if _, err := os.Stat(path); err == nil {
		r.Kept = damagedPath(path, at)
	}
	return r
}

// rebuild writes a new bbolt file from what was found and puts it in the place of
// the damaged one, which is kept. Until the last step nothing has changed, so
// that a crash in between begins again with the same.
func (v *survey) rebuild(path string, at time.Time) (Rebuilt, error) {
	r := v.plan(path, at)
	temp := path + tempSuffix
	if err := removed(temp); err != nil {
		return r, err
	}
	if err := v.file.writeTo(temp); err != nil {
		return r, errors.Join(fmt.Errorf("rebuild %s: %w", path, err), removed(temp))
	}
	if r.Kept != "" {
		if err := os.Link(path, r.Kept); err != nil {
			// A file system without links: for a moment there is no file, and a start
			// then begins again.
			if err := os.Rename(path, r.Kept); err != nil {
				return r, err
			}
		}
	}
	if err := os.Rename(temp, path); err != nil {
		return r, err
	}
	if v.origin == fromPieces {
		// The new file needs no log: what is in its place is for people.
		_ = os.Rename(walPath(path), walPath(damagedPath(path, at))) // there may be none
	}
	report, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = replaceFile(rebuiltPath(path), report)
	}
	return r, errors.Join(err, syncDir(filepath.Dir(path)), tidyDamaged(path))
}

// tidyDamaged deletes all but the newest of the damaged files.
func tidyDamaged(path string) error {
	prefix := path + "-damaged-"
	names, err := filepath.Glob(globSafe(prefix) + "*")
	slices.Sort(names)
	times := 0
	last := ""
	for _, name := range slices.Backward(names) {
		if at := stamp(name, prefix); at != last {
			last = at
			times++
		}
		if times > damagedKept {
			err = errors.Join(err, removed(name))
		}
	}
	return err
}

// stamp is when a damaged file was set aside.
func stamp(name, prefix string) string {
	return name[len(prefix):min(len(name), len(prefix)+len(damagedTime))]
}

// writeTo writes the file as a new bbolt file.
func (f *file) writeTo(path string) (err error) {
	db, err := openDB(path, &bbolt.Options{PageSize: 4096, NoSync: true, Timeout: lockWait})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Update(createBuckets); err != nil {
		return err
	}
	writes, err := f.writes()
	if err != nil {
		return err
	}
	for part := range slices.Chunk(writes, 10_000) {
		if err := db.Update(func(tx *bbolt.Tx) error { return applyWrites(tx, part) }); err != nil {
			return err
		}
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return putHead(tx, f.head) }); err != nil {
		return err
	}
	return db.Sync()
}

func createBuckets(tx *bbolt.Tx) error {
	for _, b := range buckets {
		if _, err := tx.CreateBucketIfNotExists(b); err != nil {
			return err
		}
	}
	return nil
}

// writes are all records of the file, but for the head.
func (f *file) writes() (out []write, errs error) {
	add := func(bucket, key []byte, v any) {
		w, err := put(bucket, key, v)
		out, errs = append(out, w), errors.Join(errs, err)
	}
	s := f.state
	add(bucketMeta, keyCache, cacheOf(s))
	for _, j := range f.journal {
		out = append(out, j.write())
	}
	for r, e := range s.Entries {
		add(bucketEntries, r.Bytes(), e)
	}
	for t, a := range s.Allotments {
		add(bucketAllotments, []byte(t), a)
	}
	for i, ses := range s.Sessions {
		add(bucketSessions, i.Bytes(), ses)
	}
	for r, u := range s.Uses {
		add(bucketUses, r.Bytes(), u)
	}
	return out, errs
}
