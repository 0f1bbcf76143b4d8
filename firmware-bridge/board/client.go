package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openlot/openlot/firmware-bridge/smp"
	"github.com/openlot/openlot/protocol/fault"
)

const (
	defaultTimeout   = 250 * time.Millisecond
	defaultKeepalive = 2 * time.Second
	retries          = 3
	// span is how many sequence numbers may lie between the oldest request under
	// way and the newest. A board remembers twice as many, so however long a
	// request had to be repeated, it is still remembered.
	span         = 16
	writeTimeout = time.Second
)

// Client talks to one board over one port. Run must be running for the other
// calls to be answered; they wait for its hello and may come from any number
// of goroutines.
type Client struct {
	port      io.ReadWriteCloser
	log       *slog.Logger
	timeout   time.Duration
	keepalive time.Duration

	turn    chan struct{}       // held by the call that waits for a number
	numbers [span]chan struct{} // held by the call under way with that number modulo span
	started atomic.Bool
	up      chan struct{} // closed after the first hello
	down    chan struct{} // closed when Run is about to return
	heard   atomic.Int64  // when the last packet came, as time since epoch
	epoch   time.Time

	writing sync.Mutex
	out     []byte // of the writer that holds writing

	seq uint8 // of the newest call; belongs to who holds turn

	mu      sync.Mutex // guards what follows
	calls   map[uint8]call
	session uint32
	info    Info
}

// call is a request that waits for its answer.
type call struct {
	op     smp.Op
	id     uint8
	answer chan []byte // room for one
}

// Option changes how a Client behaves.
type Option func(*Client)

// WithTimeout sets how long a request waits before it is sent again. It is
// 250 ms unless set.
func WithTimeout(d time.Duration) Option { return func(c *Client) { c.timeout = d } }

// WithKeepalive sets after how long a silence the board is asked whether it is
// there. It is 2 s unless set.
func WithKeepalive(d time.Duration) Option { return func(c *Client) { c.keepalive = d } }

// New makes a client. It owns port from now on; Run closes it.
func New(port io.ReadWriteCloser, log *slog.Logger, opts ...Option) *Client {
	c := &Client{
		port: port, log: log.With("component", "board"),
		timeout: defaultTimeout, keepalive: defaultKeepalive,
		turn: make(chan struct{}, 1), up: make(chan struct{}), down: make(chan struct{}),
		epoch: time.Now(), seq: uint8(rand.Uint32()), calls: make(map[uint8]call), //nolint:gosec // no secret
	}
	for i := range c.numbers {
		c.numbers[i] = make(chan struct{}, 1)
	}
	for _, o := range opts {
		o(c)
	}
	return c
}

// Hello asks the board who it is and which boot it is in.
func (c *Client) Hello(ctx context.Context) (Info, error) {
	if err := c.ready(ctx); err != nil {
		return Info{}, err
	}
	_, info, err := c.hello(ctx, smp.Read, nil)
	return info, err
}

// Pulse switches an output on for d, 300 to 1000 ms; the board switches it off
// by itself. It returns when the board has done so or refused.
func (c *Client) Pulse(ctx context.Context, gate int, o Output, d time.Duration) error {
	if d < MinPulse || d > MaxPulse {
		return ErrRange
	}
	return c.setOutput(ctx, SetOutput{Gate: gate, Output: o, On: true, LeaseMs: millis(d), Pulse: true})
}

// Set switches an output on until the lease, 100 ms to 10 s, ends without
// another Set, or switches it off, where lease does not matter. Close is only
// ever a pulse and cannot be held.
func (c *Client) Set(ctx context.Context, gate int, o Output, on bool, lease time.Duration) error {
	if !on {
		return c.setOutput(ctx, SetOutput{Gate: gate, Output: o})
	}
	if lease < MinLease || lease > MaxLease || o == Close {
		return ErrRange
	}
	return c.setOutput(ctx, SetOutput{Gate: gate, Output: o, On: true, LeaseMs: millis(lease)})
}

func millis(d time.Duration) uint32 { return uint32(d.Milliseconds()) }

func (c *Client) setOutput(ctx context.Context, m SetOutput) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	m.Boot = c.boot()
	return c.command(ctx, smp.Write, CmdSetOutput, m, nil)
}

// Inputs reads the levels of a gate's inputs.
func (c *Client) Inputs(ctx context.Context, gate int) (Inputs, error) {
	if err := c.ready(ctx); err != nil {
		return Inputs{}, err
	}
	var r InputsResponse
	if err := c.command(ctx, smp.Read, CmdGetInputs, GetInputs{Gate: gate}, &r); err != nil {
		return Inputs{}, err
	}
	return Inputs{Active: r.Active & r.Valid & allInputs, Valid: r.Valid & allInputs}, nil
}

// Present shows a sentence of at most 120 bytes to the driver at a gate and,
// unless ticket is empty, hands a ticket out.
func (c *Client) Present(ctx context.Context, gate int, text, ticket string) error {
	if len(text) > MaxText || len(ticket) > MaxCredential {
		return ErrRange
	}
	if err := c.ready(ctx); err != nil {
		return err
	}
	return c.command(ctx, smp.Write, CmdPresent, Present{Boot: c.boot(), Gate: gate, Text: text, Ticket: ticket}, nil)
}

// ready waits for the first hello.
func (c *Client) ready(ctx context.Context) error {
	select {
	case <-c.down:
		return ErrLinkLost
	default:
	}
	select {
	case <-c.up:
		return nil
	case <-c.down:
		return ErrLinkLost
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) boot() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info.Boot
}

// hello sends a hello and checks the answer. A session answers only its own
// hello, so a stale answer on the line is not taken for this one.
func (c *Client) hello(ctx context.Context, op smp.Op, begin any) (HelloResponse, Info, error) {
	var r HelloResponse
	if err := c.command(ctx, op, CmdHello, begin, &r); err != nil {
		return r, Info{}, err
	}
	if r.Boot == 0 || r.Gates < 1 || r.Gates > MaxGates || len(r.ID) > MaxName || len(r.Firmware) > MaxName {
		return r, Info{}, fault.Wrap(fmt.Errorf("boot %d, %d gates", r.Boot, r.Gates), fault.Internal, ErrRefused.Code, ErrRefused.Detail)
	}
	return r, Info{ID: r.ID, Firmware: r.Firmware, Gates: r.Gates, Boot: r.Boot}, nil
}

// command sends one request, again and unchanged while no answer comes, and
// decodes the answer into response unless that is nil.
func (c *Client) command(ctx context.Context, op smp.Op, id uint8, request, response any) error {
	var payload []byte
	if request != nil {
		var err error
		if payload, err = Encode(request); err != nil {
			return fmt.Errorf("encode %T: %w", request, err)
		}
	}
	answer := make(chan []byte, 1)
	seq, err := c.enlist(ctx, call{op: op + 1, id: id, answer: answer})
	if err != nil {
		return err
	}
	defer c.delist(seq)

	wait := time.NewTimer(c.timeout)
	defer wait.Stop()
	for try := 0; ; try++ {
		if err := c.send(smp.Packet{Op: op, Group: Group, Seq: seq, ID: id, Payload: payload}); err != nil {
			return err
		}
		wait.Reset(c.timeout)
		select {
		case b := <-answer:
			return read(b, response)
		case <-ctx.Done():
			return ctx.Err()
		case <-c.down:
			return ErrLinkLost
		case <-wait.C:
			if try == retries {
				return ErrTimeout
			}
			c.log.Debug("no answer, asking again", "command", id, "attempt", try+1)
		}
	}
}

func read(b []byte, response any) error {
	if len(b) == 0 {
		if response != nil {
			return ErrRefused
		}
		return nil
	}
	var r Refusal
	if err := Decode(b, &r); err != nil {
		return fault.Wrap(err, fault.Internal, ErrRefused.Code, ErrRefused.Detail)
	}
	if r.Err.Code != 0 {
		return refusal(r.Err)
	}
	if response == nil {
		return nil
	}
	if err := Decode(b, response); err != nil {
		return fault.Wrap(err, fault.Internal, ErrRefused.Code, ErrRefused.Detail)
	}
	return nil
}

// enlist gives a call the next sequence number, when the call that is span
// numbers before it is over. Calls get theirs one after the other, so none
// overtakes one that waits.
func (c *Client) enlist(ctx context.Context, k call) (uint8, error) {
	if err := c.acquire(ctx, c.turn); err != nil {
		return 0, err
	}
	defer func() { <-c.turn }()
	next := c.seq + 1
	if err := c.acquire(ctx, c.numbers[next%span]); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq = next
	c.calls[next] = k
	return next, nil
}

func (c *Client) acquire(ctx context.Context, token chan<- struct{}) error {
	select {
	case token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.down:
		return ErrLinkLost
	}
}

func (c *Client) delist(seq uint8) {
	c.mu.Lock()
	delete(c.calls, seq)
	c.mu.Unlock()
	<-c.numbers[seq%span]
}

// resolve hands an answer to the call that waits for it and tells whether one
// did.
func (c *Client) resolve(p smp.Packet) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.calls[p.Seq]
	if !ok || k.op != p.Op || k.id != p.ID {
		return false
	}
	if p.ID == CmdHello && p.Op == smp.WriteResponse {
		var r HelloResponse
		if Decode(p.Payload, &r) == nil && r.Boot != 0 && r.Session != c.session {
			return false // an answer to the agent that was here before
		}
	}
	select {
	case k.answer <- p.Payload:
	default: // it has one already
	}
	return true
}

// send writes one packet at once.
func (c *Client) send(p smp.Packet) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	b, err := smp.AppendFrames(c.out[:0], p)
	if err != nil {
		return err
	}
	c.out = b
	if d, ok := c.port.(interface{ SetWriteDeadline(time.Time) error }); ok {
		if err := d.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
			return fault.Wrap(err, ErrLinkLost.Kind, ErrLinkLost.Code, ErrLinkLost.Detail)
		}
	}
	for len(b) > 0 {
		n, err := c.port.Write(b)
		if err != nil {
			return fault.Wrap(err, ErrLinkLost.Kind, ErrLinkLost.Code, ErrLinkLost.Detail)
		}
		if n == 0 {
			return fault.Wrap(io.ErrShortWrite, ErrLinkLost.Kind, ErrLinkLost.Code, ErrLinkLost.Detail)
		}
		b = b[n:]
	}
	return nil
}

var errRunTwice = errors.New("a board client runs once")
