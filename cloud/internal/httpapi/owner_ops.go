package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/gatehouse"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// Gatehouse is what is looked after from afar.
type Gatehouse interface {
	Watch(ps []id.Parking) (<-chan struct{}, func())
	Overview(ctx context.Context, ps []id.Parking) (gatehouse.Overview, error)
	One(ctx context.Context, p id.Parking) (gatehouse.One, error)
	Command(ctx context.Context, p id.Parking, l id.Lane, w gatehouse.Wish, by gatehouse.Who, key string) (gatehouse.Order, error)
	Commands(ctx context.Context, ps []id.Parking, page gatehouse.Page) ([]gatehouse.Order, error)
	Incidents(ctx context.Context, ps []id.Parking, f gatehouse.Filter, page gatehouse.Page) ([]gatehouse.Incident, error)
	Incident(ctx context.Context, p id.Parking, i id.Incident, money bool) (gatehouse.Whole, error)
	Read(ctx context.Context, p id.Parking, i id.Incident, by gatehouse.Who, note string) (gatehouse.Incident, error)
	Edges(ctx context.Context, ps []id.Parking) ([]gatehouse.Edge, error)
}

// opsRoutes are those behind the pages about what is now: lanes, commands, incidents, edges.
func (s *server) opsRoutes(r *gin.Engine, get func(string, gin.HandlerFunc)) {
	if s.Gatehouse == nil {
		return
	}
	get("/owner/now", s.as(s.ownerNow))
	get("/owner/parkings/:id/now", s.as(s.ownerParkingNow))
	r.POST("/owner/parkings/:id/lanes/:lane/commands", s.as(s.commandLane))
	get("/owner/commands", s.as(s.listCommands))
	get("/owner/incidents", s.as(s.listIncidents))
	get("/owner/parkings/:id/incidents/:incident", s.as(s.getIncident))
	r.POST("/owner/parkings/:id/incidents/:incident/read", s.as(s.readIncident))
	get("/owner/edges", s.as(s.listEdges))
}

// lookedAfter are the parkings that somebody works for: all, those of an operator, or one.
func (s *server) lookedAfter(ctx context.Context, p account.Principal, operator, parking string) ([]id.Parking, error) {
	var of id.Operator
	if operator != "" {
		var err error
		if of, err = id.Parse[id.Operator](operator); err != nil {
			return nil, fault.New(fault.NotFound, account.CodeOperatorUnknown, "There is no such operator, or you do not work for it.")
		}
	}
	found, err := s.Accounts.Parkings(ctx, p, of)
	if err != nil {
		return nil, err
	}
	out := []id.Parking{}
	for _, o := range found {
		out = append(out, o.Parkings...)
	}
	if parking != "" {
		if !slices.Contains(out, id.Parking(parking)) {
			return nil, gatehouse.ErrParkingUnknown()
		}
		return []id.Parking{id.Parking(parking)}, nil
	}
	slices.Sort(out)
	return out, nil
}

// mayDo is nil when somebody may do something at a parking. Of one that he does not work
// for he hears as of one that is not there.
func (s *server) mayDo(ctx context.Context, p account.Principal, a account.Action, parking string) (id.Parking, error) {
	found, err := s.Accounts.Parkings(ctx, p, id.Operator{})
	if err != nil {
		return "", err
	}
	of := account.Object{}
	for _, o := range found {
		if slices.Contains(o.Parkings, id.Parking(parking)) {
			of = account.Object{Operator: o.Operator, Exists: true}
		}
	}
	return id.Parking(parking), account.Decide(p, a, of).Refusal(gatehouse.ErrParkingUnknown())
}

func (s *server) whoIs(ctx context.Context, p account.Principal) (gatehouse.Who, error) {
	a, err := s.Accounts.Me(ctx, p.Account)
	return gatehouse.Who{Account: p.Account, Email: a.Email}, err
}

func (s *server) ownerNow(c *gin.Context, p account.Principal, _ account.Login) error {
	if err := knownQuery(c, "operator"); err != nil {
		return err
	}
	operator := c.Query("operator")
	ps, err := s.lookedAfter(c.Request.Context(), p, operator, "")
	if err != nil {
		return err
	}
	return s.now(c, ps,
		func(ctx context.Context, p account.Principal) error {
			still, err := s.lookedAfter(ctx, p, operator, "")
			if err == nil && !slices.Equal(still, ps) { // whoever comes back sees the others
				err = gatehouse.ErrParkingUnknown()
			}
			return err
		},
		func(ctx context.Context) (any, error) { return s.Gatehouse.Overview(ctx, ps) })
}

func (s *server) ownerParkingNow(c *gin.Context, p account.Principal, _ account.Login) error {
	if err := knownQuery(c); err != nil {
		return err
	}
	at, err := s.mayDo(c.Request.Context(), p, account.ViewParkings, c.Param("id"))
	if err != nil {
		return err
	}
	return s.now(c, []id.Parking{at},
		func(ctx context.Context, p account.Principal) error {
			_, err := s.mayDo(ctx, p, account.ViewParkings, string(at))
			return err
		},
		func(ctx context.Context) (any, error) { return s.Gatehouse.One(ctx, at) })
}

func (s *server) commandLane(c *gin.Context, p account.Principal, _ account.Login) error {
	ctx, cancel := bounded(c)
	defer cancel()
	at, err := s.mayDo(ctx, p, account.CommandGates, c.Param("id"))
	if err != nil {
		return err
	}
	lane, err := id.ParseLane(c.Param("lane"))
	if err != nil {
		return fault.New(fault.NotFound, gatehouse.CodeLaneUnknown, "There is no such lane here.")
	}
	k, err := key(c)
	if err == nil {
		err = booking.CheckKey(k)
	}
	if err != nil {
		return err
	}
	var w gatehouse.Wish
	var count json.RawMessage
	if err := readBody(c, object{
		texts: map[string]*string{"command": &w.Command, "why": &w.Why}, parts: map[string]*json.RawMessage{"count": &count}, required: []string{"command", "why"},
	}, nil); err != nil {
		return err
	}
	if count != nil {
		w.Count = new(int)
		if json.Unmarshal(count, w.Count) != nil {
			return fault.New(fault.Invalid, gatehouse.CodeInvalid, "Some of what was sent cannot be used; fields says what.").WithField("count", "must be a whole number")
		}
	}
	by, err := s.whoIs(ctx, p)
	if err != nil {
		return err
	}
	o, err := s.Gatehouse.Command(ctx, at, lane, w, by, k)
	if err != nil {
		return err
	}
	answer(c, http.StatusAccepted, struct {
		Order gatehouse.Order `json:"order"`
	}{o})
	return nil
}

func (s *server) listCommands(c *gin.Context, p account.Principal, _ account.Login) error {
	ctx, cancel := bounded(c)
	defer cancel()
	ps, page, err := s.page(ctx, c, p, aCommand)
	if err != nil {
		return err
	}
	found, err := s.Gatehouse.Commands(ctx, ps, page)
	if err != nil {
		return err
	}
	found, next := paged(found, page, func(o gatehouse.Order) (time.Time, string) { return o.At, o.ID })
	answer(c, http.StatusOK, struct {
		Commands []gatehouse.Order `json:"commands"`
		Next     string            `json:"next_cursor,omitempty"`
	}{found, next})
	return nil
}

func (s *server) listIncidents(c *gin.Context, p account.Principal, _ account.Login) error {
	ctx, cancel := bounded(c)
	defer cancel()
	ps, page, err := s.page(ctx, c, p, anIncident, "class", "state", "from", "to")
	if err != nil {
		return err
	}
	f := gatehouse.Filter{Class: c.Query("class")}
	switch state := c.Query("state"); state {
	case "":
	case "read", "unread":
		unread := state == "unread"
		f.Unread = &unread
	default:
		return badQuery("state", "must be read or unread")
	}
	for name, into := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		if text := c.Query(name); text != "" {
			if *into, err = time.Parse(time.RFC3339, text); err != nil {
				return badQuery(name, "must be a time with an offset")
			}
		}
	}
	found, err := s.Gatehouse.Incidents(ctx, ps, f, page)
	if err != nil {
		return err
	}
	found, next := paged(found, page, func(i gatehouse.Incident) (time.Time, string) { return i.At, i.ID })
	answer(c, http.StatusOK, struct {
		Incidents []gatehouse.Incident `json:"incidents"`
		Next      string               `json:"next_cursor,omitempty"`
	}{found, next})
	return nil
}

func (s *server) getIncident(c *gin.Context, p account.Principal, _ account.Login) error {
	ctx, cancel := bounded(c)
	defer cancel()
	at, i, err := s.incidentOf(ctx, c, p, account.ViewParkings)
	if err != nil {
		return err
	}
	_, noMoney := s.mayDo(ctx, p, account.ViewMoney, string(at))
	w, err := s.Gatehouse.Incident(ctx, at, i, noMoney == nil)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, w)
	return nil
}

func (s *server) readIncident(c *gin.Context, p account.Principal, _ account.Login) error {
	ctx, cancel := bounded(c)
	defer cancel()
	at, i, err := s.incidentOf(ctx, c, p, account.CommandGates)
	if err != nil {
		return err
	}
	var note string
	if c.Request.ContentLength != 0 {
		if err := readBody(c, object{texts: map[string]*string{"note": &note}}, nil); err != nil {
			return err
		}
	}
	if len([]rune(note)) > 500 || strings.ContainsFunc(note, unicode.IsControl) {
		return fault.New(fault.Invalid, gatehouse.CodeInvalid, "Some of what was sent cannot be used; fields says what.").WithField("note", "has 500 characters at most, none of them for control")
	}
	by, err := s.whoIs(ctx, p)
	if err != nil {
		return err
	}
	read, err := s.Gatehouse.Read(ctx, at, i, by, note)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, struct {
		Incident gatehouse.Incident `json:"incident"`
	}{read})
	return nil
}

func (s *server) incidentOf(ctx context.Context, c *gin.Context, p account.Principal, a account.Action) (id.Parking, id.Incident, error) {
	at, err := s.mayDo(ctx, p, a, c.Param("id"))
	if err != nil {
		return "", id.Incident{}, err
	}
	i, err := id.Parse[id.Incident](c.Param("incident"))
	if err != nil {
		return "", i, gatehouse.ErrIncidentUnknown()
	}
	return at, i, nil
}

func (s *server) listEdges(c *gin.Context, p account.Principal, _ account.Login) error {
	if err := knownQuery(c, "operator"); err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	ps, err := s.lookedAfter(ctx, p, c.Query("operator"), "")
	if err != nil {
		return err
	}
	found, err := s.Gatehouse.Edges(ctx, ps)
	if err != nil {
		return err
	}
	answer(c, http.StatusOK, struct {
		Edges []gatehouse.Edge `json:"edges"`
	}{found})
	return nil
}

// page reads which part of a list is wanted, and of which parkings. place says what a cursor
// of the list names: one of another list is none.
func (s *server) page(ctx context.Context, c *gin.Context, p account.Principal, place func(string) bool, also ...string) ([]id.Parking, gatehouse.Page, error) {
	page := gatehouse.Page{Limit: 50}
	if err := knownQuery(c, append(also, "operator", "parking", "limit", "cursor")...); err != nil {
		return nil, page, err
	}
	if text, given := c.GetQuery("limit"); given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 200 {
			return nil, page, badQuery("limit", "must be 1 to 200")
		}
		page.Limit = n
	}
	if text, given := c.GetQuery("cursor"); given {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		micros, after, cut := strings.Cut(string(raw), "|")
		n, wrong := strconv.ParseInt(micros, 10, 64)
		if err != nil || wrong != nil || !cut || n < 0 || n > 1<<53 || !place(after) {
			return nil, page, badQuery("cursor", "is none")
		}
		page.Before, page.After = time.UnixMicro(n).UTC(), after
	}
	page.Limit++ // whether there are more
	ps, err := s.lookedAfter(ctx, p, c.Query("operator"), c.Query("parking"))
	return ps, page, err
}

// anIncident and aCommand accept what a cursor of their list names: an id, or of what was
// commanded at a machine its place in a journal.
func anIncident(text string) bool {
	_, err := id.Parse[id.Incident](text)
	return err == nil
}

func aCommand(text string) bool {
	_, err := id.Parse[id.Order](text)
	return err == nil || strings.Count(text, "/") == 2 && !strings.ContainsRune(text, 0) && utf8.ValidString(text)
}

// paged cuts off what was read to know whether there are more, and says where they are.
func paged[T any](found []T, page gatehouse.Page, place func(T) (time.Time, string)) ([]T, string) {
	if found == nil {
		found = []T{}
	}
	if len(found) < page.Limit {
		return found, ""
	}
	found = found[:page.Limit-1]
	at, name := place(found[len(found)-1])
	return found, base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.UnixMicro(), 10) + "|" + name))
}

// knownQuery refuses parameters that a call does not have.
func knownQuery(c *gin.Context, names ...string) error {
	for name := range c.Request.URL.Query() {
		if !slices.Contains(names, name) {
			return fault.New(fault.Invalid, "unknown_parameter", "There is a parameter that this call does not have.").WithField(name, "is not known")
		}
	}
	return nil
}

func badQuery(name, says string) error {
	return fault.New(fault.Invalid, "invalid_parameter", "A parameter cannot be used; fields says which.").WithField(name, says)
}
