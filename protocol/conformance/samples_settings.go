package conformance

import (
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// settingsSamples show what minor version 6 adds: opening hours and what is set of lanes.
func settingsSamples(journal id.Journal, boot id.Boot) []Sample {
	return []Sample{
		{Sync, "delta-settings", &wire.Sync{
			Kind: wire.Delta, Base: 4710, Through: 4711, Parts: 1, Policy: &wire.Policy{
				EarlyEntry: 1800, ExitGrace: 600, Zone: "Europe/Berlin", Scheduled: true,
				Open: []wire.Open{
					{Weekday: 1, From: 360, To: 1320},
					{Weekday: 5, From: 360, To: 720},
					{Weekday: 5, From: 840, To: 1440},
					{Weekday: 6, From: 0, To: 120},
					{Day: 20811},
					{Day: 20818, From: 600, To: 960},
				},
				Lanes: []wire.LaneSetting{{Lane: "entry-1", Label: "Einfahrt Wilsdruffer Straße"}, {Lane: "entry-2", Mode: wire.LaneClosed}},
			},
		}},
		{Sync, "delta-always-open", &wire.Sync{
			Kind: wire.Delta, Base: 4710, Through: 4711, Parts: 1, Policy: &wire.Policy{EarlyEntry: 1800, ExitGrace: 600, Zone: "Europe/Berlin"},
		}},
		{Beat, "settings", &wire.Beat{
			Journal: journal, Boot: boot, LastSeq: 300, Revision: 4711, Mono: 86_400_000, Wall: morning * 1000, Uncertainty: 50,
			Lanes: []wire.LaneStatus{{
				Lane: "entry-1", Arm: wire.ArmDown, Linked: true, Mode: "open", Direction: wire.Inward, Label: "Einfahrt Wilsdruffer Straße", Closed: true,
			}},
		}},
		{Sync, "delta-machines", &wire.Sync{
			Kind: wire.Delta, Base: 4710, Through: 4711, Parts: 1, Policy: &wire.Policy{EarlyEntry: 1800, ExitGrace: 600, Zone: "Europe/Berlin", Machines: []wire.MachineSetting{
				{
					Machine: "kiosk-1", Label: "Kasse Nord", Languages: "de en", Cash: wire.No, Card: wire.Yes, Codes: wire.Yes, Slips: wire.Yes, Tickets: wire.No, Lost: wire.Yes,
					Shifts: wire.No, Help: "0351 123456", Issuer: "Parken am Altmarkt GmbH\nWilsdruffer Straße 1, 01067 Dresden", TaxID: "DE123456789", Footer: "Danke und gute Fahrt.",
				},
				{Machine: "kiosk-2", Tickets: wire.No},
			}},
		}},
		{Beat, "machines", &wire.Beat{
			Journal: journal, Boot: boot, LastSeq: 300, Revision: 4711, Mono: 86_400_000, Wall: morning * 1000, Uncertainty: 50,
			Lanes: []wire.LaneStatus{{Lane: "entry-1", Arm: wire.ArmDown, Linked: true, Mode: "open", Direction: wire.Inward}},
			Machines: []wire.MachineStatus{{
				Set: wire.MachineSetting{
					Machine: "kiosk-1", Label: "1", Languages: "en de", Cash: wire.Yes, Card: wire.Yes, Codes: wire.Yes, Slips: wire.Yes, Tickets: wire.No, Lost: wire.Yes, Shifts: wire.No,
				},
				Held: wire.HeldVisit,
			}},
		}},
	}
}
