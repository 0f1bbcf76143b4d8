package postgres_test

import (
	"testing"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/id"
)

// What is said last for a reservation counts for it and for no other, and nothing is
// kept for one that there is not.
func TestWhatIsSaidOfRemindersIsKept(t *testing.T) {
	n := newNumbered(t, "E1", "E2")
	r, other := n.sold(0, 2), n.sold(0, 2)
	s := postgres.NewReminders(n.db)
	want := func(r id.Reservation, w *account.Reminders) {
		t.Helper()
		got, err := s.Reminders(t.Context(), "north", r)
		if err != nil || (got == nil) != (w == nil) || w != nil && *got != *w {
			t.Fatalf("%+v, %v, want %+v", got, err, w)
		}
	}
	want(r.ID, nil)
	for _, w := range []account.Reminders{{Mail: true}, {Mail: true}, {SMS: true}, {}} {
		if err := s.Remind(t.Context(), "north", r.ID, w); err != nil {
			t.Fatal(err)
		}
		want(r.ID, &w)
	}
	want(other.ID, nil)
	if err := s.Remind(t.Context(), "north", id.New[id.Reservation](n.start), account.Reminders{}); err == nil {
		t.Fatal("kept for a reservation that there is not")
	}
}
