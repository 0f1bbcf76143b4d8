package crash

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/protocol/money"
)

var errDied = errors.New("the process has died")

// wire is all that a process sends: to the database and to the payment provider. It
// is counted, and at the nth all connections are cut: the process has died.
type wire struct {
	life context.Context //nolint:containedctx // of the process
	die  context.CancelFunc

	mu    sync.Mutex
	conns map[*conn]bool
	armed bool
	left  int    // until the cut
	after bool   // it takes effect, but its answer is not read
	lives bool   // the process does: only its connections are cut
	at    string // what was cut; empty: nothing yet
}

func newWire() *wire {
	w := &wire{conns: map[*conn]bool{}}
	w.life, w.die = context.WithCancel(context.Background())
	return w
}

// arm has everything cut at the nth thing that the process sends from now on.
func (w *wire) arm(nth int, after, lives bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.left, w.after, w.lives, w.at = true, nth, after, lives, ""
}

// disarm says what was cut; nothing is from now on.
func (w *wire) disarm() (at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	return w.at
}

func (w *wire) dead() bool { return w.life.Err() != nil }

// now reports whether what is about to be sent is cut.
func (w *wire) now(what string) (before, after bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.armed || w.at != "" {
		return false, false
	}
	w.left--
	if w.left != 0 {
		return false, false
	}
	w.at = what
	return !w.after, w.after
}

// cut cuts all connections.
func (w *wire) cut() {
	if !w.lives {
		w.die()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Conn.Close() // it is cut, whatever it says
	}
	clear(w.conns)
}

// dial connects to the database.
func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if w.dead() {
		return nil, errDied
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out := &conn{Conn: c, w: w}
	w.conns[out] = true
	return out, nil
}

// conn is a connection to the database. Whatever is written at once is one message,
// or several that have one effect: what ends it makes the server act. One that is given
// up is read to its end beside whoever read it before.
type conn struct {
	net.Conn
	w     *wire
	ready atomic.Bool // it has been told once that the server waits for a statement
	last  atomic.Bool // what was written last is answered, and nobody reads that
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.w.mu.Lock()
	delete(c.w.conns, c)
	c.w.mu.Unlock()
	return c.Conn.Close()
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if c.w.dead() {
		return 0, errDied
	}
	if b[0] == terminate {
		return c.Conn.Write(b) // it says goodbye, whenever it likes to
	}
	before, after := c.w.now("a statement")
	if before {
		c.w.cut()
		return 0, errDied
	}
	if after {
		c.last.Store(true)
	}
	return c.Conn.Write(b)
}

// terminate is how the last message of a connection begins.
const terminate = 'X'

// readyForQuery is how the server's answer begins to end; the state of the
// transaction follows.
var readyForQuery = []byte{'Z', 0, 0, 0, 5}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	tail := b[:n]
	for c.last.Load() && err == nil && c.ready.Load() && !answered(tail) {
		// What was sent has taken effect when all of the answer is here.
		more := make([]byte, 4096)
		n, err = c.Conn.Read(more)
		tail = append(bytes.Clone(tail[max(0, len(tail)-8):]), more[:n]...)
	}
	if c.last.Swap(false) {
		c.w.cut()
		return 0, errDied
	}
	if answered(tail) {
		c.ready.Store(true)
	}
	return n, err
}

func answered(b []byte) bool {
	end := len(readyForQuery) + 1
	return len(b) >= end && bytes.HasPrefix(b[len(b)-end:], readyForQuery)
}

// line is the process's way to the payment provider, which is another company's.
type line struct {
	*sandbox.Provider
	w *wire
}

func send[T any](w *wire, what string, do func() (T, error)) (T, error) {
	var none T
	if w.dead() {
		return none, payment.ErrNoAnswer
	}
	before, after := w.now("a call: " + what)
	if before {
		w.cut()
		return none, payment.ErrNoAnswer
	}
	out, err := do()
	if after {
		w.cut()
		return none, payment.ErrNoAnswer
	}
	return out, err
}

// Authorize implements payment.Provider.
func (l line) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	return send(l.w, "hold", func() (payment.Outcome, error) { return l.Provider.Authorize(ctx, r) })
}

// Confirm implements payment.Provider.
func (l line) Confirm(ctx context.Context, ref, key string) (payment.Outcome, error) {
	return send(l.w, "confirm", func() (payment.Outcome, error) { return l.Provider.Confirm(ctx, ref, key) })
}

// Capture implements payment.Provider.
func (l line) Capture(ctx context.Context, ref string, a money.Amount, key string) (payment.Outcome, error) {
	return send(l.w, "capture", func() (payment.Outcome, error) { return l.Provider.Capture(ctx, ref, a, key) })
}

// Increment implements payment.Incrementer.
func (l line) Increment(ctx context.Context, ref string, to money.Amount, key string) (payment.Outcome, error) {
	return send(l.w, "increment", func() (payment.Outcome, error) { return l.Provider.Increment(ctx, ref, to, key) })
}

// Void implements payment.Provider.
func (l line) Void(ctx context.Context, ref, key string) (payment.Outcome, error) {
	return send(l.w, "void", func() (payment.Outcome, error) { return l.Provider.Void(ctx, ref, key) })
}

// Find implements payment.Provider.
func (l line) Find(ctx context.Context, key string) (payment.Outcome, error) {
	return send(l.w, "find", func() (payment.Outcome, error) { return l.Provider.Find(ctx, key) })
}

// SaveMethod implements payment.Saver.
func (l line) SaveMethod(ctx context.Context, r payment.SaveRequest) (payment.Saved, error) {
	return send(l.w, "save", func() (payment.Saved, error) { return l.Provider.SaveMethod(ctx, r) })
}

// FindSaved implements payment.Saver.
func (l line) FindSaved(ctx context.Context, key string) (payment.Saved, error) {
	return send(l.w, "find saved", func() (payment.Saved, error) { return l.Provider.FindSaved(ctx, key) })
}

// Refund implements payment.Refunder.
func (l line) Refund(ctx context.Context, r payment.RefundRequest) (payment.Refund, error) {
	return send(l.w, "refund", func() (payment.Refund, error) { return l.Provider.Refund(ctx, r) })
}

// FindRefund implements payment.Refunder.
func (l line) FindRefund(ctx context.Context, hold, key string) (payment.Refund, error) {
	return send(l.w, "find refund", func() (payment.Refund, error) { return l.Provider.FindRefund(ctx, hold, key) })
}

// mortal is the process's committer: who waits for it dies with it.
type mortal struct {
	commit.Committer
	w *wire
}

// Commit implements commit.Committer.
func (m mortal) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(m.w.life, func() { cancel(errDied) })
	defer stop()
	return m.Committer.Commit(ctx, op)
}
