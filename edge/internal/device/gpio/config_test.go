package gpio

import (
	"strings"
	"testing"
	"time"
)

func at(offset int) *Line { return &Line{Chip: "lane", Offset: offset} }

func TestAWiringIsCheckedAsAWhole(t *testing.T) {
	safe := Gate{
		Arming: &Line{Chip: "lane", Offset: 0, Pull: PullUp},
		Safety: &Line{Chip: "lane", Offset: 1, Pull: PullDown, ActiveLow: true},
		Button: &Line{Chip: "lane", Offset: 2, Pull: PullUp, ActiveLow: true},
		Open:   at(3), Close: at(4), OpenPulse: 300 * time.Millisecond,
	}
	if got := Check(Cdev, map[int]Gate{0: safe, 1: {Open: at(10)}}); got != nil {
		t.Errorf("a good wiring: %v", got)
	}

	safe.Arming.Pull = PullNone
	if got := Check(Periph, map[int]Gate{0: safe}); len(got) != 1 || got[0].Line != "arming" {
		t.Errorf("a pull that periph cannot set: %v", got)
	}

	wrong := Gate{
		Arming:  &Line{Chip: "lane", Offset: 0, Pull: PullUp, ActiveLow: true},
		Safety:  &Line{Chip: "lane", Offset: 1, Pull: PullDown},
		Fire:    &Line{Chip: "lane", Offset: 5, Pull: "sideways"},
		Stop:    &Line{Offset: 6},
		ArmOpen: &Line{Chip: "lane", Offset: -1},
		Button:  &Line{Chip: "lane", Offset: 7, Debounce: time.Minute},
		Close:   &Line{Chip: "lane", Offset: 3, Debounce: time.Millisecond}, Green: at(3),
		OpenPulse: 10 * time.Millisecond, ClosePulse: 5 * time.Second,
	}
	var said []string
	for _, p := range Check("sysfs", map[int]Gate{4: wrong}) {
		if p.Gate != 4 {
			t.Errorf("problem of gate %d", p.Gate)
		}
		said = append(said, p.String())
	}
	for _, want := range []string{
		`driver: "sysfs"`, "arming: if its wire is cut", "safety: if its wire is cut", `fire: the pull "sideways"`, "stop: the chip is missing",
		"arm_open: a line's offset", "button: a debounce", "open: a gate needs", "close: an output has neither", "green: line lane:3 is also close of gate 4",
		"open_pulse: a pulse lasts", "close_pulse: a pulse lasts",
	} {
		if !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("nobody said %q in\n%s", want, strings.Join(said, "\n"))
		}
	}
	if len(said) != 12 {
		t.Errorf("%d problems:\n%s", len(said), strings.Join(said, "\n"))
	}
}
