package board

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/openlot/openlot/firmware-bridge/smp"
	"github.com/openlot/openlot/protocol/fault"
)

// received is an event with what the board still holds.
type received struct {
	Event
	oldest uint32
}

// Run says hello, then passes every event to handle, in order and once, and
// acknowledges it when handle has returned. handle may call the Client. Run
// returns when ctx ends (its cause) or the link is lost (ErrLinkLost); the port
// is closed then and every call under way has failed. A client runs once.
//
// An event whose handle was interrupted by the end of Run comes again from the
// next Client on the same board, as long as the board has not restarted.
func (c *Client) Run(ctx context.Context, handle func(Event)) error {
	if !c.started.CompareAndSwap(false, true) {
		return errRunTwice
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	// Closing the port is what wakes the reader and a writer that is stuck.
	stop := context.AfterFunc(ctx, func() { _ = c.port.Close() })
	defer func() {
		close(c.down)
		if stop() {
			_ = c.port.Close()
		}
		cancel(nil)
		wg.Wait()
	}()

	events := make(chan received, EventWindow)
	c.touch()
	wg.Go(func() { cancel(c.receive(events)) })

	c.mu.Lock()
	c.session = rand.Uint32() | 1 //nolint:gosec // no secret
	begin := HelloRequest{Session: c.session}
	c.mu.Unlock()
	hello, info, err := c.hello(ctx, smp.Write, begin)
	if err != nil {
		return lost(ctx, err)
	}
	c.mu.Lock()
	c.info = info
	c.mu.Unlock()
	close(c.up)
	c.log.Info("board found", "board", info.ID, "firmware", info.Firmware, "gates", info.Gates)

	wg.Go(func() { c.watch(ctx, cancel) })

	next := hello.Oldest // the event to come
	for {
		select {
		case <-ctx.Done():
			return lost(ctx, nil)
		case e := <-events:
			if ctx.Err() != nil {
				return lost(ctx, nil)
			}
			next = c.dispatch(e, next, handle)
		}
	}
}

// dispatch handles the event if it is the one to come and tells which is next.
func (c *Client) dispatch(e received, next uint32, handle func(Event)) uint32 {
	if boot := c.boot(); e.Boot != boot {
		if e.Seq != e.oldest {
			return next // comes again after what is older than it
		}
		c.mu.Lock()
		c.info.Boot = e.Boot
		c.mu.Unlock()
		c.log.Warn("board restarted")
		if e.Kind != Restarted {
			handle(Event{Boot: e.Boot, Uptime: e.Uptime, Gate: -1, Kind: Restarted})
		}
		next = e.Seq
	}
	next = max(next, e.oldest) // the board has forgotten what was before
	if e.Seq > next {
		return next // one before it was damaged; both come again
	}
	if e.Seq == next {
		if c.known(e.Event) {
			handle(e.Event)
		}
		next++
	}
	if err := c.acknowledge(e.Boot, next-1); err != nil {
		c.log.Debug("acknowledgement not sent", "err", err)
	}
	return next
}

// known says whether an event is for this client's user. One that is not is
// acknowledged all the same, or it would stop all others.
func (c *Client) known(e Event) bool {
	c.mu.Lock()
	gates := c.info.Gates
	c.mu.Unlock()
	switch e.Kind {
	case Restarted:
		return true
	case InputsChanged, Credential, Fault:
		if e.Gate >= 0 && e.Gate < gates {
			return true
		}
	}
	c.log.Warn("event not understood", "kind", e.Kind.String(), "gate", e.Gate)
	return false
}

func (c *Client) acknowledge(boot, seq uint32) error {
	b, err := Encode(Ack{Boot: boot, Seq: seq})
	if err != nil {
		return err
	}
	return c.send(smp.Packet{Op: smp.Write, Group: Group, Seq: uint8(seq), ID: CmdAck, Payload: b})
}

// receive reads packets until the port fails. Events that find no room are
// dropped: the board sends them again.
func (c *Client) receive(events chan<- received) error {
	dec := smp.NewDecoder(c.port)
	greeted := false // what stood on the line before our hello's answer is stale
	for {
		p, err := dec.Next()
		if err != nil {
			return fault.Wrap(err, ErrLinkLost.Kind, ErrLinkLost.Code, ErrLinkLost.Detail)
		}
		if p.Group != Group {
			continue
		}
		c.touch()
		if p.IsResponse() {
			greeted = c.resolve(p) && p.ID == CmdHello || greeted
			continue
		}
		if p.ID != CmdEvent || p.Op != smp.Write || !greeted {
			continue
		}
		var m EventMessage
		if err := Decode(p.Payload, &m); err != nil {
			c.log.Warn("event not readable", "err", err)
			continue
		}
		e, err := event(m)
		if err != nil {
			c.log.Warn("event not readable", "err", err)
			continue
		}
		select {
		case events <- received{e, m.Oldest}:
		default:
		}
	}
}

func (c *Client) touch() { c.heard.Store(int64(time.Since(c.epoch))) }

// watch asks a silent board whether it is there and ends the run if it is not.
func (c *Client) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	timer := time.NewTimer(c.keepalive)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		silent := time.Since(c.epoch) - time.Duration(c.heard.Load())
		if silent >= c.keepalive {
			if _, _, err := c.hello(ctx, smp.Read, nil); errors.Is(err, ErrTimeout) || errors.Is(err, ErrLinkLost) {
				cancel(fault.Wrap(err, ErrLinkLost.Kind, ErrLinkLost.Code, ErrLinkLost.Detail))
				return
			}
			silent = 0
		}
		timer.Reset(c.keepalive - silent)
	}
}

// lost is why Run ends: the cause of ctx if it has ended, else err.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, ErrTimeout) {
		return fault.Wrap(err, ErrLinkLost.Kind, ErrLinkLost.Code, ErrLinkLost.Detail)
	}
	return err
}
