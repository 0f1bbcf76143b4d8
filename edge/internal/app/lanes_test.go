package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

var gateKey = credential.Key{4, 5, 6}

// guests replaces what the cloud sends: reservations with a plate, a card and a PIN.
func (s *site) guests(plates ...string) []wire.Entry {
	var out []wire.Entry
	for _, p := range plates {
		e := s.guest
		e.Reservation = id.New[id.Reservation](time.Now())
		e.Credentials = []credential.Hash{gateKey.PIN(gateKey.Code(e.Reservation, e.Generation)), gateKey.Plate(p), gateKey.Card("card of " + p)}
		out = append(out, e)
	}
	s.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: 10, Parts: 1, Entries: out, GateKey: gateKey[:], Policy: &wire.Policy{EarlyEntry: 900},
		Keys: []wire.PassKey{{ID: s.key.Public().ID, Public: s.key.Public().Public}},
	})
	return out
}

// One pass at two lanes, at the same moment and 50 ms apart, and so a plate, a card
// and a PIN: one of the lanes opens, and the other says that it is used. Both share
// one state, whose change is on disk before the arm moves.
func TestTwoLanesOpenOnceForOnePass(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	plates := []string{"DDOL1", "DDOL3", "DDOL4", "DDOL6", "DDOL7", "DDOL9", "DDAB1", "DDAB3"}
	guests := s.guests(plates...)
	s.start(true)
	for i, g := range guests {
		show := device.Event{Kind: device.Credential}
		switch i % 4 {
		case 0:
			show.Text = s.pass(g.Reservation, 5)
		case 1:
			show.Medium, show.Text = device.Plate, plates[i]
		case 2:
			show.Medium, show.Text = device.Card, "card of "+plates[i]
		case 3:
			show.Medium, show.Text = device.PIN, gateKey.Code(g.Reservation, g.Generation)
		}
		apart := time.Duration(i/4) * 50 * time.Millisecond
		s.board.arrive(entry1)
		s.board.arrive(entry2)
		first, second := show, show
		first.Gate, second.Gate = entry1, entry2
		var both sync.WaitGroup
		both.Go(func() { s.board.send(first) })
		both.Go(func() { time.Sleep(apart); s.board.send(second) }) // the stimulus, not a wait for something
		both.Wait()
		opened := <-s.board.opens
		for range 2 {
			<-s.board.tells
		}
		s.board.stillShut()
		refused := s.applied(wire.Refused, i+1)[i]
		if refused.Reason != wire.RefusePassback || refused.Reservation != g.Reservation {
			t.Fatalf("guest %d: the other lane was answered %+v", i, refused)
		}
		if adm := s.applied(wire.Admitted, i+1)[i]; adm.Reservation != g.Reservation || adm.Lane == refused.Lane {
			t.Fatalf("guest %d: %+v", i, adm)
		}
		s.board.driveThrough(opened)
		s.applied(wire.Entered, i+1)
		s.board.levels(entry1+entry2-opened, func(in *lane.Inputs) { in.Arming = lane.Off })
	}
}

// No plate, card, PIN or pass is in a log line, in what the agent tells of itself,
// in what the cloud is told, or in a file of the edge: whether it opened, was
// refused or was throttled.
func TestNothingThatWasShownIsToldOrKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	guest := s.guests("DDOL123")[0]
	var mu sync.Mutex
	var logged bytes.Buffer
	a, err := Open(s.config(), slog.New(slog.NewJSONHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return logged.Write(b)
	}), &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	s.agent = a
	s.cloud.Wait("the sync", func(c *cloudtest.Cloud) bool { return len(c.Syncs) > 0 })
	right, pass := gateKey.Code(guest.Reservation, 1), s.pass(guest.Reservation, 5)
	shown := []device.Event{
		{Medium: device.PIN, Text: "13571357"},
		{Medium: device.PIN, Text: "24682468"},
		{Medium: device.PIN, Text: "97539753"},
		{Medium: device.PIN, Text: right}, // throttled
		{Medium: device.Plate, Text: "PIRXY987"},
		{Medium: device.Card, Text: "04a2b3c4d5e6"},
		{Text: "SOME OTHER CODE"},
		{Text: pass + "X"},
		{Medium: device.Plate, Text: "DD-OL 123"}, // opens
	}
	s.board.arrive(entry1)
	for i, e := range shown {
		e.Kind = device.Credential
		s.board.send(e)
		s.board.toldAt(entry1)
		if i == 3 {
			if got := s.applied(wire.Refused, 4)[3]; got.Reason != wire.RefuseThrottled {
				t.Errorf("the fourth PIN: %s", got.Reason)
			}
		}
	}
	s.board.opened(entry1)
	s.board.driveThrough(entry1)
	s.applied(wire.Entered, 1)
	var said strings.Builder
	for _, path := range []string{"/state", "/healthz"} {
		res, err := http.Get("http://" + a.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		said.Write(body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	inspected, err := store.Inspect(filepath.Join(s.dir, StoreFile))
	if err != nil {
		t.Fatal(err)
	}
	if inspected.Sessions != 1 {
		t.Errorf("%d sessions", inspected.Sessions)
	}
	places := map[string]string{"the log": logged.String(), "what the agent says": said.String()}
	err = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		places[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.cloud.Look(func(c *cloudtest.Cloud) {
		for _, e := range c.Applied {
			if e.Note != "" {
				t.Errorf("the cloud is told %q", e.Note)
			}
		}
	})
	if !strings.Contains(places["the log"], "decided") {
		t.Fatal("nothing was logged")
	}
	for _, e := range append(shown, device.Event{Text: "DDOL123"}) {
		for place, content := range places {
			if strings.Contains(content, e.Text) {
				t.Errorf("%q is in %s", e.Text, place)
			}
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
