package gatehouse_test

import (
	"encoding/json"
	"testing"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

// What is answered is what openapi.yaml says, with everything in use and with nothing.
func TestAnswersAreAsTheContractSays(t *testing.T) {
	doc, err := api.Load()
	if err != nil {
		t.Fatal(err)
	}
	n, rsv, ses := 3, id.New[id.Reservation](morning), id.New[id.Session](morning)
	parking := gatehouse.Parking{
		ID: "altmarkt", Name: "Altmarkt", Operator: id.New[id.Operator](morning), Timezone: "Europe/Berlin", Capacity: 9, Status: "open", AvailableNow: &n, AsOf: morning, Inside: &n,
		SpaceTypes: []gatehouse.SpaceType{{Type: "standard", Class: "standard", Label: "Standard", Capacity: 9, AvailableNow: &n}, {Type: "ev", Class: "ev", Label: "E"}},
		Edge:       gatehouse.Line{State: gatehouse.Live, Since: &morning, Heard: &morning}, FreedLastHour: -2,
	}
	unknown := parking
	unknown.AvailableNow, unknown.Inside, unknown.Status, unknown.Edge, unknown.SpaceTypes = nil, nil, "unknown", gatehouse.Line{State: gatehouse.None}, []gatehouse.SpaceType{}
	event := &wire.Event{Kind: wire.Admitted, Lane: "entry-1", Session: ses, Reservation: rsv, Reason: wire.AdmitReservation, Wall: morning.UnixMilli()}
	decision, _ := gatehouse.DecisionOf(event)
	event.Uncertainty, event.Reservation = wire.Uncertain, id.Reservation{}
	vague, _ := gatehouse.DecisionOf(event)
	order := gatehouse.Order{
		ID: id.New[id.Order](morning).String(), Parking: "altmarkt", Lane: "exit-1", Command: "count", Count: &n, Why: "w", By: "a@b.example", At: morning, Expires: &morning,
		State: gatehouse.Refused, Code: "loop_unknown", Detail: gatehouse.Detail("loop_unknown"), Settled: &morning, Source: gatehouse.Dashboard,
	}
	own := gatehouse.Order{ID: "altmarkt/1/000000000007", Parking: "altmarkt", Lane: "exit-1", Command: "open", Why: "w", By: "A1", At: morning, State: gatehouse.Done, Source: gatehouse.Machine}
	incident := gatehouse.Incident{
		ID: id.New[id.Incident](morning).String(), Parking: "altmarkt", Class: "X2", Detail: "d", At: morning, Reservation: rsv.String(), Session: ses.String(), ReadAt: &morning, ReadBy: "a@b.example", ReadNote: "n",
	}
	full := wire.LaneStatus{
		Lane: "exit-1", Arm: wire.ArmUp, Arming: true, Safety: true, SafetyUnknown: true, Linked: true, Far: wire.LoopClear, HeldOpen: true, Alarm: true, Mode: "closed_to_all",
		Faults: []string{"fire"}, Display: "Halt", Waiting: morning.UnixMilli(), Direction: wire.Outward, Reversible: true, Passing: true,
	}
	minor, many, text := 4, int64(5), "openlot-edge 1"
	for name, values := range map[string][]any{
		"OwnerNow": {
			gatehouse.Overview{AsOf: morning, Parkings: []gatehouse.Parking{}, Todo: []gatehouse.Todo{}},
			gatehouse.Overview{AsOf: morning, Parkings: []gatehouse.Parking{parking, unknown}, Todo: gatehouse.Todos([]gatehouse.Parking{parking}, map[id.Parking]*gatehouse.Said{
				"altmarkt": {Lanes: []wire.LaneStatus{full}, LanesAt: morning},
			}, []gatehouse.Incident{incident}, []gatehouse.Call{
				{Parking: "altmarkt", Lane: "kiosk-1", At: morning}, {Parking: "altmarkt", Lane: "kiosk-2", At: morning, Unanswered: true, NoticedBy: "a@example.org"},
			})},
		},
		"OwnerParkingNow": {
			gatehouse.One{AsOf: morning, Parking: unknown, Lanes: []gatehouse.Lane{}, Kiosks: []gatehouse.Kiosk{}, Decisions: []gatehouse.Decision{}, Orders: []gatehouse.Order{}},
			gatehouse.One{
				AsOf: morning, Parking: parking, Lanes: []gatehouse.Lane{gatehouse.Shown(full, morning, ""), gatehouse.Shown(wire.LaneStatus{Lane: "x"}, morning, "edge_too_old")},
				Decisions: []gatehouse.Decision{decision, vague}, Orders: []gatehouse.Order{order},
				Kiosks: []gatehouse.Kiosk{
					gatehouse.KioskNow(wire.MachineStatus{Set: wire.MachineSetting{Machine: "kiosk-1", Label: "K", Languages: "de en", Cash: wire.No, Card: wire.Yes, Footer: "F"}, Held: wire.HeldVisit}, morning),
					gatehouse.KioskNow(wire.MachineStatus{Set: wire.MachineSetting{Machine: "kiosk-2"}}, morning),
				},
			},
		},
		"GateOrder":     {order, own},
		"OwnerIncident": {incident, gatehouse.Incident{ID: incident.ID, Parking: "altmarkt", Class: "lane", Detail: "d", At: morning}},
		"OwnerIncidentDetail": {
			gatehouse.Whole{Incident: incident, Rule: gatehouse.RuleOf("no such"), Timeline: []gatehouse.Moment{}, Told: []gatehouse.Told{}},
			gatehouse.Whole{
				Incident: incident, Rule: gatehouse.RuleOf("X2"), Timeline: []gatehouse.Moment{{At: morning, Source: "gate", Code: "c", Detail: "d", Decisive: true, Uncertain: &many}},
				Reservation: &gatehouse.Booking{ID: rsv.String(), State: "no_show", From: morning, To: morning}, Session: &gatehouse.Stay{ID: ses.String(), Entered: morning, Left: &morning},
				Money: []gatehouse.Money{{Kind: "capture", Amount: money.Amount{Minor: 1, Currency: "EUR"}, At: morning, Payment: id.New[id.Payment](morning).String()}},
				Told:  []gatehouse.Told{{At: morning, Channel: "mail", Template: "no_show"}},
			},
		},
		"OwnerEdge": {
			gatehouse.Edge{Parking: "altmarkt", State: gatehouse.None, Allotments: []gatehouse.Allotment{}},
			gatehouse.Edge{
				Parking: "altmarkt", State: gatehouse.Live, Since: &morning, Heard: &morning, Version: &text, Minor: &minor, Epoch: 2, AppliedSeq: 7, BehindEvents: &many, Uncertainty: &many, RevisionBehind: &many,
				Allotments: []gatehouse.Allotment{{SpaceType: "standard", Version: 1, Units: 2, Granted: 2, Until: morning}}, Lanes: 2, Started: &morning, LastFault: &vague,
			},
		},
	} {
		schema := doc.Components.Schemas[name]
		if schema == nil {
			t.Errorf("no schema %s", name)
			continue
		}
		for i, v := range values {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var plain any
			if err := json.Unmarshal(b, &plain); err != nil {
				t.Fatal(err)
			}
			if err := schema.Value.VisitJSON(plain); err != nil {
				t.Errorf("%s %d: %v\n%s", name, i, err, b)
			}
		}
	}
}
