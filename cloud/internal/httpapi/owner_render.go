package httpapi

import (
	"encoding/json"
	"time"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// ownConfig is api.OwnConfig with whole documents of tariffs.
type ownConfig struct {
	ParkingID  string             `json:"parking_id"`
	Name       string             `json:"name"`
	Operator   string             `json:"operator"`
	Timezone   string             `json:"timezone"`
	Version    int64              `json:"version"`
	MayChange  bool               `json:"may_change"`
	SpaceTypes []api.OwnSpaceType `json:"space_types"`
	Policy     api.OwnPolicy      `json:"policy"`
	Tariff     tariffInForce      `json:"tariff"`
	Scheduled  []scheduledTariff  `json:"scheduled"`
	Blocks     []api.OwnBlock     `json:"blocks"`
}

type tariffInForce struct {
	Version  uint32        `json:"version"`
	Since    *time.Time    `json:"since"`
	Document tariff.Tariff `json:"document"`
}

type scheduledTariff struct {
	Version  uint32        `json:"version"`
	From     time.Time     `json:"from"`
	Document tariff.Tariff `json:"document"`
	By       string        `json:"by"`
	At       time.Time     `json:"at"`
}

func configAnswer(c *settings.Config, mayChange bool) (ownConfig, error) {
	p := &c.Parking
	out := ownConfig{
		ParkingID: string(p.ID), Name: p.Name, Operator: p.Operator.String(), Timezone: p.Timezone, Version: c.Version, MayChange: mayChange,
		SpaceTypes: []api.OwnSpaceType{}, Tariff: tariffInForce{Version: p.Tariff.Version, Document: p.Tariff}, Scheduled: []scheduledTariff{}, Blocks: []api.OwnBlock{},
	}
	if !p.TariffSince.IsZero() {
		out.Tariff.Since = &p.TariffSince
	}
	for _, t := range p.SpaceTypes {
		x := api.OwnSpaceType{
			Id: string(t.ID), Class: api.SpaceClass(t.Class), Label: t.Label, Capacity: int(t.Capacity), Capacities: []api.CapacityFrom{},
			Allotment: api.OwnAllotment{SharePercent: p.Policy.AllotmentShare},
		}
		if len(t.Bays) > 0 {
			x.Bays = &t.Bays
		}
		for i, f := range c.Capacities[t.ID] {
			if i == 0 { // today's
				x.Capacity = int(f.Capacity)
				continue
			}
			x.Capacities = append(x.Capacities, api.CapacityFrom{From: timerange.DayStart(f.Day).Time().Format(time.DateOnly), Capacity: int(f.Capacity)})
		}
		if a, lent := c.Allotments[t.ID]; lent {
			x.Allotment.Now = &api.AllotmentNow{Units: int(a.Units), Granted: int(a.Granted), Until: a.Until.Time()}
		}
		out.SpaceTypes = append(out.SpaceTypes, x)
	}
	for _, s := range c.Scheduled {
		out.Scheduled = append(out.Scheduled, scheduledTariff{s.Tariff.Version, s.From, s.Tariff, s.By, s.At})
	}
	for _, b := range c.Blocks {
		out.Blocks = append(out.Blocks, blockAnswer(b))
	}
	var err error
	out.Policy, err = policyAnswer(p.Policy)
	return out, err
}

// policyAnswer is a policy's document: it is written as the contract has it.
func policyAnswer(p parking.Policy) (api.OwnPolicy, error) {
	var out api.OwnPolicy
	text, err := json.Marshal(p.Document())
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	return out, err
}

func blockAnswer(b commit.Block) api.OwnBlock {
	w := b.Claim.Range()
	out := api.OwnBlock{Id: b.ID.String(), SpaceType: string(b.SpaceType), N: int(b.N), From: w.From.UTC(), To: w.To.UTC(), Reason: b.Reason, CreatedAt: seconds(b.CreatedAt)}
	if !b.RemovedAt.IsZero() {
		removed := seconds(b.RemovedAt)
		out.RemovedAt = &removed
	}
	return out
}

func affectedAnswer(e capacity.PolicyEdited) api.Affected {
	out := api.Affected{ReservationsKept: e.Kept}
	if e.Outside.Count == 0 {
		return out
	}
	some := []api.OutsideHours{}
	for _, b := range e.Outside.Some {
		some = append(some, api.OutsideHours{Id: b.ID.String(), From: seconds(b.Window.From), To: seconds(b.Window.To), BeginsClosed: b.Begins, EndsClosed: b.Ends})
	}
	out.OutsideHours, out.OutsideHoursCount = &some, &e.Outside.Count
	return out
}

// mostAffected is how many reservations a shortage names.
const mostAffected = 1000

func shortageAnswer(s capacity.Shortage) api.Shortage {
	out := api.Shortage{Affected: []api.AffectedReservation{}, Unsolved: s.Unsolved}
	out.Runs = []struct {
		From time.Time `json:"from"`
		Over int       `json:"over"`
		To   time.Time `json:"to"`
	}{}
	for _, r := range s.Runs {
		w := r.Range()
		out.Runs = append(out.Runs, struct {
			From time.Time `json:"from"`
			Over int       `json:"over"`
			To   time.Time `json:"to"`
		}{w.From.UTC(), int(r.Over), w.To.UTC()})
	}
	for i, a := range s.Affected {
		if i == mostAffected {
			break
		}
		out.Affected = append(out.Affected, api.AffectedReservation{
			Id: a.ID.String(), State: api.ReservationState(a.State), From: seconds(a.Window.From), To: seconds(a.Window.To), Price: amount(a.Total),
		})
	}
	return out
}
