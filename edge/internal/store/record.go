package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/clock"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// What can go wrong. A caller branches with errors.Is.
var (
	ErrNewer  = fault.New(fault.Conflict, "store_newer", "A newer version of the agent has written this store. Install that version again.")
	ErrInUse  = fault.New(fault.Conflict, "store_in_use", "Another agent is using this store. Stop it, or give this one its own --data-dir.")
	ErrFailed = fault.New(fault.Unavailable, "store_failed", "The store cannot be written. Nothing is recorded, entries refuse and exits open until the disk works again.")
	ErrClosed = errors.New("the store is closed")
	// ErrHashMismatch says that the cloud has applied other events than this
	// journal holds.
	ErrHashMismatch = errors.New("the cloud's running hash is not this journal's")
	// ErrAhead says that the cloud has applied more than this journal holds.
	ErrAhead = errors.New("the cloud has applied more than this journal holds")
	// ErrBehind says that the cloud has lost events that this journal was told
	// to delete.
	ErrBehind = errors.New("the cloud has applied less than it acknowledged")
)

// errDamaged is behind a CorruptError when bbolt gave up.
var errDamaged = errors.New("the file's pages cannot be read")

// CorruptError says which part of the file cannot be believed.
type CorruptError struct {
	Path, Where string
	Cause       error
}

// Error names the file and the place.
func (e *CorruptError) Error() string {
	s := fmt.Sprintf("store_corrupt: %s is damaged at %s", e.Path, e.Where)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Cause }

// formatVersion is what this agent writes. Version 1 had no write-ahead log,
// version 2 no second copy and no emergency journal.
const formatVersion = 3

// maxRecord bounds one value; a longer one is damage.
const maxRecord = 1 << 20

// The buckets. All but meta hold one record per key.
var (
	bucketMeta       = []byte("meta")
	bucketJournal    = []byte("journal")    // seq, 8 bytes big-endian → running hash, event
	bucketEntries    = []byte("entries")    // reservation → wire.Entry
	bucketAllotments = []byte("allotments") // space type → admission.Allotment
	bucketSessions   = []byte("sessions")   // session → admission.Session
	bucketUses       = []byte("uses")       // reservation → admission.Use

	keyHead  = []byte("head")
	keyCache = []byte("cache")

	buckets = [][]byte{bucketMeta, bucketJournal, bucketEntries, bucketAllotments, bucketSessions, bucketUses}
)

// head is the journal's position.
type head struct {
	Version   uint8        `cbor:"1,keyasint"`
	Journal   id.Journal   `cbor:"2,keyasint"`
	Epoch     uint32       `cbor:"3,keyasint"` // 0 until welcomed
	LastSeq   uint64       `cbor:"4,keyasint"`
	LastHash  wire.Hash    `cbor:"5,keyasint"`
	AckedSeq  uint64       `cbor:"6,keyasint"`
	AckedHash wire.Hash    `cbor:"7,keyasint"`
	Anchor    clock.Anchor `cbor:"8,keyasint"`
	Clean     bool         `cbor:"9,keyasint"` // the last run ended by itself
	Records   [4]int       `cbor:"10,keyasint"`
	Batch     uint64       `cbor:"11,keyasint,omitempty"` // the newest batch that is in the file
	Log       walID        `cbor:"12,keyasint,omitempty"` // the write-ahead log that goes with the file
	Heard     int64        `cbor:"13,keyasint,omitempty"` // admission.State.Heard
}

// records counts the state's records: a checksum cannot show that one is gone.
func records(s *admission.State) [4]int {
	return [4]int{len(s.Entries), len(s.Allotments), len(s.Sessions), len(s.Uses)}
}

// cache is the part of the state that is not a record by itself.
type cache struct {
	Revision uint64              `cbor:"1,keyasint"`
	Policy   wire.Policy         `cbor:"2,keyasint"`
	Keys     []wire.PassKey      `cbor:"3,keyasint"`
	Bays     []wire.Bays         `cbor:"4,keyasint,omitempty"`
	GateKey  credential.Key      `cbor:"5,keyasint"`
	Doubt    admission.Doubt     `cbor:"6,keyasint"`
	Orders   []admission.Ordered `cbor:"7,keyasint,omitempty"`
	Prices   *wire.Prices        `cbor:"8,keyasint,omitempty"`
	Machine  []byte              `cbor:"9,keyasint,omitempty"`
}

func cacheOf(s *admission.State) cache {
	return cache{Revision: s.Revision, Policy: s.Policy, Keys: s.Keys, Bays: s.Bays, GateKey: s.GateKey, Doubt: s.Doubt, Orders: s.Orders, Prices: s.Prices, Machine: s.Machine}
}

// restore puts it back.
func (c cache) restore(s *admission.State) {
	s.Revision, s.Policy, s.Keys, s.Bays, s.GateKey, s.Doubt, s.Orders = c.Revision, c.Policy, c.Keys, c.Bays, c.GateKey, c.Doubt, c.Orders
	s.Prices, s.Machine = c.Prices, c.Machine
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(bucket, key, payload []byte) uint32 {
	c := crc32.Update(0, castagnoli, bucket)
	c = crc32.Update(c, castagnoli, []byte{0})
	c = crc32.Update(c, castagnoli, key)
	return crc32.Update(c, castagnoli, payload)
}

// frame puts the checksum in front of a payload.
func frame(bucket, key, payload []byte) []byte {
	out := make([]byte, 4, 4+len(payload))
	binary.BigEndian.PutUint32(out, checksum(bucket, key, payload))
	return append(out, payload...)
}

// unframe checks and removes it. The result is part of value.
func unframe(bucket, key, value []byte) ([]byte, error) {
	if len(value) < 4 || len(value) > maxRecord || binary.BigEndian.Uint32(value) != checksum(bucket, key, value[4:]) {
		return nil, fmt.Errorf("%s/%x: checksum differs", bucket, key)
	}
	return value[4:], nil
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// write is one record to be put, or deleted when payload is nil.
type write struct{ bucket, key, payload []byte }

func put(bucket, key []byte, v any) (write, error) {
	b, err := cbor.Marshal(v)
	if err != nil {
		return write{}, fmt.Errorf("encode %s record: %w", bucket, err)
	}
	return write{bucket, key, b}, nil
}

// batch is what goes to the write-ahead log in one record: writes and the head
// after them.
type batch struct {
	_      struct{} `cbor:",toarray"`
	Head   head
	Writes []loggedWrite
}

// loggedWrite is a write whose bucket is a number: its place in buckets.
type loggedWrite struct {
	_       struct{} `cbor:",toarray"`
	Bucket  uint8
	Key     []byte
	Payload []byte // nil: the record is deleted
}

func encodeBatch(h head, writes []write) ([]byte, error) {
	b := batch{Head: h, Writes: make([]loggedWrite, len(writes))}
	for i, w := range writes {
		b.Writes[i] = loggedWrite{Bucket: bucketNumber(w.bucket), Key: w.key, Payload: w.payload}
	}
	return cbor.Marshal(b)
}

func decodeBatch(payload []byte) (logged, error) {
	var b batch
	if err := cbor.Unmarshal(payload, &b); err != nil {
		return logged{}, err
	}
	writes := make([]write, len(b.Writes))
	for i, w := range b.Writes {
		if int(w.Bucket) >= len(buckets) {
			return logged{}, fmt.Errorf("there is no bucket %d", w.Bucket)
		}
		writes[i] = write{buckets[w.Bucket], w.Key, w.Payload}
	}
	return logged{b.Head, writes}, nil
}

func bucketNumber(bucket []byte) uint8 {
	return uint8(slices.IndexFunc(buckets, func(b []byte) bool { return bytes.Equal(b, bucket) }))
}

// journalled is one event as it is kept.
type journalled struct {
	seq  uint64
	hash wire.Hash
	raw  []byte
}

func (j journalled) write() write {
	return write{bucketJournal, seqKey(j.seq), append(j.hash[:], j.raw...)}
}

// event is the journalled event that a write puts, if it does.
func (w write) event() (journalled, bool) {
	if w.payload == nil || !bytes.Equal(w.bucket, bucketJournal) {
		return journalled{}, false
	}
	j := journalled{seq: binary.BigEndian.Uint64(w.key), raw: w.payload[len(wire.Hash{}):]}
	copy(j.hash[:], w.payload)
	return j, true
}

func readJournalled(key, value []byte) (journalled, error) {
	p, err := unframe(bucketJournal, key, value)
	if err != nil {
		return journalled{}, err
	}
	if len(key) != 8 || len(p) < len(wire.Hash{}) {
		return journalled{}, fmt.Errorf("journal/%x: too short", key)
	}
	j := journalled{seq: binary.BigEndian.Uint64(key), raw: append([]byte(nil), p[len(wire.Hash{}):]...)}
	copy(j.hash[:], p)
	return j, nil
}
