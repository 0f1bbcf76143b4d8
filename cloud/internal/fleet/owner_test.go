package fleet_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/settings"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// What an owner changes reaches the edge as everything does, by the feed and a delta: the
// policy, the allotment that follows from its share and from the capacity; and who goes in
// after a tariff was changed, or took effect by the clock, pays that one.
func TestTheEdgeLivesByWhatTheOwnerChanges(t *testing.T) {
	s := newStack(t, time.Minute)
	e := s.edge(s.enroll())
	e.greet()
	if snap := e.sync(); len(snap.Allotments) != 1 || snap.Allotments[0].Units != 4 { // 20 percent of 20
		t.Fatalf("%+v", snap.Allotments)
	}
	told := func(what string, is func(wire.Sync) bool) {
		t.Helper()
		for end := time.Now().Add(limit); !is(e.sync()); {
			if time.Now().After(end) {
				t.Fatalf("the edge is not told %s", what)
			}
		}
	}
	lent := func(units uint16) func(wire.Sync) bool {
		return func(m wire.Sync) bool { return len(m.Allotments) == 1 && m.Allotments[0].Units == units }
	}
	owner := &settings.Service{
		Store: postgres.NewSettings(s.db, postgres.NewReports(s.db)), Now: time.Now,
		Capacity: &capacity.Service{Store: postgres.NewCapacity(s.db), Commits: s.committer, Now: time.Now},
	}
	edit := func(parts string) {
		t.Helper()
		if _, err := owner.ChangePolicy(t.Context(), capacity.PolicyEdit{At: altmarkt}, members(t, parts)); err != nil {
			t.Fatal(err)
		}
	}
	edit(`{"exit_grace":1260}`)
	told("the grace", func(m wire.Sync) bool { return m.Policy != nil && m.Policy.ExitGrace == 1260 })
	// What is lent is fitted by the clock, once a minute; here it is as often as it takes
	// the committer to see the change, a second at most.
	keeper := &fleet.Keeper{Store: s.db, Committer: s.committer, Log: quiet()}
	fitted := func(want int) {
		t.Helper()
		for end := time.Now().Add(limit); s.count(`select granted from allotment where parking = $1`, altmarkt) != want; {
			if err := keeper.Run(t.Context(), time.Now().UTC()); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(end) {
				t.Fatalf("%d are not granted", want)
			}
		}
	}
	edit(`{"allotment_share":50}`)
	fitted(10)
	told("the share", lent(10))
	if _, err := owner.ChangeCapacity(t.Context(), &capacity.Change{In: altmarkt, SpaceType: id.Standard, Capacity: 8}, false); err != nil {
		t.Fatal(err)
	}
	fitted(8) // no more than there is; what is beyond the share is given back later
	told("the capacity", lent(8))

	config, err := owner.Store.Config(t.Context(), altmarkt, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dear := config.Parking.Tariff
	dear.Version, dear.Rate = 2, 700
	now := time.Now().UTC()
	if _, err := owner.Adopt(t.Context(), settings.TariffEdit{At: altmarkt, Tariff: dear}); err != nil {
		t.Fatal(err)
	}
	dearer := dear
	dearer.Version, dearer.Rate = 3, 900
	if _, err := owner.Adopt(t.Context(), settings.TariffEdit{At: altmarkt, Tariff: dearer, From: now.Add(time.Hour), By: parking.Author{}}); err != nil {
		t.Fatal(err)
	}
	// Whoever goes in from now on, within the second that the committer may not know of it.
	enters := func(version int) {
		t.Helper()
		for end := time.Now().Add(limit); s.count(`select count(*) from session where parking = $1 and tariff_version = $2`, altmarkt, version) == 0; {
			if time.Now().After(end) {
				t.Fatalf("nobody pays by version %d", version)
			}
			e.enter(id.Reservation{})
			e.batch(len(e.raw)-1, len(e.raw))
			e.ack(s, uint64(len(e.raw)))
		}
	}
	enters(2)
	if n, err := postgres.NewTariffs(s.db).TakeEffect(t.Context(), altmarkt, now.Add(time.Hour)); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	enters(3)
}

func members(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}
