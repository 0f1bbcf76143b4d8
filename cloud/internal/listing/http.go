package listing

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// The fault codes of the handlers.
const (
	CodeParkingNotFound = "parking_not_found"
	CodeLoading         = "listing_loading"
	CodeTooManyStreams  = "too_many_streams"
	CodeStopping        = "stopping"
)

// Parkings answers GET /parkings: JSON, GeoJSON, or a stream of the same query.
func (l *Listing) Parkings(w http.ResponseWriter, r *http.Request) {
	if err := l.parkings(w, r); err != nil {
		problem.Write(w, r, err)
	}
}

// Parking answers GET /parking?id=… and GET /parkings/{id}: JSON or a stream.
func (l *Listing) Parking(w http.ResponseWriter, r *http.Request) {
	if err := l.parking(w, r); err != nil {
		problem.Write(w, r, err)
	}
}

func (l *Listing) parkings(w http.ResponseWriter, r *http.Request) error {
	v, err := l.begin(w, r, ofList)
	if err != nil {
		return err
	}
	now := l.now().UTC()
	q, err := parseQuery(v, now, time.Duration(l.longest.Load()))
	if err != nil {
		return err
	}
	if wantsStream(r) {
		if q.geo {
			return invalid("format", "must be json for a stream")
		}
		return l.serveList(w, r, q)
	}
	p := l.pages.get()
	defer l.pages.put(p)
	p.query, p.moment = q, newMoment(now, l.current())
	l.mu.RLock()
	p.next = l.search(&p.search)
	p.encode()
	l.mu.RUnlock()
	mime := "application/json"
	if q.geo {
		mime = "application/geo+json"
	}
	answer(w, r, mime, p.tag(), p.body)
	return nil
}

func (l *Listing) parking(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("id")
	known := ofNamed
	if name == "" {
		known = ofOne
	}
	v, err := l.begin(w, r, known)
	if err != nil {
		return err
	}
	if name == "" {
		if name, err = v.one("id"); err != nil {
			return err
		}
	}
	if name == "" {
		return invalid("id", "is missing")
	}
	p, err := id.ParseParking(name)
	if err != nil {
		return invalid("id", "has 1 to 63 characters of a-z, 0-9 and inner hyphens")
	}
	now := l.now().UTC()
	window, _, err := parseWindow(v, now, time.Duration(l.longest.Load()))
	if err != nil {
		return err
	}
	l.mu.RLock()
	x := l.lots[p]
	l.mu.RUnlock()
	if x == nil {
		return fault.New(fault.NotFound, CodeParkingNotFound, "There is no parking of that name.")
	}
	if wantsStream(r) {
		return l.serveDetail(w, r, p, x, window)
	}
	current := l.current()
	l.mu.RLock()
	f, shown := x.fixed(window), x.render(now, current, window)
	l.mu.RUnlock()
	tag := tagOf(slices.Concat(f.static, f.full, f.price, shown.moving))
	answer(w, r, "application/json", tag, append(whole(nil, f, shown, -1, true), '\n'))
	return nil
}

// begin refuses what cannot be answered yet and reads the query's parameters, of
// which there are none but those that are known.
func (l *Listing) begin(w http.ResponseWriter, r *http.Request, known string) (params, error) {
	if h := w.Header(); h["Vary"] == nil {
		h["Vary"] = onAccept
	} else {
		h.Add("Vary", "Accept")
	}
	select {
	case <-l.loaded:
	default:
		return nil, fault.New(fault.Unavailable, CodeLoading, "The parkings are being loaded. Ask again in a moment.")
	}
	v, err := parseParams(make(params, 0, 8), r.URL.RawQuery)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, problem.CodeMalformedQuery, "The query cannot be read: a percent sign or a semicolon is out of place.")
	}
	return v, onlyKnown(v, known)
}

func wantsStream(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		if strings.Contains(strings.ToLower(accept), "text/event-stream") {
			return true
		}
	}
	return false
}
