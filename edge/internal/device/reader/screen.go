package reader

import (
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/protocol/credential"
)

// Bounds on what reaches a lane from one reader.
const (
	MaxText   = 700 // bytes, as of a board's reader
	perSecond = 5
	burst     = 10
	remembers = 4 // texts, for repetitions
)

// Outcome is what becomes of a text.
type Outcome uint8

// The outcomes.
const (
	Passed   Outcome = iota // goes to the lane
	Repeated                // was read a moment ago
	Junk                    // cannot be such a credential
	Unsure                  // a plate read with too little confidence
	TooMany                 // more than a driver can show
	Busy                    // the lane has no room

	outcomes
)

func (o Outcome) String() string {
	return [...]string{"passed", "repeated", "junk", "unsure", "too_many", "busy"}[o]
}

// Screen decides what is passed on. It is pure: it is told the time.
type Screen struct {
	Medium      device.Medium
	RepeatAfter time.Duration
	Confidence  float64 // least, of a plate

	seen   [remembers]seen
	next   int
	spent  float64 // of burst
	filled time.Time
}

type seen struct {
	text string
	at   time.Time
}

// Take decides about a text. Confidence is 1 where the reader does not say it.
func (s *Screen) Take(text string, confidence float64, now time.Time) (string, Outcome) {
	if !s.plausible(text) {
		return "", Junk
	}
	if s.Medium == device.Plate {
		normal, ok := credential.NormalPlate(text)
		if !ok {
			return "", Junk
		}
		if !(confidence >= s.Confidence) { // not a number is unsure, too
			return "", Unsure
		}
		text = normal
	}
	for _, old := range s.seen {
		if old.text == text && now.Sub(old.at) < s.RepeatAfter && !now.Before(old.at) {
			return "", Repeated
		}
	}
	s.spent = max(0, s.spent-perSecond*max(0, now.Sub(s.filled).Seconds()))
	s.filled = now
	if s.spent > burst-1 {
		return "", TooMany
	}
	s.spent++
	s.seen[s.next] = seen{text, now}
	s.next = (s.next + 1) % remembers
	return text, Passed
}

// Forget undoes the memory of the text that was passed last: the lane did not take
// it, so that the next reading of it is no repetition.
func (s *Screen) Forget() { s.seen[(s.next+remembers-1)%remembers] = seen{} }

func (s *Screen) plausible(text string) bool {
	if text == "" || len(text) > MaxText || !utf8.ValidString(text) {
		return false
	}
	digits := 0
	for _, c := range text {
		if unicode.IsControl(c) || c == utf8.RuneError {
			return false
		}
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return s.Medium != device.PIN || digits == len(text) && digits <= 2*credential.PINDigits
}
