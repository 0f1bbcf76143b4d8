package wire

import (
	"errors"
	"strings"

	"github.com/openlot/openlot/protocol/id"
)

// Limits of what is set of machines that take money.
const (
	MaxMachines = 16  // of a parking, of which something is set; and that a beat tells of
	MaxNotice   = 200 // bytes of who gives a receipt, and of what stands at its end
	MaxTaxID    = 32  // bytes of a tax number
	MaxSpoken   = 32  // bytes of the languages that a machine offers
)

// Choice is what the owner has chosen.
type Choice uint8

// The choices; none: as the machine's own file has it.
const (
	Yes Choice = 1
	No  Choice = 2
)

// Choose is a choice of a truth that may be left open.
func Choose(b *bool) Choice {
	switch {
	case b == nil:
		return 0
	case *b:
		return Yes
	}
	return No
}

// Choosing is a choice of a truth.
func Choosing(b bool) Choice { return Choose(&b) }

// Truth is the choice as a truth; nil: it is left open.
func (c Choice) Truth() *bool {
	if c != Yes && c != No {
		return nil
	}
	b := c == Yes
	return &b
}

// MachineSetting is what the owner has set of a machine that takes money. What it leaves
// open is as the machine's own file has it (since 1.6).
type MachineSetting struct {
	Machine   id.Lane `cbor:"1,keyasint"`
	Label     string  `cbor:"2,keyasint,omitempty"`  // what people call it
	Languages string  `cbor:"3,keyasint,omitempty"`  // that it offers, with a blank between, the first one first
	Cash      Choice  `cbor:"4,keyasint,omitempty"`  // is taken
	Card      Choice  `cbor:"5,keyasint,omitempty"`  // is taken
	Codes     Choice  `cbor:"6,keyasint,omitempty"`  // of shops are taken
	Slips     Choice  `cbor:"7,keyasint,omitempty"`  // of credits are taken
	Tickets   Choice  `cbor:"8,keyasint,omitempty"`  // are given to walk-ins
	Lost      Choice  `cbor:"9,keyasint,omitempty"`  // a stay is found by when it began
	Shifts    Choice  `cbor:"10,keyasint,omitempty"` // cash is taken only in a shift of the staff
	Help      string  `cbor:"11,keyasint,omitempty"` // whom to ring up, to be read
	Issuer    string  `cbor:"12,keyasint,omitempty"` // who gives the receipt: name and address, on lines of their own
	TaxID     string  `cbor:"13,keyasint,omitempty"` // of who gives the receipt
	Footer    string  `cbor:"14,keyasint,omitempty"` // at the end of the receipt
}

// Spoken are the languages that a machine is to offer; none: as its file has it.
func (m MachineSetting) Spoken() (out []Language) {
	for l := range strings.FieldsSeq(m.Languages) {
		out = append(out, Language(l))
	}
	return out
}

// Speak is languages as a setting carries them.
func Speak[L ~string](all []L) string {
	out := make([]string, len(all))
	for i, l := range all {
		out[i] = string(l)
	}
	return strings.Join(out, " ")
}

// validate checks what has a limit. Whether a machine can be so is its own to say: it knows
// what it has, and an edge may know fewer languages than the cloud.
func (m MachineSetting) validate() error {
	err := errors.Join(
		lane(m.Machine), short("label", m.Label, MaxLabel), short("languages", m.Languages, MaxSpoken), short("help", m.Help, MaxLabel),
		short("issuer", m.Issuer, MaxNotice), short("tax number", m.TaxID, MaxTaxID), short("footer", m.Footer, MaxNotice),
		check(m.Languages == Speak(strings.Fields(m.Languages)), "languages have one blank between them"),
	)
	for _, c := range []Choice{m.Cash, m.Card, m.Codes, m.Slips, m.Tickets, m.Lost, m.Shifts} {
		err = errors.Join(err, check(c <= No, "unknown choice"))
	}
	return err
}

// Held is why what was set of a machine is not in force there.
type Held uint8

// The reasons; none: it is in force.
const (
	HeldVisit    Held = 1 // somebody is at it: when he has gone
	HeldUnusable Held = 2 // it cannot be so: it stays as it was
)

// MachineStatus is how a machine that takes money is set now: nothing is left open.
type MachineStatus struct {
	Set  MachineSetting `cbor:"1,keyasint"`
	Held Held           `cbor:"2,keyasint,omitempty"`
}

func (p *Policy) machines() error {
	if err := errors.Join(
		check(len(p.Machines) <= MaxMachines, "at most %d machines", MaxMachines),
		check(len(p.Machines) == 0 || p.Zone != "", "what is set goes with the zone"),
	); err != nil {
		return err
	}
	seen := map[id.Lane]bool{}
	for _, m := range p.Machines {
		if err := errors.Join(m.validate(), check(!seen[m.Machine], "a machine is set twice")); err != nil {
			return err
		}
		seen[m.Machine] = true
	}
	return nil
}

func (b *Beat) machines() error {
	err := check(len(b.Machines) <= MaxMachines, "at most %d machines", MaxMachines)
	for _, m := range b.Machines {
		if err == nil {
			err = errors.Join(m.Set.validate(), check(m.Held <= HeldUnusable, "unknown reason"))
		}
	}
	return err
}
