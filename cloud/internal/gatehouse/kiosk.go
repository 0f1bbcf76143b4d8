package gatehouse

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/wire"
)

// Kiosk is how a machine that takes money was set when its edge told of it last.
type Kiosk struct {
	InForce parking.KioskSetting `json:"in_force"` // the part of its file included
	Held    string               `json:"held"`     // why what was set last is not in force: visit, unusable, or nothing
	AsOf    time.Time            `json:"as_of"`
}

var helds = [...]string{"", wire.HeldVisit: "visit", wire.HeldUnusable: "unusable"}

// KioskNow is a machine's status for people.
func KioskNow(m wire.MachineStatus, at time.Time) Kiosk {
	return Kiosk{InForce: parking.KioskSettingOf(m.Set), Held: helds[m.Held], AsOf: at}
}
