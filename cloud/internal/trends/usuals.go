package trends

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Hours reads what is kept of hours.
type Hours interface {
	// Zone is a parking's time zone, empty when there is no such parking.
	Zone(ctx context.Context, p id.Parking) (string, error)
	// Hours reads the hours of a span, in their order; an empty type means all.
	Hours(ctx context.Context, p id.Parking, span timerange.Range, of id.SpaceType) (Kept, error)
}

// How long what was counted is told, how soon it is tried again when it could not be read,
// and how long reading may take.
const (
	usualFor  = time.Hour
	usualTry  = time.Minute
	usualTime = 10 * time.Second

	readsAtOnce = 2
)

// Usuals tell how full parkings usually are, from memory: whoever looks, a parking is counted
// once an hour. When it cannot be, what was counted last stands. Methods are safe for
// concurrent use.
type Usuals struct {
	hours Hours
	now   func() time.Time
	once  singleflight.Group
	// Whoever looks at many parkings must not have the connections of those who book.
	reading chan struct{}

	mu sync.Mutex
	by map[id.Parking]counted
}

type counted struct {
	UsualOfParking
	until time.Time
}

// UsualOfParking is what is usual, by the clock of a zone.
type UsualOfParking struct {
	Zone  string // empty: there is no such parking
	Usual Usual
}

var errBusy = fault.New(fault.Unavailable, "database_unavailable", "Too many parkings are being counted. Ask again in a moment.")

// NewUsuals makes one over what is kept.
func NewUsuals(hours Hours, now func() time.Time) *Usuals {
	return &Usuals{hours: hours, now: now, reading: make(chan struct{}, readsAtOnce), by: map[id.Parking]counted{}}
}

// Of tells of a parking that there is.
func (u *Usuals) Of(ctx context.Context, p id.Parking) (UsualOfParking, error) {
	if c, there := u.look(p); there && u.now().Before(c.until) {
		return c.UsualOfParking, nil
	}
	got := u.once.DoChan(string(p), func() (any, error) {
		// For all who wait, whoever of them goes away.
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), usualTime)
		defer done()
		select {
		case u.reading <- struct{}{}:
			defer func() { <-u.reading }()
			return u.count(ctx, p)
		case <-ctx.Done():
			return UsualOfParking{}, errBusy
		}
	})
	select {
	case r := <-got:
		of, _ := r.Val.(UsualOfParking)
		return of, r.Err
	case <-ctx.Done():
		return UsualOfParking{}, ctx.Err()
	}
}

func (u *Usuals) look(p id.Parking) (counted, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c, there := u.by[p]
	return c, there
}

func (u *Usuals) count(ctx context.Context, p id.Parking) (UsualOfParking, error) {
	c, there := u.look(p)
	now := u.now()
	if there && now.Before(c.until) { // meanwhile
		return c.UsualOfParking, nil
	}
	of, err := u.read(ctx, p, now)
	switch {
	case err == nil:
		c = counted{of, now.Add(usualFor)}
	case there:
		c.until = now.Add(usualTry)
	default:
		return UsualOfParking{}, err
	}
	if c.Zone != "" {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.by[p] = c
	}
	return c.UsualOfParking, nil
}

func (u *Usuals) read(ctx context.Context, p id.Parking, now time.Time) (UsualOfParking, error) {
	name, err := u.hours.Zone(ctx, p)
	if err != nil || name == "" {
		return UsualOfParking{}, err
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return UsualOfParking{}, err
	}
	from, to := UsualSpan(now, zone)
	kept, err := u.hours.Hours(ctx, p, timerange.Range{From: from, To: to}, "")
	return UsualOfParking{name, UsualOf(kept.Rows, zone)}, err
}
