// Package id holds the identifiers that cross the boundaries of Openlot.
//
// Things that are created (reservations, sessions, payments, events …) carry a
// UUIDv7 (RFC 9562) minted by whoever starts the thing, so that an edge can
// name a session while it is offline and a retry carries the same name. Each
// kind has its own Go type: a payment id does not compile where a reservation
// id is wanted. In text an id is its kind's prefix, an underscore and 26
// characters of Crockford base32 (`rsv_01jd3k…`), which sorts by time.
//
// A parking is named by its slug (`dresden-altmarkt`) everywhere.
package id

import (
	"bytes"
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Kind is implemented by the marker types that tell identifiers apart.
type Kind interface{ prefix() string }

// The kinds. They are never instantiated.
type (
	reservationKind struct{}
	paymentKind     struct{}
	sessionKind     struct{}
	quoteKind       struct{}
	edgeKind        struct{}
	journalKind     struct{}
	bootKind        struct{}
	accountKind     struct{}
	operatorKind    struct{}
	incidentKind    struct{}
	transactionKind struct{}
	blockKind       struct{}
	loginKind       struct{}
	passkeyKind     struct{}
	orderKind       struct{}
	invitationKind  struct{}
	shiftKind       struct{}
	shopPaymentKind struct{}
)

func (reservationKind) prefix() string { return "rsv" }
func (paymentKind) prefix() string     { return "pay" }
func (sessionKind) prefix() string     { return "ses" }
func (quoteKind) prefix() string       { return "quo" }
func (edgeKind) prefix() string        { return "edg" }
func (journalKind) prefix() string     { return "jnl" }
func (bootKind) prefix() string        { return "boo" }
func (accountKind) prefix() string     { return "acc" }
func (operatorKind) prefix() string    { return "opr" }
func (incidentKind) prefix() string    { return "inc" }
func (transactionKind) prefix() string { return "txn" }
func (blockKind) prefix() string       { return "blk" }
func (loginKind) prefix() string       { return "lgn" }
func (passkeyKind) prefix() string     { return "psk" }
func (orderKind) prefix() string       { return "ord" }
func (invitationKind) prefix() string  { return "inv" }
func (shiftKind) prefix() string       { return "shf" }
func (shopPaymentKind) prefix() string { return "shp" }

// The identifiers of the product.
//
//nolint:revive // one sentence says what all of them are
type (
	Reservation = ID[reservationKind] // a claim on capacity for a window
	Payment     = ID[paymentKind]     // one hold and what became of it
	Session     = ID[sessionKind]     // one actual stay, with or without reservation
	Quote       = ID[quoteKind]       // a frozen, explained price
	Edge        = ID[edgeKind]        // an enrolled edge agent; also its user name on the broker
	Journal     = ID[journalKind]     // one edge journal file, from its creation
	Boot        = ID[bootKind]        // one run of an edge process
	Account     = ID[accountKind]     // a person's account
	Operator    = ID[operatorKind]    // the owner of parkings
	Incident    = ID[incidentKind]    // a conflict and how it was settled
	Transaction = ID[transactionKind] // one balanced entry of the ledger
	Block       = ID[blockKind]       // bays that are out of use for a while
	Login       = ID[loginKind]       // one log-in of an account on one device
	Passkey     = ID[passkeyKind]     // a key on a device that logs an account in
	Order       = ID[orderKind]       // what somebody has a lane do from afar
	Invitation  = ID[invitationKind]  // to work for an operator
	Shift       = ID[shiftKind]       // the cash of a machine between two counts
	ShopPayment = ID[shopPaymentKind] // what a shop has paid of what its codes took off
)

// ErrMalformed is wrapped by every parse failure of this package.
var ErrMalformed = errors.New("malformed id")

// ID is a UUIDv7 of a kind. The zero value means "none".
type ID[K Kind] struct{ uuid [16]byte }

// New mints an identifier at time now. Identifiers minted later in the same
// process sort later when now does.
func New[I ID[K], K Kind](now time.Time) I {
	var u [16]byte
	if _, err := rand.Read(u[6:]); err != nil {
		panic("id: the system's random source failed: " + err.Error())
	}
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint32(u[0:4], uint32(ms>>16))
	binary.BigEndian.PutUint16(u[4:6], uint16(ms))
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return I(ID[K]{u})
}

// FromBytes reads the 16 bytes of an identifier. "None" has no bytes: all
// zero is malformed.
func FromBytes[I ID[K], K Kind](b []byte) (I, error) {
	var i ID[K]
	if len(b) == 0 {
		return I(i), fmt.Errorf("%w: empty", ErrMalformed)
	}
	err := i.UnmarshalBinary(b)
	return I(i), err
}

// Bytes returns the 16 bytes of the UUID.
func (i ID[K]) Bytes() []byte { return append([]byte(nil), i.uuid[:]...) }

// UUID returns the identifier as a plain UUID.
func (i ID[K]) UUID() [16]byte { return i.uuid }

// IsZero reports whether the identifier is absent.
func (i ID[K]) IsZero() bool { return i.uuid == [16]byte{} }

// Compare orders identifiers as their text and bytes do: by the time of their
// minting, then arbitrarily.
func (i ID[K]) Compare(o ID[K]) int { return bytes.Compare(i.uuid[:], o.uuid[:]) }

// Time is the millisecond at which the identifier was minted, by the clock of
// whoever minted it.
func (i ID[K]) Time() time.Time {
	ms := uint64(binary.BigEndian.Uint32(i.uuid[0:4]))<<16 | uint64(binary.BigEndian.Uint16(i.uuid[4:6]))
	return time.UnixMilli(int64(ms)).UTC()
}

// String is the prefixed text form, or the empty string for the zero value.
func (i ID[K]) String() string {
	if i.IsZero() {
		return ""
	}
	var k K
	return k.prefix() + "_" + encode(i.uuid)
}

// MarshalText implements encoding.TextMarshaler.
func (i ID[K]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; the empty text is the
// zero value.
func (i *ID[K]) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*i = ID[K]{}
		return nil
	}
	var k K
	p := k.prefix()
	if len(text) != len(p)+1+encodedLen || string(text[:len(p)]) != p || text[len(p)] != '_' {
		return fmt.Errorf("%w: want %s_ and %d characters", ErrMalformed, p, encodedLen)
	}
	u, err := decode(text[len(p)+1:])
	if err != nil {
		return err
	}
	if u == [16]byte{} {
		return fmt.Errorf("%w: all zero", ErrMalformed)
	}
	i.uuid = u
	return nil
}

// Parse reads the prefixed text form; unlike UnmarshalText it refuses the
// empty text.
func Parse[I ID[K], K Kind](text string) (I, error) {
	var i ID[K]
	if text == "" {
		return I(i), fmt.Errorf("%w: empty", ErrMalformed)
	}
	err := i.UnmarshalText([]byte(text))
	return I(i), err
}

// MarshalBinary implements encoding.BinaryMarshaler: in CBOR an id is a byte
// string of 16 bytes, empty for the zero value.
func (i ID[K]) MarshalBinary() ([]byte, error) {
	if i.IsZero() {
		return []byte{}, nil
	}
	return i.Bytes(), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (i *ID[K]) UnmarshalBinary(b []byte) error {
	if len(b) == 0 {
		*i = ID[K]{}
		return nil
	}
	if len(b) != 16 {
		return fmt.Errorf("%w: %d bytes instead of 16", ErrMalformed, len(b))
	}
	if [16]byte(b) == [16]byte{} {
		return fmt.Errorf("%w: all zero", ErrMalformed)
	}
	copy(i.uuid[:], b)
	return nil
}

// Value implements driver.Valuer as the canonical UUID text.
func (i ID[K]) Value() (driver.Value, error) {
	if i.IsZero() {
		return nil, nil
	}
	return uuidText(i.uuid), nil
}

// Scan implements sql.Scanner for UUID columns.
func (i *ID[K]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = ID[K]{}
		return nil
	case [16]byte:
		i.uuid = v
		return nil
	case []byte:
		if len(v) == 16 {
			copy(i.uuid[:], v)
			return nil
		}
		return i.scanText(string(v))
	case string:
		return i.scanText(v)
	default:
		return fmt.Errorf("%w: cannot scan %T", ErrMalformed, src)
	}
}

func (i *ID[K]) scanText(s string) error {
	u, err := parseUUID(s)
	if err != nil {
		return err
	}
	i.uuid = u
	return nil
}
