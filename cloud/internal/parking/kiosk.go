package parking

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// KioskSetting is what the owner has set of a machine that takes money. What is left out is
// as the file on the machine has it; ports, coins and who of the staff unlocks it are the
// installer's.
type KioskSetting struct {
	Kiosk     id.Lane  `json:"kiosk"`
	Label     string   `json:"label,omitempty"`     // what people call it
	Languages []string `json:"languages,omitempty"` // offered, the first one first
	Cash      *bool    `json:"cash,omitempty"`
	Card      *bool    `json:"card,omitempty"`
	Codes     *bool    `json:"codes,omitempty"` // of shops
	Slips     *bool    `json:"slips,omitempty"` // of credits
	Tickets   *bool    `json:"tickets,omitempty"`
	Lost      *bool    `json:"lost,omitempty"`   // a stay is found by when it began
	Shifts    *bool    `json:"shifts,omitempty"` // cash only in a shift of the staff
	Help      string   `json:"help,omitempty"`   // whom to ring up
	Issuer    string   `json:"issuer,omitempty"` // who gives the receipt
	TaxID     string   `json:"tax_id,omitempty"`
	Footer    string   `json:"footer,omitempty"`
}

// Wire is the setting as an edge is told it.
func (s KioskSetting) Wire() wire.MachineSetting {
	return wire.MachineSetting{
		Machine: s.Kiosk, Label: s.Label, Languages: wire.Speak(s.Languages), Cash: wire.Choose(s.Cash), Card: wire.Choose(s.Card), Codes: wire.Choose(s.Codes),
		Slips: wire.Choose(s.Slips), Tickets: wire.Choose(s.Tickets), Lost: wire.Choose(s.Lost), Shifts: wire.Choose(s.Shifts),
		Help: s.Help, Issuer: s.Issuer, TaxID: s.TaxID, Footer: s.Footer,
	}
}

// KioskSettingOf is a setting as an edge tells it.
func KioskSettingOf(m wire.MachineSetting) KioskSetting {
	s := KioskSetting{
		Kiosk: m.Machine, Label: m.Label, Cash: m.Cash.Truth(), Card: m.Card.Truth(), Codes: m.Codes.Truth(), Slips: m.Slips.Truth(), Tickets: m.Tickets.Truth(),
		Lost: m.Lost.Truth(), Shifts: m.Shifts.Truth(), Help: m.Help, Issuer: m.Issuer, TaxID: m.TaxID, Footer: m.Footer,
	}
	for _, l := range m.Spoken() {
		s.Languages = append(s.Languages, string(l))
	}
	return s
}

// checkKiosks names what is wrong about what is set of kiosks, by its place.
func (p *Policy) checkKiosks(wrong map[string]string) {
	if len(p.Kiosks) > wire.MaxMachines {
		wrong["kiosks"] = fmt.Sprintf("are more than %d", wire.MaxMachines)
		return
	}
	seen := map[id.Lane]bool{}
	for i, k := range p.Kiosks {
		place := fmt.Sprintf("kiosks[%d]", i)
		if _, err := id.ParseLane(string(k.Kiosk)); err != nil {
			wrong[place+".kiosk"] = "is no kiosk's name"
		} else if seen[k.Kiosk] {
			wrong[place+".kiosk"] = "is there twice"
		}
		seen[k.Kiosk] = true
		for j, l := range k.Languages {
			switch {
			case !slices.Contains(wire.Languages(), wire.Language(l)):
				wrong[place+".languages"] = fmt.Sprintf("%q is none that a kiosk speaks", l)
			case slices.Contains(k.Languages[:j], l):
				wrong[place+".languages"] = fmt.Sprintf("%q is there twice", l)
			}
		}
		if k.Cash != nil && k.Card != nil && !*k.Cash && !*k.Card {
			wrong[place+".card"] = "leaves nothing to pay with: take cash or cards"
		}
		for _, t := range []struct {
			name, text string
			most       int
			rows       bool
		}{
			{"label", k.Label, wire.MaxLabel, false},
			{"help", k.Help, wire.MaxLabel, false},
			{"issuer", k.Issuer, wire.MaxNotice, true},
			{"tax_id", k.TaxID, wire.MaxTaxID, false},
			{"footer", k.Footer, wire.MaxNotice, true},
		} {
			odd := func(r rune) bool { return unicode.IsControl(r) && (!t.rows || r != '\n') }
			if len(t.text) > t.most || !utf8.ValidString(t.text) || t.text != strings.TrimSpace(t.text) || strings.ContainsFunc(t.text, odd) {
				wrong[place+"."+t.name] = fmt.Sprintf("has at most %d bytes, and no blanks around it", t.most)
			}
		}
		if k.Wire() == (wire.MachineSetting{Machine: k.Kiosk}) {
			wrong[place] = "sets nothing"
		}
	}
}
