package app

import (
	"context"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/id"
)

// entrance is the way from a kiosk to the lane that it stands at. The kiosk asks, once
// for each ticket, and goes on; the lane's own loop decides, journals and opens.
type entrance struct {
	asked   id.Session // that the lane was asked for, in this run
	asks    chan id.Session
	answers chan *kiosk.Issued
	answer  *kiosk.Issued // that has not been stepped with yet
}

func newEntrance() entrance {
	return entrance{asks: make(chan id.Session, 1), answers: make(chan *kiosk.Issued)}
}

// entrance is what the machine may know of its lane.
func (k *takings) entrance(now time.Time) kiosk.Entrance {
	e := kiosk.Entrance{
		Fresh: id.New[id.Session](now), Text: admission.TicketText,
		In: func(i id.Session) (in bool) {
			k.a.rec.View(func(s *admission.State) { _, in = s.Sessions[i] })
			return in
		},
	}
	if g := k.a.gate(k.cfg.Lane); g != nil {
		l := g.shown.Load()
		e.Here = l.Linked && l.Direction == admission.Entry
	}
	return e
}

// askLane asks for a ticket what was not asked for in this run.
func (k *takings) askLane(s id.Session) {
	if k.lane.asked == s {
		return
	}
	select {
	case k.lane.asks <- s:
		k.lane.asked = s
	default: // the one before is not answered yet: again at the next look
	}
}

// runEntrance brings what is asked to the lane until ctx ends.
func (k *takings) runEntrance(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-k.lane.asks:
			answer := &kiosk.Issued{Session: s, Why: kiosk.NoTickets}
			if g := k.a.gate(k.cfg.Lane); g != nil {
				var answered bool
				if answer.Why, answered = g.askTicket(ctx, s); !answered {
					return // the next start finds what the journal says
				}
			}
			select {
			case k.lane.answers <- answer:
			case <-ctx.Done():
				return
			}
		}
	}
}

// issued steps with the lane's answer, again until it is written down.
func (k *takings) issued() {
	if k.lane.answer != nil && k.step(kiosk.Input{Issued: k.lane.answer}) == "" {
		k.lane.answer = nil
	}
}

// ticketAsk is a kiosk's wish for a ticket.
type ticketAsk struct {
	session id.Session
	done    chan kiosk.Refusal
}

// askTicket has the lane's loop let a walk-in in under a session, and waits for what
// came of it. answered is false when ctx ended before.
func (g *gate) askTicket(ctx context.Context, s id.Session) (why kiosk.Refusal, answered bool) {
	if len(g.signals) >= cap(g.signals)/2 {
		return kiosk.LaneBusy, true // what waits is older than the wish; the board's events have room
	}
	ask := &ticketAsk{s, make(chan kiosk.Refusal, 1)}
	select {
	case g.signals <- signal{ticket: ask}:
	case <-ctx.Done():
		return "", false
	}
	select {
	case why = <-ask.done:
		return why, true
	case <-ctx.Done():
		return "", false
	}
}

// handOut lets a walk-in in who takes his ticket at a kiosk, as if he had pressed the
// lane's own button: the lane decides whether somebody stands there and may be let
// through, admission whether there is room, and the arm opens when it is journalled. A
// session that is known is not decided again. Nothing waits for the vehicle before:
// whoever asks is there to ask again.
func (g *gate) handOut(ctx context.Context, s id.Session) kiosk.Refusal {
	known := false
	g.rec.View(func(state *admission.State) { _, known = state.Sessions[s] })
	switch {
	case known:
		return ""
	case g.lane.Direction != admission.Entry:
		return kiosk.NoTickets
	case g.state.Authorised() || g.state.Waiting():
		return kiosk.LaneBusy
	case g.state.ToOpening() != "":
		return kiosk.NoTickets
	}
	g.asking, g.said = showing{kind: lane.Pressed, ticket: s}, ""
	g.step(ctx, lane.Input{Kind: lane.Pressed})
	switch {
	case g.state.Session() == s:
		return ""
	case g.said == "" && g.state.Inputs.Arming == lane.Off:
		return kiosk.DriveUp
	default:
		return kiosk.NoTickets
	}
}
