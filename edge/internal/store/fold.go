package store

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// take puts a record, as it is kept in a bucket, into the state; with no payload
// it takes it out.
func (f *file) take(bucket, key, payload []byte) error {
	s := f.state
	switch {
	case bytes.Equal(bucket, bucketEntries):
		return takeID(s.Entries, key, payload, &f.room.entry, func(e wire.Entry) id.Reservation { return e.Reservation })
	case bytes.Equal(bucket, bucketAllotments):
		return takeRecord(s.Allotments, id.SpaceType(key), payload, &f.room.allotment, func(a admission.Allotment) id.SpaceType { return a.SpaceType })
	case bytes.Equal(bucket, bucketSessions):
		return takeID(s.Sessions, key, payload, &f.room.session, func(ses admission.Session) id.Session { return ses.ID })
	case bytes.Equal(bucket, bucketUses):
		return takeID(s.Uses, key, payload, &f.room.use, func(u admission.Use) id.Reservation { return u.Reservation })
	case bytes.Equal(bucket, bucketMeta) && bytes.Equal(key, keyCache):
		var c cache
		if err := cbor.Unmarshal(payload, &c); err != nil {
			return fmt.Errorf("%s/%s: %w", bucket, key, err)
		}
		c.restore(s)
		return nil
	default:
		return fmt.Errorf("there is no record %s/%x", bucket, key)
	}
}

// takeID is takeRecord for keys that are ids.
func takeID[I id.ID[K], K id.Kind, V any](m map[I]V, key, payload []byte, room *V, own func(V) I) error {
	i, err := id.FromBytes[I, K](key)
	if err != nil {
		return err
	}
	return takeRecord(m, i, payload, room, own)
}

// takeRecord reads a record into room and keeps a copy of it: with new room for each
// of a hundred thousand, half of what lies between those kept would be rubbish.
func takeRecord[K comparable, V any](m map[K]V, key K, payload []byte, room *V, own func(V) K) error {
	if payload == nil {
		delete(m, key)
		return nil
	}
	*room = *new(V)
	if err := cbor.Unmarshal(payload, room); err != nil {
		return fmt.Errorf("record %v: %w", key, err)
	}
	if own(*room) != key {
		return fmt.Errorf("record %v is kept under %v", own(*room), key)
	}
	m[key] = *room
	return nil
}

// fold puts a batch after what the file holds: its events must follow on, and
// what it says of the state must come out.
func (f *file) fold(b logged) error {
	if b.head.Journal != f.head.Journal {
		return fmt.Errorf("batch %d is of another journal", b.head.Batch)
	}
	seq, hash := f.head.LastSeq, f.head.LastHash
	for _, w := range b.writes {
		if j, is := w.event(); is {
			seq, hash = seq+1, hash.Next(j.raw)
			if j.seq != seq || j.hash != hash {
				return fmt.Errorf("event %d of batch %d does not follow on", j.seq, b.head.Batch)
			}
			if f.keep {
				f.journal = append(f.journal, j)
			}
			continue
		}
		if err := f.take(w.bucket, w.key, w.payload); err != nil {
			return err
		}
	}
	if seq != b.head.LastSeq || hash != b.head.LastHash {
		return fmt.Errorf("batch %d ends at event %d, its head says %d", b.head.Batch, seq, b.head.LastSeq)
	}
	f.head = b.head
	return nil
}

// whole checks what no checksum of a record shows: that one is gone.
func (f *file) whole() error {
	if got := records(f.state); got != f.head.Records {
		return fmt.Errorf("%v records, the head says %v", got, f.head.Records)
	}
	return nil
}

// forgetAcked drops the events that the cloud has acknowledged.
func (f *file) forgetAcked() {
	for len(f.journal) > 0 && f.journal[0].seq <= f.head.AckedSeq {
		f.journal = f.journal[1:]
	}
}

// replay applies the events once more, to a state of which records may be
// missing: what they tell is the newest word on every stay that they name.
func (f *file) replay() {
	for _, j := range f.journal {
		e, err := wire.Unmarshal[wire.Event](j.raw)
		if err != nil {
			continue
		}
		ses := f.state.Sessions[e.Session]
		f.state.Apply(admission.Fact{
			Event: e, Allotted: ses.Allotted, EarlyUntil: ses.EarlyUntil, Until: f.state.Uses[e.Reservation].Until,
		}, new(admission.Changes))
	}
}

// renumbered is the event under another number, after another one.
func (j journalled) renumbered(seq uint64, before wire.Hash) (journalled, error) {
	e, err := wire.Unmarshal[wire.Event](j.raw)
	if err != nil {
		return journalled{}, err
	}
	e.Seq = seq
	raw, err := wire.Marshal(&e)
	if err != nil {
		return journalled{}, fmt.Errorf("encode event: %w", err)
	}
	return journalled{seq, before.Next(raw), raw}, nil
}
