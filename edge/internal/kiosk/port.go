package kiosk

import "github.com/openlot/openlot/protocol/id"

// Pieces are some coins or notes of one kind.
type Pieces struct {
	Value int64 `json:"value"` // of one, in minor units
	Count int   `json:"count"`
	Note  bool  `json:"note"`
}

// Sum is what pieces are worth.
func Sum(all []Pieces) (n int64) {
	for _, p := range all {
		n += p.Value * int64(p.Count)
	}
	return n
}

// Totals are what a cash device has counted over its life, in minor units. They
// outlast the power, and Inserted is always Kept, Returned and what is in escrow.
type Totals struct {
	Inserted int64 `json:"inserted"`
	Kept     int64 `json:"kept"`     // went into the box or a hopper
	Returned int64 `json:"returned"` // went back out of the escrow
	Given    int64 `json:"given"`    // was paid out of hoppers
	Filled   int64 `json:"filled"`   // was put into hoppers by staff, less what was taken out of hoppers and box
}

// Hopper pays out coins of one kind.
type Hopper struct {
	ID     int   `json:"hopper"`
	Value  int64 `json:"value"`
	Count  int   `json:"count"`
	Low    bool  `json:"low"`
	Jammed bool  `json:"jammed"`
}

// Cash is what a cash device reports: all of it, each time.
type Cash struct {
	Answers bool     `json:"answers"`
	Seq     uint64   `json:"seq"`  // the newest order that it has carried out, or is carrying out
	Busy    bool     `json:"busy"` // it is carrying it out
	Totals  Totals   `json:"totals"`
	Escrow  []Pieces `json:"escrow,omitempty"`
	Box     []Pieces `json:"box,omitempty"`
	Hoppers []Hopper `json:"hoppers,omitempty"`
	Takes   []Pieces `json:"takes,omitempty"` // what it accepts; the counts are 0
	Full    bool     `json:"full,omitempty"`  // the box takes no more
	Stuck   bool     `json:"stuck,omitempty"` // in the slot or the escrow
}

// escrow is what is in escrow.
func (c *Cash) escrow() int64 { return c.Totals.Inserted - c.Totals.Kept - c.Totals.Returned }

// CardState is what became of a charge at the terminal.
type CardState string

// The states of a charge.
const (
	CardUnknown  CardState = ""         // the terminal has never heard of it
	CardPresent  CardState = "present"  // it waits for a card
	CardWorking  CardState = "working"  // it asks the bank
	CardApproved CardState = "approved" // taken, once
	CardDeclined CardState = "declined"
	CardStopped  CardState = "stopped" // cancelled, or nobody showed a card
)

// Card is what a terminal reports: of the newest charge that it knows.
type Card struct {
	Answers bool       `json:"answers"`
	Payment id.Payment `json:"payment,omitzero"`
	State   CardState  `json:"state,omitempty"`
}

// Printer is what a receipt printer reports.
type Printer struct {
	Answers bool   `json:"answers"`
	Paper   bool   `json:"paper"`
	Printed uint64 `json:"printed"` // number of the newest slip that came out
}

// OrderKind is what a device is to do.
type OrderKind string

// The orders.
const (
	OrderAccept OrderKind = "accept" // take money into escrow; without it the slots are shut
	OrderShut   OrderKind = "shut"
	OrderKeep   OrderKind = "keep"   // all that is in escrow, into box and hoppers
	OrderReturn OrderKind = "return" // all that is in escrow
	OrderGive   OrderKind = "give"   // coins out of hoppers
	OrderCharge OrderKind = "charge" // ask for a card; the same payment again changes nothing
	OrderCancel OrderKind = "cancel" // stop asking for it; what is approved stays so
	OrderPrint  OrderKind = "print"
)

// Order is what the state wants of a device. A device carries out an order with a
// Seq above its own once, and nothing with another one.
type Order struct {
	Kind    OrderKind
	Seq     uint64
	Coins   []Pieces   // give
	Payment id.Payment // charge, cancel
	Amount  int64      // charge
	Slip    *Slip      // print
	Hopper  int        // fill
	Count   int        // fill: coins; below 0: taken out
	Session id.Session // ticket
}
