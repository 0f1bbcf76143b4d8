package fleet

import (
	"reflect"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/hours"
	"github.com/openlot/openlot/protocol/wire"
)

// An edge of 1.6 is told the zone, the hours and the lanes, and reads back what was set;
// one of an earlier minor version is sent nothing that it does not know.
func TestSettingsAreToldToWhoKnowsThem(t *testing.T) {
	p := parking.DefaultPolicy()
	p.Hours = &hours.Hours{Exceptions: []hours.Exception{{Date: 20811}, {Date: 20818, Hours: []hours.Span{{From: 600, To: 720}, {From: 780, To: 960}}}}}
	p.Hours.Week.Put(time.Friday, []hours.Span{{From: 360, To: 720}, {From: 840, To: 1440}})
	p.Hours.Week.Put(time.Sunday, []hours.Span{{From: 0, To: 120}})
	p.Lanes = []parking.LaneSetting{{Lane: "entry-1", Label: "Nord", Mode: parking.LaneClosedToAll}, {Lane: "exit-1", Label: "Süd"}}
	no := false
	p.Kiosks = []parking.KioskSetting{{Kiosk: "kiosk-1", Label: "Kasse", Languages: []string{"de"}, Cash: &no}}
	for minor := range wire.Minor + 1 {
		s := Snapshot{Revision: 1, Policy: p, Zone: "Europe/Berlin"}
		all, err := s.messages(minor)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := wire.Marshal(all[0])
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.Unmarshal[wire.Sync](raw)
		if err != nil {
			t.Fatal(err)
		}
		if minor < wire.SettingsSince {
			if got.Policy.Zone != "" || got.Policy.Scheduled || len(got.Policy.Open)+len(got.Policy.Lanes)+len(got.Policy.Machines) > 0 {
				t.Errorf("1.%d is told %+v", minor, got.Policy)
			}
			continue
		}
		if h := got.Policy.Hours(); !reflect.DeepEqual(h, p.Hours) || got.Policy.Zone != "Europe/Berlin" {
			t.Errorf("1.%d: %+v", minor, h)
		}
		if l := got.Policy.Lanes; len(l) != 2 || l[0] != (wire.LaneSetting{Lane: "entry-1", Label: "Nord", Mode: wire.LaneClosedToAll}) || l[1].Mode != 0 {
			t.Errorf("1.%d: %+v", minor, l)
		}
		if m := got.Policy.Machines; len(m) != 1 || m[0] != (wire.MachineSetting{Machine: "kiosk-1", Label: "Kasse", Languages: "de", Cash: wire.No}) {
			t.Errorf("1.%d: %+v", minor, m)
		}
		d, err := (&Changes{Complete: true, Through: 2, Policy: &parking.Policy{}, Zone: "Europe/Berlin"}).message(1, minor)
		if err != nil || d.Policy.Hours() != nil || d.Policy.Zone == "" {
			t.Errorf("round the clock: %+v, %v", d.Policy, err)
		}
	}
}
