package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// nowEvery is the least time between two events of a stream about what is now.
const nowEvery = time.Second

// asOf are the members that say when something was so. They alone are no change.
var asOf = regexp.MustCompile(`"(as_of|last_word_at)":("[^"]*"|null)`)

// now answers with what read says, once or whenever it has changed. may is whether
// whoever asks still may: a stream ends with his session or his role.
func (s *server) now(c *gin.Context, ps []id.Parking, may func(context.Context, account.Principal) error, read func(context.Context) (any, error)) error {
	if !accepts(c, "text/event-stream") {
		ctx, cancel := bounded(c)
		defer cancel()
		v, err := read(ctx)
		if err != nil {
			return err
		}
		answer(c, http.StatusOK, v)
		return nil
	}
	leave, err := s.owners.take(from(c))
	if err != nil {
		return err
	}
	defer leave()
	changed, unwatch := s.Gatehouse.Watch(ps) // before it is read, so that no change falls in between
	defer unwatch()
	ctx := c.Request.Context()
	text, same, err := s.readNow(ctx, read)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not collect it
	c.Status(http.StatusOK)
	w := &eventWriter{c.Writer, http.NewResponseController(c.Writer)}
	if !w.write(retry()) || !w.write(nowEvent(text)) {
		return nil
	}
	n := &nowStream{s: s, c: c, w: w, may: may, read: read, sent: same}
	return n.run(ctx, changed)
}

// readNow is what read says, and the part of it that counts as a change.
func (s *server) readNow(ctx context.Context, read func(context.Context) (any, error)) (text, same []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	v, err := read(ctx)
	if err != nil {
		return nil, nil, err
	}
	if text, err = json.Marshal(v); err != nil {
		return nil, nil, err
	}
	return text, asOf.ReplaceAll(text, nil), nil
}

func nowEvent(text []byte) []byte { return fmt.Appendf(nil, "event: now\ndata: %s\n\n", text) }

// nowStream is one stream after its first event.
type nowStream struct {
	s       *server
	c       *gin.Context
	w       *eventWriter
	may     func(context.Context, account.Principal) error
	read    func(context.Context) (any, error)
	sent    []byte
	failing time.Time
}

func (n *nowStream) run(ctx context.Context, changed <-chan struct{}) error {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	next := time.NewTimer(nowEvery) // until then changes wait
	defer next.Stop()
	stopping, leave := n.s.Stopping, (<-chan time.Time)(nil)
	calm, waits := false, false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-stopping:
			notice := n.s.Drain / 4                                              // as those of reservations
			stopping, leave = nil, time.After(notice+rand.N(n.s.Drain-notice+1)) //nolint:gosec // only spreads clients over time
			continue
		case <-leave:
			n.w.write(retry())
			return nil
		case <-beat.C:
			if !n.w.write([]byte(": still here\n\n")) {
				return nil
			}
			waits = true // what only the clock changes, and whether the session still is
		case <-changed:
			waits = true
		case <-next.C:
			calm = true
		}
		if !calm || !waits {
			continue
		}
		calm, waits = false, false
		next.Reset(nowEvery)
		if goOn, err := n.tell(ctx); !goOn || err != nil {
			return err
		}
	}
}

// tell sends what has changed; false: the stream is over.
func (n *nowStream) tell(ctx context.Context) (bool, error) {
	p, err := n.s.Accounts.Still(ctx, cookieOf(n.c.Request))
	if err == nil && p.Account.IsZero() {
		return false, nil
	}
	var text, same []byte
	if err == nil {
		err = n.may(ctx, p)
		if f := fault.From(err); f != nil && (f.Kind == fault.NotFound || f.Kind == fault.Forbidden || f.Kind == fault.Unauthenticated) {
			return false, nil
		}
	}
	if err == nil {
		text, same, err = n.s.readNow(ctx, n.read)
	}
	switch {
	case err == nil:
		n.failing = time.Time{}
	case n.failing.IsZero():
		n.failing = time.Now()
		return true, nil
	default:
		return time.Since(n.failing) <= outage, nil
	}
	if bytes.Equal(same, n.sent) {
		return true, nil
	}
	n.sent = same
	return n.w.write(nowEvent(text)), nil
}
