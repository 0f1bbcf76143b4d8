package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// KioskConfig is a machine that takes money.
type KioskConfig struct {
	ID        id.Lane
	Label     string
	Languages []wire.Language
	Help      string
	Allow     []netip.Prefix // that may reach it beside this machine
	Cash      KioskDevice[kiosk.Cash]
	Card      KioskDevice[kiosk.Card]
	Printer   KioskDevice[kiosk.Printer]
	Lane      id.Lane      // at which it stands, and whose arm opens for its tickets; or empty
	World     http.Handler // in front of devices that are simulated; or nil
	Staff     []KioskStaff // that can unlock the screen
	Shifts    bool         // cash is taken only while one of them has a shift open
}

// KioskDevice carries out orders, each once, and reports. Both return at once.
type KioskDevice[R any] interface {
	Order(o kiosk.Order) error
	Report() R
}

// kioskLook is how often the devices of a kiosk are looked at.
const kioskLook = 100 * time.Millisecond

// takings drives a kiosk: one goroutine steps its state, has it written down, and
// then does what it wants.
type takings struct {
	cfg  KioskConfig
	a    *Agent
	log  *slog.Logger
	asks chan kioskAsk
	seen chan seenCall
	lane entrance

	m      kiosk.Machine // only Run's
	saved  []byte
	failed bool
	local  uint64 // changes that nothing was written down for
	said   string // what failed last of a device
	unread bool   // what was kept cannot be read: nothing is done, and it stays as it is
	broken bool   // the last look ended in a bug

	streams atomic.Int32

	mu      sync.Mutex
	shown   []byte        // the newest State, as JSON
	same    []byte        // of it, what tells whether it has changed
	version [2]uint64     // of it, and its screen
	changed chan struct{} // closed when there is another
	book    *till.Book
	of      *wire.Prices // what book was made of
	grace   uint32
	since   int64               // of the edition that is in force
	status  *wire.MachineStatus // as beats tell it; nil: it is stopped

	beat func() // something is to be told
}

type kioskAsk struct {
	action kiosk.Action
	answer chan kioskAnswer
}

type kioskAnswer struct {
	refused         kiosk.Refusal
	version, screen uint64
}

func newTakings(cfg KioskConfig, a *Agent) *takings {
	return &takings{cfg: cfg, a: a, log: a.log.With("component", "kiosk"), asks: make(chan kioskAsk), seen: make(chan seenCall), changed: make(chan struct{}), lane: newEntrance()}
}

// run works until ctx ends. Nothing that is wrong with the machine is an error of run:
// the gates go on without it.
func (k *takings) run(ctx context.Context) error {
	if err := k.load(); err != nil {
		k.unread = true
		k.log.Error("the kiosk is stopped", "err", err)
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { k.runEntrance(ctx) })
	tick := time.NewTicker(kioskLook)
	defer tick.Stop()
	for {
		k.look()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case ask := <-k.asks:
			k.answer(ask)
		case c := <-k.seen:
			k.notice(c)
		case k.lane.answer = <-k.lane.answers:
		}
	}
}

// load takes the state up that was written down.
func (k *takings) load() error {
	var raw []byte
	k.a.rec.View(func(s *admission.State) { raw = bytes.Clone(s.Machine) })
	if len(raw) == 0 {
		return nil
	}
	var m kiosk.Machine
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("what the kiosk kept cannot be read: %w", err)
	}
	k.m, k.saved = m, raw
	return nil
}

// look steps with what the devices report, and shows what has become of it.
func (k *takings) look() {
	switch {
	case k.unread:
		k.survives(func() { k.fails("shut", k.cfg.Cash.Order(kiosk.Order{Kind: kiosk.OrderShut})) })
	case k.survives(k.reports):
		k.broken = false
		return
	default:
		k.broken = true
	}
	k.survives(k.show)
}

// reports steps with what the devices report.
func (k *takings) reports() {
	cash, card, printer := k.cfg.Cash.Report(), k.cfg.Card.Report(), k.cfg.Printer.Report()
	k.issued()
	for _, in := range []kiosk.Input{{Cash: &cash}, {Card: &card}, {Printer: &printer}} {
		_ = k.step(in) // nothing is refused but actions, and what fails is tried again at the next look
	}
	k.show()
}

// answer steps with an action.
func (k *takings) answer(ask kioskAsk) {
	refused := kiosk.StoreFailed
	if !k.stopped() {
		k.survives(func() {
			refused = k.act(&ask.action)
			k.show()
		})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	ask.answer <- kioskAnswer{refused, k.version[0], k.version[1]}
}

func (k *takings) act(a *kiosk.Action) kiosk.Refusal {
	in := kiosk.Input{Do: a}
	switch a.Name {
	case "find":
		in.Found, in.Miss = k.find(a.By, a.Text)
	case "find_lost":
		in.Found, in.Miss = k.lost(a)
	}
	return k.step(in)
}

// step is one step: written down with what is journalled, in one commit, before a
// device is told anything.
func (k *takings) step(in kiosk.Input) kiosk.Refusal {
	next, events, refused := kiosk.Step(k.m, in, k.env())
	if refused != "" && !refused.Changes() {
		return refused
	}
	raw, err := json.Marshal(next)
	if err == nil && (len(events) > 0 || !bytes.Equal(raw, k.saved)) {
		next.Version++
		k.local = 0
		if raw, err = json.Marshal(next); err == nil {
			_, err = k.a.rec.record(func(*admission.State, admission.Time) []admission.Fact {
				facts := []admission.Fact{{Machine: raw}}
				for _, e := range events {
					facts = append(facts, admission.Fact{Event: e})
				}
				return facts
			})
		}
	}
	if k.failed = err != nil; k.failed {
		k.fails("the store", err)
		return kiosk.StoreFailed
	}
	k.m, k.saved = next, raw
	for _, o := range k.m.Wants() {
		switch o.Kind {
		case kiosk.OrderCharge, kiosk.OrderCancel:
			err = k.cfg.Card.Order(o)
		case kiosk.OrderPrint:
			err = k.cfg.Printer.Order(o)
		case kiosk.OrderTicket:
			k.askLane(o.Session)
			err = nil
		default:
			err = k.cfg.Cash.Order(o)
		}
		k.fails(string(o.Kind), err)
	}
	return refused
}

// fails says once that something fails.
func (k *takings) fails(what string, err error) {
	if err == nil {
		return
	}
	if text := what + ": " + err.Error(); text != k.said {
		k.said = text
		k.log.Error("a device of the kiosk fails", "what", what, "err", err)
	}
}

// env is what the machine may know.
func (k *takings) env() kiosk.Env {
	now, mono := k.a.rec.clock.Stamp()
	at := now.Wall
	if now.Hi.IsZero() {
		at = now.Lo // nobody pays for our doubt
	}
	e := kiosk.Env{
		Now: at, Mono: mono, Lane: k.cfg.ID, Zone: time.UTC, Fresh: [2]id.Payment{id.New[id.Payment](at), id.New[id.Payment](at)},
		Price: func(s id.Session) (till.Ask, error) { return k.price(s, at) },
		Shift: id.New[id.Shift](at), Spare: [2]id.Payment{id.New[id.Payment](at), id.New[id.Payment](at)}, Shifts: k.cfg.Shifts,
	}
	e.Set, _ = k.settings()
	if len(k.cfg.Staff) > 0 {
		e.Staff = k.isStaff
	}
	e.Entrance, e.Shops = k.entrance(at), k.shops(now.Hi)
	if b := k.prices(at); b != nil {
		present, _ := b.Present(at)
		e.Walk, e.Zone, e.Money = b.Walk(), b.Zone(), present.Currency
	}
	return e
}

// prices are the tariffs, nil while there are none that can be used. They are opened
// anew when another edition comes into force: it may be one that cannot be read.
func (k *takings) prices(now time.Time) *till.Book {
	var p *wire.Prices
	var grace uint32
	k.a.rec.View(func(s *admission.State) { p, grace = s.Prices, s.Policy.ExitGrace })
	if p == nil {
		return nil
	}
	since := int64(-1)
	for _, e := range p.Editions {
		if e.Since <= now.UnixMilli() {
			since = max(since, e.Since)
		}
	}
	if k.of == p && k.grace == grace && k.since == since {
		return k.book
	}
	k.of, k.grace, k.since, k.book = p, grace, since, nil
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		zone = k.a.cfg.Zone
	}
	b, err := till.Open(p, time.Duration(grace)*time.Second, zone, now)
	k.fails("the prices", err)
	k.book = b
	return b
}

// errNotInside says that a stay has ended.
var errNotInside = errors.New("the stay is not inside")

// price asks for a stay.
func (k *takings) price(i id.Session, now time.Time) (till.Ask, error) {
	book := k.prices(now)
	if book == nil {
		return till.Ask{}, till.ErrNoPrice
	}
	stay, err := k.stay(i)
	if err != nil {
		return till.Ask{}, err
	}
	ask, err := book.Ask(stay, now)
	if present, _ := book.Present(now); err == nil && ask.Total.Currency != present.Currency {
		err = fmt.Errorf("%w: %w", till.ErrNoPrice, money.ErrCurrency)
	}
	return ask, err
}

// stay is one that is inside, as it is priced.
func (k *takings) stay(i id.Session) (stay till.Stay, err error) {
	err = errNotInside
	k.a.rec.View(func(s *admission.State) {
		ses, ok := s.Sessions[i]
		if !ok || ses.Phase == admission.Entering {
			return
		}
		stay, err = stayOf(s, ses)
	})
	return stay, err
}

// stayOf is a session as it is priced.
func stayOf(s *admission.State, ses admission.Session) (till.Stay, error) {
	if ses.Entered == 0 || ses.Orphan {
		return till.Stay{}, fmt.Errorf("%w: when it came in is not known", till.ErrNoPrice)
	}
	out := till.Stay{SpaceType: ses.SpaceType, EnteredAt: time.UnixMilli(ses.Entered).UTC()}
	for _, p := range ses.Payments {
		pay := till.Payment{At: time.UnixMilli(p.At).UTC(), Amount: p.Amount, Shop: p.Shop, Slip: p.Slip}
		if p.Until > 0 {
			pay.Until = time.UnixMilli(p.Until).UTC()
		}
		out.Payments = append(out.Payments, pay)
	}
	if !ses.Reservation.IsZero() {
		e, ok := s.Entries[ses.Reservation]
		if !ok {
			return out, fmt.Errorf("%w: its reservation is not known here", till.ErrNoPrice)
		}
		out.Entry = &e
	}
	return out, nil
}

// find looks for the stays that fit what was shown or typed.
func (k *takings) find(by kiosk.By, text string) ([]kiosk.Found, kiosk.Refusal) {
	if by == kiosk.ByPlate {
		return k.findPlate(text)
	}
	c := k.a.rec.read(device.Code, text)
	switch c.Kind {
	case admission.Ticket:
		found := k.inside(func(_ *admission.State, ses admission.Session) bool { return ses.ID == c.Session }, nil)
		if len(found) == 0 {
			return nil, kiosk.NotInside
		}
		return found, ""
	case admission.Genuine:
		if c.Pass.Parking != k.a.cfg.Parking {
			return nil, kiosk.WrongParking
		}
		found := k.inside(func(_ *admission.State, ses admission.Session) bool { return ses.Reservation == c.Pass.Reservation }, nil)
		if len(found) == 0 {
			return nil, kiosk.NotInside
		}
		return found, ""
	default:
		return nil, kiosk.NotReadable
	}
}

// inside are the stays that fit, the oldest first.
func (k *takings) inside(fits func(*admission.State, admission.Session) bool, with func(*kiosk.Found)) (out []kiosk.Found) {
	k.a.rec.View(func(s *admission.State) {
		for _, ses := range s.Sessions {
			if ses.Phase == admission.Entering || ses.Orphan || !fits(s, ses) {
				continue
			}
			f := kiosk.Found{
				Session: ses.ID, Reservation: ses.Reservation, Lane: ses.Lane, EnteredAt: time.UnixMilli(ses.Entered).UTC(),
				Uncertain: ses.Entered-ses.Since > time.Minute.Milliseconds(),
			}
			if e, ok := s.Entries[ses.Reservation]; ok && !ses.Reservation.IsZero() {
				f.From, f.To = e.Window()
			}
			if with != nil {
				with(&f)
			}
			out = append(out, f)
		}
	})
	slices.SortFunc(out, func(x, y kiosk.Found) int { return x.EnteredAt.Compare(y.EnteredAt) })
	return out
}
