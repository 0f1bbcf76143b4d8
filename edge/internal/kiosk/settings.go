package kiosk

import (
	"cmp"
	"slices"
	"strings"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Settings are how a machine is to behave: what its file says, and over that what the
// owner has set. The zero value is a machine that takes and gives whatever it can.
type Settings struct {
	Label     string          `json:"label,omitempty"`
	Languages []wire.Language `json:"languages,omitempty"` // offered, the first one first
	NoCash    bool            `json:"no_cash,omitempty"`
	NoCard    bool            `json:"no_card,omitempty"`
	NoCodes   bool            `json:"no_codes,omitempty"`
	NoSlips   bool            `json:"no_slips,omitempty"`
	NoTickets bool            `json:"no_tickets,omitempty"`
	NoLost    bool            `json:"no_lost,omitempty"`
	Shifts    bool            `json:"shifts,omitempty"` // cash is taken in shifts only
	Help      string          `json:"help,omitempty"`
	Issuer    string          `json:"issuer,omitempty"`
	TaxID     string          `json:"tax_id,omitempty"`
	Footer    string          `json:"footer,omitempty"`
}

// Refusals of what the owner does not want here; see cloud/web/kiosk/src/api.ts.
const (
	CodesOff Refusal = "codes_off"
	SlipsOff Refusal = "slips_off"
)

// With is what comes of what the owner has set. ok is false when this machine cannot be so;
// staffed says whether somebody could open a shift.
func (s Settings) With(set wire.MachineSetting, staffed bool) (out Settings, ok bool) {
	out = s
	out.Label = cmp.Or(set.Label, s.Label)
	out.Help, out.Issuer, out.TaxID, out.Footer = cmp.Or(set.Help, s.Help), cmp.Or(set.Issuer, s.Issuer), cmp.Or(set.TaxID, s.TaxID), cmp.Or(set.Footer, s.Footer)
	if l := set.Spoken(); len(l) > 0 {
		out.Languages = l
	}
	for _, c := range []struct {
		set wire.Choice
		not *bool
	}{{set.Cash, &out.NoCash}, {set.Card, &out.NoCard}, {set.Codes, &out.NoCodes}, {set.Slips, &out.NoSlips}, {set.Tickets, &out.NoTickets}, {set.Lost, &out.NoLost}} {
		if yes := c.set.Truth(); yes != nil {
			*c.not = !*yes
		}
	}
	if yes := set.Shifts.Truth(); yes != nil {
		out.Shifts = *yes
	}
	return out, out.usable(staffed)
}

// usable reports whether a machine can be so.
func (s Settings) usable(staffed bool) bool {
	for i, l := range s.Languages {
		if !slices.Contains(wire.Languages(), l) || slices.Contains(s.Languages[:i], l) {
			return false
		}
	}
	return (!s.NoCash || !s.NoCard) && (staffed || !s.Shifts)
}

// Equal reports whether two are the same.
func (s Settings) Equal(o Settings) bool { return s.wire("") == o.wire("") }

// Wire is what a beat tells of them, with nothing left open. tickets says whether the
// machine could give any.
func (s Settings) Wire(machine id.Lane, tickets bool) wire.MachineSetting {
	out := s.wire(machine)
	// The machine's file has no limit on these, and a beat that is too long is none.
	out.Label, out.Help = clip(out.Label, wire.MaxLabel), clip(out.Help, wire.MaxLabel)
	out.Tickets = wire.Choosing(tickets && !s.NoTickets)
	return out
}

// clip is text of at most so many bytes.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

func (s Settings) wire(machine id.Lane) wire.MachineSetting {
	return wire.MachineSetting{
		Machine: machine, Label: s.Label, Languages: wire.Speak(s.Languages), Cash: wire.Choosing(!s.NoCash), Card: wire.Choosing(!s.NoCard),
		Codes: wire.Choosing(!s.NoCodes), Slips: wire.Choosing(!s.NoSlips), Tickets: wire.Choosing(!s.NoTickets), Lost: wire.Choosing(!s.NoLost),
		Shifts: wire.Choosing(s.Shifts), Help: s.Help, Issuer: s.Issuer, TaxID: s.TaxID, Footer: s.Footer,
	}
}

// In are the settings in force.
func (m *Machine) In() Settings {
	if m.Set == nil {
		return Settings{}
	}
	return *m.Set
}

// Alone reports whether nobody is at the machine, and no money moves or lies in escrow:
// only then do other settings come into force. A visit ends as it began.
func (m *Machine) Alone() bool { return m.Phase == Idle && m.Call == nil && m.inside() == 0 }

// adopt puts in force what is to be.
func (s *step) adopt() {
	m := s.m
	if want := s.env.Set; want != nil && m.Alone() && (m.Set == nil || !m.Set.Equal(*want)) {
		m.Set = want
	}
	m.demands = m.In().Shifts || m.Set == nil && s.env.Shifts
}
