package gatehouse_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/protocol/wire"
)

// A call stands from its beginning to its end, whoever has seen it; one that is over is
// shown to nobody, and an answer is that of the call that stood then.
func TestACallStandsUntilItIsOver(t *testing.T) {
	at := time.Date(2026, 6, 11, 12, 0, 0, 0, time.UTC)
	said := func(minute int, note string) gatehouse.HelpSaid {
		return gatehouse.HelpSaid{Parking: "altmarkt", Lane: "kiosk-1", Note: note, At: at.Add(time.Duration(minute) * time.Minute)}
	}
	noticed := []gatehouse.HelpNoticed{{Parking: "altmarkt", Lane: "kiosk-1", By: "a@example.org", At: at.Add(3 * time.Minute)}}
	first := []gatehouse.HelpSaid{said(0, wire.HelpWanted), said(2, wire.HelpNoAnswer)}
	if c := gatehouse.Calls(first, nil); len(c) != 1 || !c[0].Unanswered || c[0].NoticedBy != "" {
		t.Errorf("%+v", c)
	}
	if c := gatehouse.Calls(first, noticed); len(c) != 1 || c[0].NoticedBy != "a@example.org" {
		t.Errorf("%+v", c)
	}
	first = append(first, said(5, wire.HelpOver))
	if c := gatehouse.Calls(first, noticed); len(c) != 0 {
		t.Errorf("it is over: %+v", c)
	}
	if c := gatehouse.Calls(append(first, said(20, wire.HelpWanted)), noticed); len(c) != 1 || c[0].NoticedBy != "" || c[0].Unanswered {
		t.Errorf("the second was noticed before it came: %+v", c)
	}
	if c := gatehouse.Calls([]gatehouse.HelpSaid{said(2, wire.HelpNoAnswer)}, nil); len(c) != 0 {
		t.Errorf("a call that nobody made: %+v", c)
	}
}
