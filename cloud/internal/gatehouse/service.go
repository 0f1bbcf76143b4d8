package gatehouse

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Fault codes. They are part of the API.
const (
	CodeEdgeAway        = "edge_away"
	CodeEdgeTooOld      = "edge_too_old"
	CodeLaneUnknown     = "lane_not_found"
	CodeIncidentUnknown = "incident_not_found"
	CodeInvalid         = "request_invalid"
	CodeKeyReused       = "idempotency_key_reused"
)

// Facts is what is stored of a parking as it is now.
type Facts struct {
	Parking  Parking            // without status and free spaces
	Said     *Said              // nil: nothing since the database started
	Revision uint64             // of the parking
	Labels   map[id.Lane]string // that the owner has set
}

// Page is a part of a list, the newest first.
type Page struct {
	Limit  int
	Before time.Time // zero: from the newest on
	After  string    // of those at Before, the ids that sort below it
}

// Filter says which incidents.
type Filter struct {
	Class    string
	Unread   *bool
	From, To time.Time
}

// Key is what makes an order one, however often it is asked for.
type Key struct {
	Parking      id.Parking
	Key, Request [sha256.Size]byte
}

// Who gives a command or reads an incident.
type Who struct {
	Account id.Account
	Email   string
}

// Store keeps orders and reads the rest.
type Store interface {
	Facts(ctx context.Context, ps []id.Parking, now time.Time) (map[id.Parking]*Facts, error)
	Decisions(ctx context.Context, p id.Parking, limit int) ([]Decision, error)
	Orders(ctx context.Context, p id.Parking, limit int) ([]Order, error)
	// Calls are the calls for help that stand.
	Calls(ctx context.Context, ps []id.Parking, since time.Time) ([]Call, error)
	// FindOrder is the order of a key; nil: there is none. same says whether it was asked for with
	// the same request.
	FindOrder(ctx context.Context, k Key) (o *Order, same bool, err error)
	// PutOrder stores an order and has it sent; false: its key is there already.
	PutOrder(ctx context.Context, o Order, i id.Order, by Who, k Key) (bool, error)
	// Commands are orders and what was commanded at machines.
	Commands(ctx context.Context, ps []id.Parking, page Page) ([]Order, error)
	Incidents(ctx context.Context, ps []id.Parking, f Filter, page Page) ([]Incident, error)
	// Incident is one with what belongs to it; nil: there is none.
	Incident(ctx context.Context, p id.Parking, i id.Incident, money bool) (*Whole, error)
	// ReadIncident marks it as read, unless it is; false: there is none.
	ReadIncident(ctx context.Context, p id.Parking, i id.Incident, by Who, note string, now time.Time) (bool, error)
	Edges(ctx context.Context, ps []id.Parking) ([]Edge, error)
}

// Listed shows parkings as the listing knows them.
type Listed interface {
	Show(p id.Parking) (json.RawMessage, bool)
}

// Service puts the rules to use. Its methods are safe for concurrent use.
type Service struct {
	Store  Store
	Listed Listed
	Hub    *Hub
	Now    func() time.Time
}

// Watch wakes who looks at parkings; see Hub.
func (s *Service) Watch(ps []id.Parking) (<-chan struct{}, func()) { return s.Hub.Watch(ps) }

// listed is what is taken from the listing.
type listed struct {
	Status       string    `json:"status"`
	AvailableNow *int      `json:"available_now"`
	AsOf         time.Time `json:"as_of"`
	SpaceTypes   []struct {
		Type         id.SpaceType `json:"type"`
		AvailableNow *int         `json:"available_now"`
	} `json:"space_types"`
}

// facts are parkings with what the listing says of them.
func (s *Service) facts(ctx context.Context, ps []id.Parking) (map[id.Parking]*Facts, error) {
	all, err := s.Store.Facts(ctx, ps, s.Now().UTC())
	if err != nil {
		return nil, err
	}
	for p, f := range all {
		f.Parking.Status, f.Parking.AsOf = "unknown", s.Now().UTC()
		raw, ok := s.Listed.Show(p)
		if !ok {
			continue
		}
		var l listed
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, fmt.Errorf("what the listing says of %s: %w", p, err)
		}
		f.Parking.Status, f.Parking.AvailableNow, f.Parking.AsOf = l.Status, l.AvailableNow, l.AsOf
		for _, t := range l.SpaceTypes {
			for i := range f.Parking.SpaceTypes {
				if mine := &f.Parking.SpaceTypes[i]; mine.Type == t.Type {
					mine.AvailableNow = t.AvailableNow
				}
			}
		}
	}
	return all, nil
}

// How much is shown at most.
const (
	mostTodo      = 100
	todoIncidents = 30 * 24 * time.Hour
	lastDecisions = 40
	lastOrders    = 20
)

// Overview is parkings as they are now.
func (s *Service) Overview(ctx context.Context, ps []id.Parking) (Overview, error) {
	o := Overview{AsOf: s.Now().UTC(), Parkings: []Parking{}, Todo: []Todo{}}
	all, err := s.facts(ctx, ps)
	if err != nil {
		return o, err
	}
	said := map[id.Parking]*Said{}
	for _, p := range ps {
		if f := all[p]; f != nil {
			o.Parkings, said[p] = append(o.Parkings, f.Parking), f.Said
		}
	}
	unread := true
	incidents, err := s.Store.Incidents(ctx, ps, Filter{Unread: &unread, From: o.AsOf.Add(-todoIncidents)}, Page{Limit: mostTodo})
	if err != nil {
		return o, err
	}
	calls, err := s.Store.Calls(ctx, ps, o.AsOf.Add(-CallsWithin))
	if err != nil {
		return o, err
	}
	o.Todo = Todos(o.Parkings, said, incidents, calls)
	return o, nil
}

// One is one parking with its lanes, last decisions and last orders.
func (s *Service) One(ctx context.Context, p id.Parking) (One, error) {
	o := One{AsOf: s.Now().UTC(), Lanes: []Lane{}, Kiosks: []Kiosk{}}
	all, err := s.facts(ctx, []id.Parking{p})
	if err != nil {
		return o, err
	}
	f := all[p]
	if f == nil {
		return o, ErrParkingUnknown()
	}
	o.Parking = f.Parking
	if f.Said != nil {
		for _, l := range f.Said.Lanes {
			shown := Shown(l, f.Said.LanesAt, Against(f.Parking.Edge, f.Said))
			shown.Label = f.Labels[l.Lane]
			o.Lanes = append(o.Lanes, shown)
		}
		for _, m := range f.Said.Machines {
			o.Kiosks = append(o.Kiosks, KioskNow(m, f.Said.Heard))
		}
	}
	if o.Decisions, err = s.Store.Decisions(ctx, p, lastDecisions); err != nil {
		return o, err
	}
	o.Orders, err = s.Store.Orders(ctx, p, lastOrders)
	return o, err
}

// Wish is what somebody wants a lane to do.
type Wish struct {
	Command, Why string
	Count        *int
}

func (w Wish) check() error {
	f := fault.New(fault.Invalid, CodeInvalid, "Some of what was sent cannot be used; fields says what.")
	switch {
	case !Known(w.Command) && w.Command != wire.CommandNotice:
		return f.WithField("command", "is none that a lane knows")
	case strings.TrimSpace(w.Why) == "" || len(w.Why) > wire.MaxOrderText || !utf8.ValidString(w.Why) || strings.ContainsFunc(w.Why, unicode.IsControl):
		return f.WithField("why", fmt.Sprintf("says what for, in at most %d bytes without control characters", wire.MaxOrderText))
	case (w.Count != nil) != (w.Command == "count") || w.Count != nil && (*w.Count < 0 || *w.Count > wire.MaxCount):
		return f.WithField("count", fmt.Sprintf("is how many are inside, from 0 to %d; it goes with the command count, and with no other", wire.MaxCount))
	}
	return nil
}

// Command sends an order to a lane. The same key with the same wish is the same order.
// Its faults are CodeInvalid, CodeKeyReused, CodeEdgeAway, CodeEdgeTooOld and CodeLaneUnknown: then
// nothing is sent.
func (s *Service) Command(ctx context.Context, p id.Parking, l id.Lane, w Wish, by Who, key string) (Order, error) {
	if err := w.check(); err != nil {
		return Order{}, err
	}
	k := Key{Parking: p, Key: sha256.Sum256([]byte(by.Account.String() + "\x00" + key))}
	request, err := json.Marshal([]any{p, l, w})
	if err != nil {
		return Order{}, err
	}
	k.Request = sha256.Sum256(request)
	if o, err := s.had(ctx, k); o != nil || err != nil {
		return *orNone(o), err
	}
	all, err := s.facts(ctx, []id.Parking{p})
	if err != nil {
		return Order{}, err
	}
	f := all[p]
	if f == nil {
		return Order{}, ErrParkingUnknown()
	}
	switch Against(f.Parking.Edge, f.Said) {
	case CodeEdgeAway:
		return Order{}, fault.New(fault.Conflict, CodeEdgeAway, "The edge has no line at present. Nothing was sent, and nothing will be when it is back.")
	case CodeEdgeTooOld:
		return Order{}, fault.New(fault.Conflict, CodeEdgeTooOld, "The edge's program takes no orders from afar. Update it first; nothing was sent.")
	}
	there := false
	for _, s := range f.Said.Lanes {
		there = there || s.Lane == l && w.Command != wire.CommandNotice
	}
	if w.Command == wire.CommandNotice { // its lane is a machine
		if f.Said.Minor < wire.TillSince {
			return Order{}, fault.New(fault.Conflict, CodeEdgeTooOld, "The edge's program does not know that anybody can answer a call. Update it first; nothing was sent.")
		}
		calls, err := s.Store.Calls(ctx, []id.Parking{p}, s.Now().UTC().Add(-CallsWithin))
		if err != nil {
			return Order{}, err
		}
		for _, c := range calls {
			there = there || c.Lane == l
		}
	}
	if !there {
		return Order{}, fault.New(fault.NotFound, CodeLaneUnknown, "There is no such lane here.")
	}
	now := s.Now().UTC().Truncate(time.Millisecond)
	expires := now.Add(Life)
	i := id.New[id.Order](now)
	o := Order{
		ID: i.String(), Parking: p, Lane: l, Command: w.Command, Count: w.Count, Why: w.Why, By: by.Email, At: now, Expires: &expires, State: Sent, Source: Dashboard,
		Journal: f.Said.Journal,
	}
	fresh, err := s.Store.PutOrder(ctx, o, i, by, k)
	if err != nil || fresh {
		return o, err
	}
	found, err := s.had(ctx, k) // asked for twice at once
	return *orNone(found), err
}

func orNone(o *Order) *Order {
	if o == nil {
		return &Order{}
	}
	return o
}

func (s *Service) had(ctx context.Context, k Key) (*Order, error) {
	o, same, err := s.Store.FindOrder(ctx, k)
	if err == nil && o != nil && !same {
		return nil, fault.New(fault.Invalid, CodeKeyReused, "This Idempotency-Key was used for another command. Use a fresh one for each.")
	}
	return o, err
}

// Commands lists who commanded what.
func (s *Service) Commands(ctx context.Context, ps []id.Parking, page Page) ([]Order, error) {
	return s.Store.Commands(ctx, ps, page)
}

// Incidents lists incidents.
func (s *Service) Incidents(ctx context.Context, ps []id.Parking, f Filter, page Page) ([]Incident, error) {
	return s.Store.Incidents(ctx, ps, f, page)
}

// Incident is one incident with what belongs to it; its fault is CodeIncidentUnknown.
func (s *Service) Incident(ctx context.Context, p id.Parking, i id.Incident, money bool) (Whole, error) {
	w, err := s.Store.Incident(ctx, p, i, money)
	if err != nil {
		return Whole{}, err
	}
	if w == nil {
		return Whole{}, ErrIncidentUnknown()
	}
	w.Rule = RuleOf(w.Incident.Class)
	return *w, nil
}

// Read marks an incident as read; its fault is CodeIncidentUnknown.
func (s *Service) Read(ctx context.Context, p id.Parking, i id.Incident, by Who, note string) (Incident, error) {
	there, err := s.Store.ReadIncident(ctx, p, i, by, note, s.Now().UTC())
	if err != nil {
		return Incident{}, err
	}
	if !there {
		return Incident{}, ErrIncidentUnknown()
	}
	s.Hub.Poke(p) // what this instance shows; the others hear of it from the database
	w, err := s.Incident(ctx, p, i, false)
	return w.Incident, err
}

// Edges are the edges of parkings.
func (s *Service) Edges(ctx context.Context, ps []id.Parking) ([]Edge, error) {
	return s.Store.Edges(ctx, ps)
}

// Allotment is what an edge may admit by itself.
type Allotment struct {
	SpaceType id.SpaceType `json:"space_type"`
	Version   int64        `json:"version"`
	Units     int          `json:"units"`
	Granted   int          `json:"granted"`
	Until     time.Time    `json:"until"`
}

// Edge is how an edge is.
type Edge struct {
	Parking        id.Parking  `json:"parking_id"`
	State          string      `json:"state"`
	Since          *time.Time  `json:"since"`
	Heard          *time.Time  `json:"last_word_at"`
	Version        *string     `json:"version"`
	Minor          *int        `json:"protocol_minor"`
	Epoch          int         `json:"epoch"`
	AppliedSeq     int64       `json:"applied_seq"`
	BehindEvents   *int64      `json:"behind_events"`
	Uncertainty    *int64      `json:"clock_uncertainty_ms"`
	RevisionBehind *int64      `json:"revision_behind"`
	Allotments     []Allotment `json:"allotments"`
	Lanes          int         `json:"lanes"`
	Started        *time.Time  `json:"started_at,omitempty"`
	LastFault      *Decision   `json:"last_fault,omitempty"`
}

// ErrParkingUnknown is the fault of a parking that is not there, or not the asker's.
func ErrParkingUnknown() error {
	return fault.New(fault.NotFound, "parking_not_found", "There is no such parking, or you do not work for its operator.")
}

// ErrIncidentUnknown is the fault of an incident that is not there.
func ErrIncidentUnknown() error {
	return fault.New(fault.NotFound, CodeIncidentUnknown, "There is no such incident here.")
}
