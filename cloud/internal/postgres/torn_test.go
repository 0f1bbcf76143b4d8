package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
)

// overtaken is a release that somebody else has made between its reading of the
// reservation and its reading of the day.
type overtaken struct {
	give
	once     sync.Once
	overtake func()
}

func (o *overtaken) Apply(w *commit.Work, now time.Time) error {
	if _, err := w.Reservation(o.res); err != nil {
		return err
	}
	o.once.Do(o.overtake)
	return o.give.Apply(w, now)
}

// Rows of different instants are no reason to tell anybody that more was
// released than was claimed.
func TestAReleaseThatIsOvertakenIsDoneAlready(t *testing.T) {
	db, dsn := postgrestest.New(t)
	now := time.Now().UTC()
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 1))
	c, rival := newCommitter(t, db), newCommitter(t, db)
	taken := &take{at: "north", res: id.New[id.Reservation](now), key: "k1", window: window(now.Add(time.Hour), 4)}
	if _, err := c.Commit(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	op := &overtaken{give: give{"north", taken.res}, overtake: func() {
		if _, err := rival.Commit(t.Context(), &give{"north", taken.res}); err != nil {
			t.Error(err)
		}
	}}
	if _, err := c.Commit(t.Context(), op); err != nil {
		t.Errorf("it was released by somebody else: %v", err)
	}
	owner := postgrestest.Owner(t, dsn)
	checkInventory(t, owner, "north", 1)
	checkFeed(t, owner, "north")
}
