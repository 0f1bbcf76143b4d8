package twin

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/openlot/openlot/firmware-bridge/board"
)

// Who waits shows and presses nothing, passes when somebody else has the arm opened, and is
// known by the plate when leaving with what the twin has never seen.
func TestWhoWaitsPassesWhenSomebodyElseOpens(t *testing.T) {
	tw := start(t, 50, GateConfig{Name: "in"}, GateConfig{Name: "out", Exit: true})
	events := make(chan board.Event, 64)
	a := connect(t, tw, nil, func(c *board.Client, e board.Event) {
		if e.Kind == board.Credential && e.Gate == 1 {
			if err := c.Pulse(context.Background(), 1, board.Open, 500*time.Millisecond); err != nil {
				t.Error(err)
			}
		}
		select {
		case events <- e:
		default:
		}
	})
	s := serve(t, tw)
	var v Vehicle
	if _, _, body := do(t, "POST", s.URL+"/gates/in/vehicles", `{"waits":true,"plate":"DD-AB 1","patience_ms":600000}`); json.Unmarshal(body, &v) != nil || v.Outcome != Waiting {
		t.Fatalf("%s", body)
	}
	for e := range events {
		if e.Kind == board.Credential || e.Inputs.Has(board.Button) {
			t.Fatalf("it asks: %+v", e)
		}
		if e.Kind == board.InputsChanged && e.Gate == 0 && e.Inputs.Has(board.Arming) {
			break
		}
	}
	for v.Outcome == Waiting { // the machine has the arm opened, again if it was too early
		if err := a.Pulse(t.Context(), 0, board.Open, 500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if _, _, body := do(t, "GET", s.URL+"/vehicles/"+v.ID+"?wait=200ms", ""); json.Unmarshal(body, &v) != nil {
			t.Fatalf("%s", body)
		}
	}
	if m := tw.snapshot(t); v.Outcome != Passed || v.CredentialToOpen != 0 || len(m.Inside) != 1 {
		t.Errorf("%+v, inside %+v", v, m.Inside)
	}
	if _, _, body := do(t, "POST", s.URL+"/gates/out/vehicles", `{"credential":"T-1","plate":"DD-AB 1"}`); json.Unmarshal(body, &v) != nil {
		t.Fatalf("%s", body)
	}
	for v.Outcome == Waiting {
		if _, _, body := do(t, "GET", s.URL+"/vehicles/"+v.ID+"?wait=5s", ""); json.Unmarshal(body, &v) != nil {
			t.Fatalf("%s", body)
		}
	}
	if m := tw.snapshot(t); v.Outcome != Passed || len(m.Inside) != 0 {
		t.Errorf("%+v, inside %+v", v, m.Inside)
	}
}
