package admission

import (
	"time"

	"github.com/openlot/openlot/protocol/wire"
)

// How guessing of PINs is slowed down at a lane.
const (
	freeGuesses = 3
	firstPause  = 30 * time.Second
	longPause   = 15 * time.Minute
)

// Guard slows down who types one PIN after another at a lane. Its times are of a
// clock that nobody sets. The zero value has seen nothing.
type Guard struct {
	wrong int
	until time.Duration
}

// Blocks reports whether a PIN is not looked at now.
func (g *Guard) Blocks(now time.Duration) bool { return now < g.until }

// Note takes what was decided about a credential. A PIN that is right forgives
// nothing: it may be the guesser's own. What forgives is a quarter of an hour
// without a wrong one.
func (g *Guard) Note(shown CredentialKind, verdict wire.Reason, now time.Duration) {
	if shown != PIN || verdict != wire.RefuseUnknown {
		return
	}
	if now >= g.until+longPause {
		g.wrong = 0
	}
	g.wrong++
	pause := time.Duration(0)
	if over := g.wrong - freeGuesses; over >= 0 {
		pause = longPause
		if over < 5 { // 30 s doubled five times is longer
			pause = firstPause << over
		}
	}
	g.until = now + pause
}
