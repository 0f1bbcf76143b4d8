package app

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/wire"
)

// read has the camera of an entry read a plate.
func (k *atKiosk) read(gate int, plate string) {
	k.t.Helper()
	k.board.send(device.Event{Gate: gate, Kind: device.Credential, Medium: device.Plate, Text: plate})
	k.board.toldAt(gate)
}

// A walk-in whose plate the camera read is found by it, as it was read and with one
// character misread, with and without a ticket; the next one, whose plate nobody read,
// is not; and no file has the plate, nor has the cloud.
func TestAWalkInIsFoundByThePlate(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, 50)
	k.secret()
	k.start(true)
	k.board.arrive(entry1)
	k.read(entry1, "DD-OL 128")
	k.walksIn()
	k.board.arrive(entry1) // one is read, and turns away
	k.read(entry1, "PIR-XY 99")
	k.board.levels(entry1, func(in *lane.Inputs) { in.Arming = lane.Off })
	k.board.arrive(entry1) // a car of which the camera reads nothing
	k.walksIn()
	k.screen("start", "", "")
	for _, plate := range []string{"DDOL128", "dd ol 12B"} {
		if code := k.do(`"action":"find","by":"plate","text":"` + plate + `"`); code != "" {
			t.Fatal(code)
		}
		k.screen("pay", "still_to_pay", `{"currency":"EUR","minor":510}`)
		if stay := k.seen["screen"].(map[string]any)["stay"].(map[string]any); stay["lost_ticket"] != false || stay["reserved"] != false {
			t.Errorf("%v", stay)
		}
		if code := k.do(`"action":"cancel"`); code != "" {
			t.Fatal(code)
		}
		k.screen("start", "", "")
	}
	if code := k.do(`"action":"find","by":"plate","text":"DDOL129"`); code != "" {
		t.Fatal(code)
	}
	k.screen("search", "problem", `"not_found"`)
	if code := k.do(`"action":"lost"`); code != "" {
		t.Fatal(code)
	}
	k.screen("lost", "", "")
	// Long ago, as he remembers it: the plate says better.
	if code := k.do(`"action":"find_lost","plate":"DDOL128","entered_at":"` + time.Now().Add(-20*time.Hour).UTC().Format(time.RFC3339) + `"`); code != "" {
		t.Fatal(code)
	}
	found := k.screen("lost", "problem", "null")["found"].([]any)
	if len(found) != 1 {
		t.Fatalf("%d are found by the plate", len(found))
	}
	key := found[0].(map[string]any)["key"].(string)
	first := k.applied(wire.Entered, 2)[0].Session.String()
	if key != first {
		t.Fatalf("found %s, want %s", key, first)
	}
	if code := k.do(`"action":"choose","stay":"` + key + `"`); code != "" {
		t.Fatal(code)
	}
	pay := k.screen("pay", "", "")
	if stay := pay["stay"].(map[string]any); stay["lost_ticket"] != true || stay["plate"] != "DDOL128" {
		t.Errorf("%v", stay)
	}
	// The receipt has what he leaves by: nothing else tells who he is at the exit.
	for _, value := range []int64{500, 10} {
		k.put(value)
	}
	k.moves()
	k.screen("paid", "receipt", `"printed"`)
	if got := k.tickets(); !slices.Equal(got, []string{admission.TicketText(k.applied(wire.Entered, 2)[0].Session)}) {
		t.Errorf("printed %q", got)
	}
	k.stop()
	files, err := filepath.Glob(filepath.Join(k.site.dir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			continue // a socket
		}
		for _, plain := range []string{"DDOL128", "DD-OL 128", "OL12B"} {
			if bytes.Contains(raw, []byte(plain)) {
				t.Errorf("%s has the plate", filepath.Base(f))
			}
		}
	}
	// What is kept outlasts a start.
	k.plug(50)
	k.start(false)
	k.agent.rec.View(func(s *admission.State) {
		g, ok := s.Sight("DDOL128")
		plated := 0
		for _, ses := range s.Sessions {
			if g.Is(ses.Plate) {
				plated++
			} else if ses.Plate != (credential.Hash{}) {
				t.Errorf("%s has a plate that nobody read", ses.ID)
			}
		}
		if !ok || plated != 1 {
			t.Errorf("%d stays have the plate", plated)
		}
	})
}

// secret gives the parking a key of plates.
func (k *atKiosk) secret() {
	now := time.Now()
	k.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: 10, Parts: 1, Entries: []wire.Entry{k.guest}, GateKey: []byte(strings.Repeat("k", 32)),
		Keys:       []wire.PassKey{{ID: k.key.Public().ID, Public: k.key.Public().Public}},
		Allotments: []wire.Allotment{{SpaceType: "standard", Version: 1, Units: 5, Until: now.Add(time.Hour).Unix()}},
		Policy:     &wire.Policy{EarlyEntry: 900},
		Prices:     &wire.Prices{Name: "Altmarkt", Zone: "Europe/Berlin", Editions: []wire.Edition{{Document: []byte(kioskTariff)}}},
	})
}

// walksIn lets in who stands at the first entry.
func (k *atKiosk) walksIn() {
	k.t.Helper()
	k.board.show(entry1, "")
	k.board.opened(entry1)
	k.board.toldAt(entry1)
	k.board.driveThrough(entry1)
}
