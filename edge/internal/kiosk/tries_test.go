package kiosk

import (
	"testing"
	"time"
)

// Who guesses plates or times is slowed down, whatever he does between his tries: only
// time forgets them, one a minute.
func TestGuessingAtAKioskIsSlow(t *testing.T) {
	for _, between := range []string{"", "cancel", "find"} {
		b := newBench(t)
		guess := func() Refusal {
			b.taps++
			return b.step(Input{Do: &Action{Screen: b.m.Screen, Key: time.Duration(b.taps).String(), Name: "find", By: ByPlate, Text: "DD-X 1"}, Miss: NotFound})
		}
		heard := 0
		for range 60 { // in a quarter of a minute each
			if guess() == "" {
				heard++
			}
			switch between {
			case "cancel":
				b.tap("cancel")
			case "find": // his own, and back
				if b.tap("find") == "" {
					b.tap("cancel")
				}
			}
			b.after(time.Second * 15)
		}
		if heard < 20 || heard > 23 {
			t.Errorf("%q: %d guesses were heard in a quarter of an hour", between, heard)
		}
		b.after(time.Hour)
		if b.m.Phase != Idle || guess() != "" {
			t.Error("guesses are never forgotten")
		}
	}
}
