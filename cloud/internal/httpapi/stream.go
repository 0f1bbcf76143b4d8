package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// CodeTooManyStreams is the fault code when no further stream may be opened.
const CodeTooManyStreams = "too_many_streams"

const (
	heartbeat = 15 * time.Second
	// stuck is how long a write may take before the client is given up.
	stuck = 10 * time.Second
	// calm is the least time between two readings of one stream: what comes in
	// quick succession is told once.
	calm = 100 * time.Millisecond
	// outage is how long a stream outlives a database that is away.
	outage = time.Minute
)

// streamReservation sends the reservation at once and after every change, until
// nothing can change any more, the client goes or the process stops. One that a
// session opened tells nothing once that has ended, and ends.
func (s *server) streamReservation(c *gin.Context, r id.Reservation, bySession bool) error {
	leavePlace, err := s.drivers.take(from(c))
	if err != nil {
		return err
	}
	defer leavePlace()
	ctx := c.Request.Context()
	v, err := s.Booking.Get(ctx, r)
	if err != nil {
		return err
	}
	// Watched before it is read again, so that no change falls in between.
	changed, unwatch := s.Watcher.WatchReservation(v.Reservation.Parking, r)
	defer unwatch()
	if v, err = s.Booking.Get(ctx, r); err != nil {
		return err
	}
	if over(&v) && c.GetHeader("Last-Event-ID") == eventID(&v) {
		c.Status(http.StatusNoContent) // tells a browser to stop reconnecting
		c.Writer.WriteHeaderNow()
		return nil
	}
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not collect it
	c.Status(http.StatusOK)
	w := &eventWriter{c.Writer, http.NewResponseController(c.Writer)}
	if !w.write(retry()) || !w.event(&v) {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	sent, failing := eventID(&v), time.Time{}
	stopping, leave := s.Stopping, (<-chan time.Time)(nil)
	for !over(&v) {
		select {
		case <-ctx.Done():
			return nil
		case <-stopping:
			// As those of the listing: not before a balancer may have seen it, and not
			// all at once.
			notice := s.Drain / 4
			stopping, leave = nil, time.After(notice+rand.N(s.Drain-notice+1)) //nolint:gosec // only spreads clients over time
			continue
		case <-leave:
			w.write(retry())
			return nil
		case <-beat.C:
			if bySession {
				if ended, err := s.sessionEnded(c, r); err == nil && ended {
					return nil
				}
			}
			if !w.write([]byte(": still here\n\n")) {
				return nil
			}
			if failing.IsZero() {
				continue
			}
		case <-changed:
		}
		next, err := s.Booking.Get(ctx, r)
		if err == nil && bySession && eventID(&next) != sent {
			var ended bool
			if ended, err = s.sessionEnded(c, r); err == nil && ended {
				return nil
			}
		}
		switch {
		case err == nil:
			v, failing = next, time.Time{}
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > outage:
			return err
		}
		if now := eventID(&v); now != sent {
			if !w.event(&v) {
				return nil
			}
			sent = now
		}
		if !pause(ctx.Done()) {
			return nil
		}
	}
	return nil
}

// sessionEnded reports whether the session of a request does not open the reservation any
// more; an error is none of its end.
func (s *server) sessionEnded(c *gin.Context, r id.Reservation) (bool, error) {
	p, err := s.Accounts.Still(c.Request.Context(), cookieOf(c.Request))
	if err == nil {
		err = s.owns(c, p, r, account.ErrNotLoggedIn())
	}
	if fault.Code(err) == account.CodeNotLoggedIn {
		return true, nil
	}
	return false, err
}

// pause waits for a moment and reports whether to go on.
func pause(gone <-chan struct{}) bool {
	t := time.NewTimer(calm)
	defer t.Stop()
	select {
	case <-gone:
		return false
	case <-t.C:
		return true
	}
}

// retry says when to come back, to each client at another time.
func retry() []byte {
	return fmt.Appendf(nil, "retry: %d\n\n", 1000+rand.IntN(2000)) //nolint:gosec // only spreads clients over time
}

// over reports whether nothing about the reservation can change any more.
func over(v *booking.View) bool {
	owes := v.Owed != nil && v.Owed.Minor > 0 || v.Debt != nil && !v.Debt.State.Final()
	return v.Reservation.State.Final() && v.Payment.State.Final() && !owes
}

// eventID names a state of the reservation and its payments.
func eventID(v *booking.View) string {
	switch {
	case v.Debt != nil:
		return fmt.Sprintf("%d-%d-%s-%d", v.Reservation.Version, v.Payment.Version, v.Debt.ID, v.Debt.Version)
	case v.Change != nil:
		return fmt.Sprintf("%d-%d-%d", v.Reservation.Version, v.Payment.Version, v.Change.Version)
	}
	return fmt.Sprintf("%d-%d", v.Reservation.Version, v.Payment.Version)
}

type eventWriter struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (e *eventWriter) event(v *booking.View) bool {
	data, err := json.Marshal(reservationAnswer(v, false))
	if err != nil {
		return false
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %s\nevent: reservation\ndata: %s\n\n", eventID(v), data)
	return e.write(b.Bytes())
}

// write sends and reports whether the client is still there.
func (e *eventWriter) write(b []byte) bool {
	_ = e.rc.SetWriteDeadline(time.Now().Add(stuck)) // not supported by test recorders
	if _, err := e.w.Write(b); err != nil {
		return false
	}
	return e.rc.Flush() == nil
}

// stopping reports whether the process is about to stop.
func (s *server) stopping() bool {
	select {
	case <-s.Stopping:
		return true
	default:
		return false
	}
}
