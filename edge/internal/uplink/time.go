package uplink

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/topic"
	"github.com/openlot/openlot/protocol/wire"
)

// timeSince is the minor version from which on a cloud answers questions for the
// time.
const timeSince = 2

// asking is where the questions for the time of one welcome stand.
type asking struct {
	speaks bool       // the cloud answers such questions
	nonce  wire.Nonce // of the newest question, zero when it is answered
	mono   time.Duration
	at     time.Time     // when to ask next
	wait   time.Duration // how long for an answer
	hold   time.Time     // until then events wait for the first answer
}

// askTime asks what time it is, when that is due.
func (s *session) askTime(now time.Time) error {
	if !s.ask.speaks || now.Before(s.ask.at) {
		return nil
	}
	if _, err := rand.Read(s.ask.nonce[:]); err != nil {
		return err
	}
	s.ask.wait = min(max(2*s.ask.wait, s.cfg.Timing.Welcome), s.cfg.Timing.Ask)
	s.ask.at = now.Add(s.ask.wait)
	b, err := wire.Marshal(&wire.AskTime{Edge: s.cfg.Edge, Nonce: s.ask.nonce})
	s.ask.mono = s.clock.Mono()
	return s.publish(topic.AskTime, b, err)
}

// askSoon asks again at once when the time is not known: the key that signs it may
// have just come.
func (s *session) askSoon() {
	if s.ask.speaks && !s.clock.Known() {
		s.ask.at = time.Now()
	}
}

// onTime takes the answer to the newest question. Any other may have been kept by
// somebody, and says nothing.
func (s *session) onTime(t *wire.Time) error {
	if s.ask.nonce.IsZero() || t.Nonce != s.ask.nonce {
		return nil
	}
	asked := s.clock.Mono() - s.ask.mono
	if err := s.clock.Answered(t, asked); err != nil {
		// A key that has not come yet, or a forgery: the question is asked again.
		s.log.Warn("the cloud's time was refused", "code", "time_refused", "err", err)
		return nil
	}
	s.ask.nonce, s.ask.wait, s.ask.at = wire.Nonce{}, 0, time.Now().Add(s.cfg.Timing.Ask)
	return nil
}

// holding reports that events wait a moment longer for the time: with it the cloud
// can place what happened before it was known.
func (s *session) holding(now time.Time) bool {
	return s.ask.speaks && now.Before(s.ask.hold) && !s.clock.Known()
}

// found is the first mark of a boot, after some event, that was looked for.
type found struct {
	boot  id.Boot
	seq   uint64 // of the mark, or the last that was looked at
	event *wire.Event
	raw   []byte
}

// markFor is the encoded time mark, later in the journal than the events of a
// batch, that places those of them that nothing in the batch does; nil when there
// is none, or none is needed.
func (s *session) markFor(batch [][]byte) ([]byte, error) {
	var vague []wire.Event
	var last uint64
	for _, raw := range batch {
		e, err := wire.Unmarshal[wire.Event](raw)
		if err != nil {
			return nil, nil //nolint:nilerr // the cloud puts it on record
		}
		last = e.Seq
		for len(vague) > 0 && vague[0].Places(&e) {
			vague = vague[1:]
		}
		if e.Vague() {
			vague = append(vague, e)
		}
	}
	if len(vague) == 0 {
		return nil, nil
	}
	newest := &vague[len(vague)-1]
	if s.mark.boot != newest.Boot || s.mark.event != nil && s.mark.seq <= last {
		s.mark = found{boot: newest.Boot}
	}
	s.mark.seq = max(s.mark.seq, last)
	for s.mark.event == nil {
		some, err := s.journal.Pending(s.mark.seq, wire.MaxBatch, batchBytes)
		if err != nil || len(some) == 0 {
			return nil, err
		}
		for _, raw := range some {
			e, err := wire.Unmarshal[wire.Event](raw)
			if err != nil {
				return nil, errors.Join(err, errors.New("the journal holds what cannot be read"))
			}
			s.mark.seq = e.Seq
			if newest.Places(&e) {
				s.mark.event, s.mark.raw = &e, raw
				break
			}
		}
	}
	return s.mark.raw, nil
}
