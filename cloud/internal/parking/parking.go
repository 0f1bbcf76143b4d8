// Package parking holds what a parking is: where it stands, what it sells, and
// the owner's policies.
package parking

import (
	"time"

	"github.com/openlot/openlot/protocol/hours"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// Kind is the building's kind.
type Kind string

// The kinds of parking.
const (
	MultiStorey Kind = "multi_storey"
	Underground Kind = "underground"
	Surface     Kind = "surface"
	Unspecified Kind = "" // the source did not say
)

// Class groups space types that mean the same in every parking.
type Class string

// The classes of space.
const (
	ClassStandard   Class = "standard"
	ClassAccessible Class = "accessible"
	ClassEV         Class = "ev"
	ClassMotorcycle Class = "motorcycle"
	ClassOversize   Class = "oversize"
)

// SpaceType is one kind of space of a parking.
type SpaceType struct {
	ID       id.SpaceType
	Class    Class
	Label    string
	Capacity int16
	Bays     []string // labels, in the order in which they are dealt out; none: its spaces have no numbers
}

// Policy is what the owner decided about booking and the gate.
type Policy struct {
	HorizonDays    int           `json:"horizon_days"`    // how far ahead windows are sold
	MaxStay        time.Duration `json:"max_stay"`        // longest window
	MinStay        time.Duration `json:"min_stay"`        // shortest window
	MinLead        time.Duration `json:"min_lead"`        // windows begin at least this far ahead; 0: also now
	HoldTTL        time.Duration `json:"hold_ttl"`        // how long an unpaid claim is kept
	EarlyEntry     time.Duration `json:"early_entry"`     // let in this long before the window when there is room
	ExitGrace      time.Duration `json:"exit_grace"`      // leave this long after the window for nothing more
	NoShowAfter    time.Duration `json:"no_show_after"`   // after the start of the window
	NoShowCharge   int           `json:"no_show_charge"`  // percent of the quote that who does not come pays
	EarlyCharge    int           `json:"early_charge"`    // percent of the quote that is due at the least when a stay ends early; 100: all of it, whatever was used
	RemindBefore   time.Duration `json:"remind_before"`   // tell the driver this long before the end, a day at most; 0: never
	WalkinAhead    time.Duration `json:"walkin_ahead"`    // how far ahead an allotment is claimed
	WalkinProtects time.Duration `json:"walkin_protects"` // claims this close count against "now"
	AllotmentShare int           `json:"allotment_share"` // percent of a type's capacity kept ready for walk-ins
	OverstayBuffer int           `json:"overstay_buffer"` // percent of a type's capacity that is not sold: for who stays too long
	// A stay of which nobody sees the end counts as over this long after the end
	// of its reservation, or a payment for it; one without a reservation once it
	// is longer than the longest.
	PresumeLeftAfter time.Duration `json:"presume_left_after"`
	LongestWalkin    time.Duration `json:"longest_walkin"`
	LeaseTTL         time.Duration `json:"lease_ttl"` // counts are unknown this long after the last beat

	PayAtMachine bool `json:"pay_at_machine,omitempty"` // reservations may be paid at the machine or the exit: a promise that secures nothing

	EntryPassback Passback      `json:"entry_passback,omitempty"` // a pass at an entry that is inside, or has left; empty: hard
	ExitPassback  Passback      `json:"exit_passback,omitempty"`  // a pass at an exit that has left; empty: soft
	PassbackAfter time.Duration `json:"passback_after,omitempty"` // how long timed refuses, in whole minutes
	PayFirst      time.Duration `json:"pay_first,omitempty"`      // a walk-in that stayed longer is asked once at the exit to pay; 0: none is
	Tailgates     Tailgates     `json:"tailgates,omitempty"`      // who follows another one out; empty: count
	Offline       *Offline      `json:"offline,omitempty"`        // what the gate may do without the cloud; nil: wire.DefaultStages. It is replaced, never written to

	Hours *hours.Hours  `json:"opening_hours,omitempty"` // nil: around the clock. They are replaced, never written to
	Lanes []LaneSetting `json:"lanes,omitempty"`         // those of which something is set

	Dynamic *DynamicPrice `json:"dynamic_price,omitempty"` // of reservations; nil: the tariff's price. It is replaced, never written to

	Facts *Facts `json:"facts,omitempty"` // what drivers are told of the place; nil: nothing. They are replaced, never written to
}

// DefaultPolicy is what a new parking starts with.
func DefaultPolicy() Policy {
	return Policy{
		HorizonDays:    90,
		MaxStay:        30 * 24 * time.Hour,
		HoldTTL:        10 * time.Minute,
		EarlyEntry:     15 * time.Minute,
		ExitGrace:      15 * time.Minute,
		NoShowAfter:    2 * time.Hour,
		NoShowCharge:   100,
		EarlyCharge:    100,
		RemindBefore:   15 * time.Minute,
		WalkinAhead:    4 * time.Hour,
		WalkinProtects: time.Hour,
		AllotmentShare: 20,

		PresumeLeftAfter: 24 * time.Hour,
		LongestWalkin:    7 * 24 * time.Hour,
		LeaseTTL:         20 * time.Second,
	}
}

// Parking is one facility.
type Parking struct {
	ID         id.Parking
	Operator   id.Operator
	Name       string
	Address    string
	City       string
	Latitude   float64
	Longitude  float64
	Timezone   string // IANA name; for tariffs and display only
	Kind       Kind
	SpaceTypes []SpaceType // empty: listed but not sold
	Tariff     tariff.Tariff
	Policy     Policy

	TariffSince time.Time // since when Tariff is in force; zero: always

	Pictures []Picture // photos in their order, then the plan
}

// Author is who asks for a change of the configuration, and why: both go into the
// history, in the commit of the change.
type Author struct {
	Name string // an account's id, or what a command calls itself
	Why  string // for colleagues; may be empty
}

// Commands is the name under which what the command line changes is on record.
const Commands = "openlot admin"

// Edition is one edition of a parking's tariff.
type Edition struct {
	Tariff  tariff.Tariff
	Adopted time.Time
}

// Capacity is the number of spaces of all types.
func (p *Parking) Capacity() int {
	n := 0
	for _, t := range p.SpaceTypes {
		n += int(t.Capacity)
	}
	return n
}

// SpaceType finds a type by its name.
func (p *Parking) SpaceType(t id.SpaceType) (SpaceType, bool) {
	for _, s := range p.SpaceTypes {
		if s.ID == t {
			return s, true
		}
	}
	return SpaceType{}, false
}

// Location is the parking's time zone.
func (p *Parking) Location() (*time.Location, error) { return time.LoadLocation(p.Timezone) }
