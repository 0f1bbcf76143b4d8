package listing

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
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
	v, err := l.begin(w, r)
	if err != nil {
		return err
	}
	now := l.now().UTC()
	q, err := parseQuery(v, now)
	if err != nil {
		return err
	}
	if wantsStream(r) {
		if q.geo {
			return invalid("format", "must be json for a stream")
		}
		return l.serveList(w, r, q)
	}
	current := l.current()
	l.mu.RLock()
	hits, next := l.find(q)
	tag := listTag(hits, now, q)
	var body []byte
	if r.Header.Get("If-None-Match") != tag {
		body = l.encode(hits, next, q, now, current)
	}
	l.mu.RUnlock()
	mime := "application/json"
	if q.geo {
		mime = "application/geo+json"
	}
	answer(w, r, mime, tag, body)
	return nil
}

func (l *Listing) parking(w http.ResponseWriter, r *http.Request) error {
	v, err := l.begin(w, r)
	if err != nil {
		return err
	}
	name := r.PathValue("id")
	if name == "" {
		if name, err = one(v, "id"); err != nil {
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
	window, _, err := parseWindow(v, now)
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
	tag := fmt.Sprintf(`W/"%d-%d-%x"`, x.Revision, timerange.Floor(now), hash(x.static, x.full))
	var body []byte
	if r.Header.Get("If-None-Match") != tag {
		body = whole(nil, x.fixed(window), x.render(now, current, window), -1, true)
	}
	l.mu.RUnlock()
	answer(w, r, "application/json", tag, body)
	return nil
}

// begin refuses what cannot be answered yet and reads the query's parameters.
func (l *Listing) begin(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	w.Header().Add("Vary", "Accept")
	select {
	case <-l.loaded:
	default:
		return nil, fault.New(fault.Unavailable, CodeLoading, "The parkings are being loaded. Ask again in a moment.")
	}
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, problem.CodeMalformedQuery, "The query cannot be read: a percent sign or a semicolon is out of place.")
	}
	return v, nil
}

func wantsStream(r *http.Request) bool {
	return strings.Contains(strings.ToLower(strings.Join(r.Header.Values("Accept"), ",")), "text/event-stream")
}

// answer sends a body, or 304 when there is none: the caller has it.
func answer(w http.ResponseWriter, r *http.Request, mime, tag string, body []byte) {
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	if body == nil {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", mime)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) //nolint:gosec // JSON, and said to be; the caller is gone if it fails
	}
}

// listTag names a state of a result: the same tag means the same numbers, at
// possibly another as_of.
func listTag(hits []hit, now time.Time, q query) string {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, q.geo, timerange.Floor(now)) // a hash takes everything
	for _, x := range hits {
		_, _ = fmt.Fprint(h, x.lot.Parking.ID, x.lot.Revision)
		_, _ = h.Write(x.lot.static)
	}
	return fmt.Sprintf(`W/"%x"`, h.Sum64())
}

func hash(parts ...[]byte) uint32 {
	h := fnv.New32a()
	for _, p := range parts {
		_, _ = h.Write(p)
	}
	return h.Sum32()
}

// encode writes a page. l.mu is held.
func (l *Listing) encode(hits []hit, next *cursor, q query, now, current time.Time) []byte {
	b := make([]byte, 0, 64+len(hits)*640)
	if q.geo {
		b = append(b, `{"type":"FeatureCollection","features":[`...)
	} else {
		b = append(b, `{"parkings":[`...)
	}
	for i, h := range hits {
		if i > 0 {
			b = append(b, ',')
		}
		if q.geo {
			place, err := json.Marshal([]float64{h.lot.Parking.Longitude, h.lot.Parking.Latitude})
			if err != nil { // the database holds only finite numbers
				place = []byte("null")
			}
			b = append(append(b, `{"type":"Feature","geometry":{"type":"Point","coordinates":`...), place...)
			b = append(b, `},"properties":`...)
		}
		b = whole(b, h.lot.fixed(q.window), h.lot.render(now, current, q.window), h.distance, false)
		if q.geo {
			b = append(b, '}')
		}
	}
	b = append(b, `],"next_cursor":`...)
	if next == nil {
		return append(b, "null}"...)
	}
	return append(append(append(b, '"'), next.String()...), `"}`...)
}
