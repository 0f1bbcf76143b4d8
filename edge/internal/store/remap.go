package store

import (
	"time"

	"go.etcd.io/bbolt"
)

// remap opens bbolt's file anew. To check the file everything in it was read, and
// what was read through its mapping stays in the process's memory as long as that
// mapping does; from here on only the pages that are worked on are in it.
func (f *files) remap(path string) error {
	if err := f.db.Close(); err != nil {
		return err
	}
	db, err := openDB(path, &bbolt.Options{Timeout: lockWait + time.Second, PageSize: 4096})
	if err != nil {
		return err
	}
	f.db = db
	return nil
}
