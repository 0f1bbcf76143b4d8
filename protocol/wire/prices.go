package wire

import (
	"errors"

	"github.com/openlot/openlot/protocol/money"
)

// PricesSince is the minor version from which on an edge is told what it needs to
// price a stay by itself, if it says that a machine stands there.
const PricesSince = 5

// Limits of prices.
const (
	MaxEditions  = 32       // of a tariff
	MaxDocuments = 48 << 10 // bytes of all their documents
)

// Machine says in a hello whether a machine that takes money stands at the edge.
type Machine uint8

// What an edge has of a machine.
const (
	NoMachine      Machine = 0 // it is not told prices
	MachineNoPrice Machine = 1 // it is to be told them, and has none: its cache counts as empty
	MachinePriced  Machine = 2 // it has them as of its revision
)

// Prices are what a machine needs to price a stay without the cloud. They go with
// the policy, and replace those before as a whole.
type Prices struct {
	Name     string    `cbor:"1,keyasint"` // of the parking, for who stands in front of the machine
	Zone     string    `cbor:"2,keyasint"` // IANA; may be empty
	Editions []Edition `cbor:"3,keyasint"` // of the tariff, the newest first; older ones than fit are left out
	// Shops are those whose codes are good. Since minor version 6.
	Shops []Shop `cbor:"4,keyasint,omitempty"`
}

// Edition is a tariff, and from when on who comes in pays by it.
type Edition struct {
	Since    int64  `cbor:"1,keyasint"` // Unix milliseconds, may lie ahead; of the oldest that there ever was: whenever
	Document []byte `cbor:"2,keyasint"` // as tariff.Parse reads it
}

// Quote is what was agreed for a reservation, as far as a machine has to know it.
type Quote struct {
	Tariff   uint32         `cbor:"1,keyasint"` // the edition
	Total    int64          `cbor:"2,keyasint"` // minor units
	Tax      int64          `cbor:"3,keyasint,omitempty"`
	Currency money.Currency `cbor:"4,keyasint"`
	Percent  uint16         `cbor:"5,keyasint,omitempty"` // of the tariff's price, frozen when it was booked; 0: 100
	Covered  int64          `cbor:"6,keyasint,omitempty"` // minor units that are held, or were charged before
	Early    uint8          `cbor:"7,keyasint,omitempty"` // 1 + the percentage of Total that is due at the least when the stay ends early; 0: all of Total is
}

func (q *Quote) validate() error {
	return errors.Join(
		check(q.Total >= 0 && q.Total <= MaxAmount && q.Covered >= 0 && q.Covered <= MaxAmount, "an amount is 0 to %d minor units", MaxAmount),
		check(q.Tax >= 0 && q.Tax <= q.Total, "tax is in the total"),
		check(q.Early <= 101, "a percentage is 0 to 100"),
		currency(q.Currency),
	)
}

func (p *Prices) validate() error {
	err := errors.Join(
		text("name", p.Name), short("zone", p.Zone, MaxZone),
		check(len(p.Editions) > 0 && len(p.Editions) <= MaxEditions, "prices have 1 to %d editions", MaxEditions),
	)
	size := 0
	for i, e := range p.Editions {
		size += len(e.Document)
		if err == nil {
			err = errors.Join(
				check(len(e.Document) > 0, "an edition has a document"),
				check(e.Since >= 0 && e.Since < 1<<43, "since out of range"),
				check(i == 0 || e.Since <= p.Editions[i-1].Since, "the newest edition is the first"),
			)
		}
	}
	if err == nil {
		err = p.validateShops()
	}
	return errors.Join(err, check(size <= MaxDocuments, "documents of at most %d bytes", MaxDocuments))
}

// MaxZone is the longest name of a zone, in bytes.
const MaxZone = 64
