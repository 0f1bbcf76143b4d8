package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/openlot/openlot/protocol/id"
)

// The second copy is what the bbolt file is rebuilt from when its pages cannot
// be believed. It shares no page with it. Whatever happened lately is in the log,
// which is not written over before the copy has it; what the log gives up is
//
//   - in edge.db-state: the head, who is inside, which pass was used, keys, policy
//     and allotments, as of one batch; replaced as a whole;
//   - in edge.db-unsent-…: the events that the cloud has not acknowledged, each
//     written once, in files that are deleted after the acknowledgement.
//
// Reservations are not in it: there may be many, and the cloud has them.

const stateMagic = "OLS1"

// maxState bounds what is read of a file that calls itself a state.
const maxState = 64 << 20

// unsentEvents is how many events one file takes.
const unsentEvents = 4096

func statePath(path string) string { return path + "-state" }

func unsentPath(path string, j id.Journal, first uint64) string {
	return fmt.Sprintf("%s-unsent-%s-%016x", path, hex.EncodeToString(j.Bytes()), first)
}

// copied is what the state file holds.
type copied struct {
	head   head
	writes []write
}

// readState reads the state file.
func readState(path string) (copied, error) {
	name := statePath(path)
	info, err := os.Stat(name)
	if err != nil {
		return copied{}, err
	}
	bad := func(err error) (copied, error) { return copied{}, &CorruptError{name, "the state", err} }
	if info.Size() > maxState {
		return bad(fmt.Errorf("%d bytes", info.Size()))
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return bad(err)
	}
	if len(b) < 8 || string(b[:4]) != stateMagic || binary.BigEndian.Uint32(b[4:]) != crc32.Checksum(b[8:], castagnoli) {
		return bad(errors.New("checksum differs"))
	}
	l, err := decodeBatch(b[8:])
	if err != nil {
		return bad(err)
	}
	return copied(l), nil
}

// writeState replaces it, and returns its size.
func writeState(path string, c copied) (int, error) {
	payload, err := encodeBatch(c.head, c.writes)
	if err != nil {
		return 0, err
	}
	b := binary.BigEndian.AppendUint32([]byte(stateMagic), crc32.Checksum(payload, castagnoli))
	return len(b) + len(payload), replaceFile(statePath(path), append(b, payload...))
}

// adopt begins a file with the second copy.
func (f *file) adopt(path string, c copied) error {
	*f = file{head: c.head, state: f.state, keep: f.keep}
	for _, w := range c.writes {
		if err := f.take(w.bucket, w.key, w.payload); err != nil {
			return &CorruptError{statePath(path), "the state", err}
		}
	}
	unsent, bad := readUnsent(path, c.head.Journal, c.head.AckedSeq)
	n, hash := int(c.head.LastSeq-c.head.AckedSeq), c.head.AckedHash
	for i := range n {
		if i == len(unsent) {
			return errors.Join(fmt.Errorf("the second copy has %d of %d events", i, n), bad)
		}
		if hash = hash.Next(unsent[i].raw); unsent[i].seq != c.head.AckedSeq+1+uint64(i) || unsent[i].hash != hash {
			return errors.Join(fmt.Errorf("event %d of the second copy does not follow on", unsent[i].seq), bad)
		}
	}
	if f.keep {
		f.journal = unsent[:n] // what comes after was written just before a crash, and is in the log
	}
	return nil
}

// unsentFiles names the files of a journal's events, in their order.
func unsentFiles(path string, j id.Journal) ([]string, error) {
	names, err := filepath.Glob(globSafe(unsentPrefix(path)) + "*")
	if err != nil {
		return nil, err
	}
	prefix := unsentPrefix(path) + hex.EncodeToString(j.Bytes()) + "-"
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) || strings.HasSuffix(n, tempSuffix) })
	slices.Sort(names)
	return names, nil
}

func unsentPrefix(path string) string { return path + "-unsent-" }

func globSafe(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// readUnsent reads the events of a journal after one, in their order, each once.
// What is damaged is left out and said.
func readUnsent(path string, j id.Journal, after uint64) (out []journalled, err error) {
	err = eachUnsent(path, j, after, func(e journalled) { out = append(out, e) })
	return out, err
}

// eachUnsent is readUnsent, file by file: without the cloud there can be many.
func eachUnsent(path string, j id.Journal, after uint64, f func(journalled)) error {
	names, err := unsentFiles(path, j)
	if err != nil {
		return err
	}
	last := after
	for _, name := range names {
		events, bad := readUnsentFile(name)
		err = errors.Join(err, bad)
		for _, e := range events {
			if e.seq > last {
				f(e)
				last = e.seq
			}
		}
	}
	return err
}

func readUnsentFile(name string) ([]journalled, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out []journalled
	for at := 0; at < len(b); {
		if len(b)-at < 12 {
			return out, &CorruptError{name, "its end", nil}
		}
		key, n := b[at:at+8], int(binary.BigEndian.Uint32(b[at+8:]))
		if n > maxRecord || n > len(b)-at-12 {
			return out, &CorruptError{name, fmt.Sprintf("byte %d", at), nil}
		}
		j, err := readJournalled(key, b[at+12:at+12+n])
		if err != nil {
			return out, &CorruptError{name, fmt.Sprintf("byte %d", at), err}
		}
		out = append(out, j)
		at += 12 + n
	}
	return out, nil
}

// writeUnsent writes files of events, and returns their size.
func writeUnsent(path string, journal id.Journal, events []journalled) (size int, err error) {
	for part := range slices.Chunk(events, unsentEvents) {
		var b []byte
		for _, j := range part {
			w := j.write()
			v := frame(w.bucket, w.key, w.payload)
			b = append(binary.BigEndian.AppendUint32(append(b, w.key...), uint32(len(v))), v...)
		}
		if err := replaceFile(unsentPath(path, journal, part[0].seq), b); err != nil {
			return size, err
		}
		size += len(b)
	}
	return size, nil
}

// reach is how far the files of unsent events go.
type reach struct {
	journal id.Journal
	through uint64
}

// copyOut brings the second copy up to what bbolt has. It returns the head that it
// then has, and how many bytes that took.
func copyOut(path string, db *bbolt.DB, have reach) (head, int, error) {
	// The pages are followed without bbolt first, as at a start: this reads most of
	// them, and notices what has gone bad meanwhile.
	if err := sound(path); err != nil {
		return head{}, 0, err
	}
	var c copied
	var events []journalled
	err := view(db, func(tx *bbolt.Tx) error {
		if err := decode(bucketMeta, keyHead, tx.Bucket(bucketMeta).Get(keyHead), &c.head); err != nil {
			return err
		}
		if have.journal != c.head.Journal {
			have.through = 0
		}
		if v := tx.Bucket(bucketMeta).Get(keyCache); v != nil {
			if err := c.add(bucketMeta, keyCache, v); err != nil {
				return err
			}
		}
		for _, bucket := range [][]byte{bucketAllotments, bucketSessions, bucketUses} {
			if err := tx.Bucket(bucket).ForEach(func(k, v []byte) error { return c.add(bucket, k, v) }); err != nil {
				return err
			}
		}
		return eachEvent(tx, max(have.through, c.head.AckedSeq)+1, func(j journalled) bool {
			events = append(events, j)
			return true
		})
	})
	if err != nil {
		return head{}, 0, &CorruptError{path, "what is copied", err}
	}
	unsent, err := writeUnsent(path, c.head.Journal, events)
	if err != nil {
		return head{}, 0, err
	}
	state, err := writeState(path, c)
	if err != nil {
		return head{}, 0, err
	}
	return c.head, unsent + state, tidyUnsent(path, c.head)
}

func (c *copied) add(bucket, key, value []byte) error {
	payload, err := unframe(bucket, key, value)
	if err == nil {
		c.writes = append(c.writes, write{bucket, slices.Clone(key), slices.Clone(payload)})
	}
	return err
}

// eachEvent reads the events of the bbolt file from one on, until f has enough.
func eachEvent(tx *bbolt.Tx, from uint64, f func(journalled) bool) error {
	c := tx.Bucket(bucketJournal).Cursor()
	for k, v := c.Seek(seqKey(from)); k != nil; k, v = c.Next() {
		j, err := readJournalled(k, v)
		if err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		if j.seq != from {
			return fmt.Errorf("%w: event %d is missing", errDamaged, from)
		}
		if from++; !f(j) {
			return nil
		}
	}
	return nil
}

// unsentThrough is the last event up to which the files of unsent events hold
// everything since the acknowledged one, as far as it chains.
func unsentThrough(path string, h head) reach {
	last, hash, chained := h.AckedSeq, h.AckedHash, true
	_ = eachUnsent(path, h.Journal, h.AckedSeq, func(j journalled) { // what is damaged is written again
		hash = hash.Next(j.raw)
		if chained = chained && j.seq == last+1 && j.hash == hash; chained {
			last = j.seq
		}
	})
	return reach{h.Journal, last}
}

// tidyUnsent deletes the files whose events are acknowledged, those of other
// journals, and what a crash left unfinished.
func tidyUnsent(path string, h head) error {
	all, err := filepath.Glob(globSafe(unsentPrefix(path)) + "*")
	if err != nil {
		return err
	}
	keep, err := unsentFiles(path, h.Journal)
	if err != nil {
		return err
	}
	// The last file before the acknowledged event may still hold later ones.
	for len(keep) > 1 && keep[1] <= unsentPath(path, h.Journal, h.AckedSeq+1) || len(keep) == 1 && h.AckedSeq == h.LastSeq {
		keep = keep[1:]
	}
	for _, name := range all {
		if !slices.Contains(keep, name) {
			err = errors.Join(err, removed(name))
		}
	}
	return err
}
