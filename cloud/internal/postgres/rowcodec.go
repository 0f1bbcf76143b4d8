package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// This file writes arrays of composite types in Postgres's binary format, which
// the server reads without parsing text. See array_recv and record_recv.

// Type ids of Postgres that never change.
const (
	oidBytea       = 17
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidInt2Array   = 1005
	oidTimestamptz = 1184
	oidJSON        = 114
	oidUUID        = 2950
	oidJSONB       = 3802
)

// errTime says that a time cannot be stored; what JSON cannot say is not stored
// either.
var errTime = errors.New("a time outside of the years 1 to 9999")

// array is an array of rows, or of plain elements, that is being written.
type array struct {
	buf []byte
	n   int
	row int // where the length of the running row is
	err error
}

const arrayHeader = 20

// value finishes the array; nil, for no element, is null.
func (a *array) value(element uint32) []byte {
	if a.n == 0 {
		return nil
	}
	b := binary.BigEndian.AppendUint32(a.buf[:0], 1) // one dimension
	b = binary.BigEndian.AppendUint32(b, 0)          // no element is null
	b = binary.BigEndian.AppendUint32(b, element)
	b = binary.BigEndian.AppendUint32(b, uint32(a.n))
	binary.BigEndian.AppendUint32(b, 1) // the first is number 1
	return a.buf
}

// maxKept bounds the buffer that an array keeps for the next batch.
const maxKept = 1 << 20

func (a *array) reset() {
	if cap(a.buf) > maxKept {
		a.buf = nil
	}
	*a = array{buf: a.buf[:min(arrayHeader, len(a.buf))]}
}

func (a *array) element() {
	if a.buf == nil {
		a.buf = make([]byte, arrayHeader, 4096)
	}
	a.n++
}

// plainText adds an element of an array of texts.
func (a *array) plainText(s string) {
	a.element()
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(s)))
	a.buf = append(a.buf, s...)
}

// plainInt adds an element of an array of int.
func (a *array) plainInt(v int32) {
	a.element()
	a.buf = binary.BigEndian.AppendUint32(a.buf, 4)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(v))
}

// begin starts a row of that many columns; end finishes it.
func (a *array) begin(columns int) {
	a.element()
	a.row = len(a.buf)
	a.buf = binary.BigEndian.AppendUint32(a.buf, 0)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(columns))
}

func (a *array) end() {
	binary.BigEndian.PutUint32(a.buf[a.row:], uint32(len(a.buf)-a.row-4))
}

func (a *array) head(oid uint32, size int) {
	a.buf = binary.BigEndian.AppendUint32(a.buf, oid)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(size))
}

func (a *array) null(oid uint32) {
	a.buf = binary.BigEndian.AppendUint32(a.buf, oid)
	a.buf = append(a.buf, 0xff, 0xff, 0xff, 0xff)
}

func (a *array) int2(v int16) {
	a.head(oidInt2, 2)
	a.buf = binary.BigEndian.AppendUint16(a.buf, uint16(v))
}

func (a *array) int4(v int) {
	if int(int32(v)) != v {
		a.err = fmt.Errorf("%d does not fit an int", v)
	}
	a.head(oidInt4, 4)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(v))
}

func (a *array) int8(v int64) {
	a.head(oidInt8, 8)
	a.buf = binary.BigEndian.AppendUint64(a.buf, uint64(v))
}

// text adds a text; what is no UTF-8 becomes the replacement character.
func (a *array) text(s string) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	a.head(oidText, len(s))
	a.buf = append(a.buf, s...)
}

// optionalText adds a text, the empty one as null.
func (a *array) optionalText(s string) {
	if s == "" {
		a.null(oidText)
		return
	}
	a.text(s)
}

func (a *array) bytes(b []byte) {
	a.head(oidBytea, len(b))
	a.buf = append(a.buf, b...)
}

// uuid adds a UUID, the zero one as null.
func (a *array) uuid(u [16]byte) {
	if u == [16]byte{} {
		a.null(oidUUID)
		return
	}
	a.head(oidUUID, 16)
	a.buf = append(a.buf, u[:]...)
}

// postgresEpoch is 2000-01-01 in Unix seconds.
const postgresEpoch = 946684800

func (a *array) time(t time.Time) {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		a.err = fmt.Errorf("%w: %d", errTime, y)
		t = time.Unix(0, 0)
	}
	a.head(oidTimestamptz, 8)
	a.buf = binary.BigEndian.AppendUint64(a.buf, uint64((t.Unix()-postgresEpoch)*1_000_000+int64(t.Nanosecond())/1000))
}

// readTime reads a timestamptz that is not null.
func readTime(b []byte) time.Time {
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b)) + postgresEpoch*1_000_000).UTC()
}

// optionalTime adds a time, the zero one as null.
func (a *array) optionalTime(t time.Time) {
	if t.IsZero() {
		a.null(oidTimestamptz)
		return
	}
	a.time(t)
}

// json adds a JSON text.
func (a *array) json(j []byte) {
	a.head(oidJSON, len(j))
	a.buf = append(a.buf, j...)
}

// jsonb adds a JSON text, nil as null.
func (a *array) jsonb(j []byte) {
	if j == nil {
		a.null(oidJSONB)
		return
	}
	a.head(oidJSONB, 1+len(j))
	a.buf = append(a.buf, 1) // the format's version
	a.buf = append(a.buf, j...)
}

// int2s adds an array of smallint.
func (a *array) int2s(v []int16) {
	a.head(oidInt2Array, arrayHeader+6*len(v))
	for _, x := range [...]uint32{1, 0, oidInt2, uint32(len(v)), 1} {
		a.buf = binary.BigEndian.AppendUint32(a.buf, x)
	}
	for _, x := range v {
		a.buf = append(a.buf, 0, 0, 0, 2, byte(uint16(x)>>8), byte(x))
	}
}
