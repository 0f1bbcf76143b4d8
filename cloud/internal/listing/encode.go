package listing

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// page is a part of a result that is being written.
type page struct {
	query
	moment
	hits []hit
	next *cursor

	faces []*face // of the hits
	stamp []byte  // current as text, which is the as_of of most
	sum   []byte  // of everything but as_of, in parts
	body  []byte
}

// pages are reused: most are a few dozen kilobytes.
type pages struct{ free sync.Pool }

func (p *pages) get() *page {
	if p, ok := p.free.Get().(*page); ok {
		return p
	}
	return &page{}
}

// put takes a page back. Nothing of it may be used any more.
func (p *pages) put(x *page) {
	clear(x.faces)
	*x = page{faces: x.faces[:0], stamp: x.stamp[:0], sum: x.sum[:0], body: x.body[:0]}
	p.free.Put(x)
}

// encode writes the page. Listing.mu is held.
func (p *page) encode() {
	p.stamp = appendTime(p.stamp, p.current)
	// One after the other each of these is a wait for memory; as loops of their own
	// a processor does many of them at once.
	for i := range p.hits {
		p.faces = append(p.faces, p.hits[i].lot.faces.newest.Load())
	}
	for i, f := range p.faces {
		if !f.good(&p.moment) {
			p.faces[i] = p.hits[i].lot.face(&p.moment)
		}
	}
	p.sum = append(p.sum, p.format()...)
	b := append(p.body, `{"parkings":[`...)
	if p.geo {
		b = append(p.body, `{"type":"FeatureCollection","features":[`...)
	}
	for i, h := range p.hits {
		if i > 0 {
			b = append(b, ',')
		}
		if p.geo {
			place, err := json.Marshal([]float64{h.lot.Parking.Longitude, h.lot.Parking.Latitude})
			if err != nil { // the database holds only finite numbers
				place = []byte("null")
			}
			b = append(append(b, `{"type":"Feature","geometry":{"type":"Point","coordinates":`...), place...)
			b = append(b, `},"properties":`...)
		}
		b = p.append(b, h, p.faces[i])
		if p.geo {
			b = append(b, '}')
		}
	}
	b = append(b, `],"next_cursor":`...)
	if p.next == nil {
		p.body = append(b, "null}\n"...)
		return
	}
	p.sum = append(p.sum, p.next.id...)
	p.body = append(append(append(b, '"'), p.next.String()...), "\"}\n"...)
}

func (p *page) format() string {
	if p.geo {
		return "geojson"
	}
	return "json"
}

// append writes one parking, as whole does.
func (p *page) append(b []byte, h hit, f *face) []byte {
	if p.window == nil {
		p.sum = binary.BigEndian.AppendUint64(p.sum, f.sum)
		b = append(b, f.json...)
	} else {
		first := len(b)
		b = append(append(append(b, '{'), h.lot.static...), ',')
		b = h.lot.appendMoving(b, f, p.window, p.now)
		if h.lot.Parking.Policy.Dynamic == nil {
			b = h.lot.appendPrice(b, p.window, p.now)
		}
		p.sum = binary.BigEndian.AppendUint64(p.sum, xxhash.Sum64(b[first:]))
	}
	b = append(b, `,"as_of":"`...)
	if asOf, _ := f.asOf(p.current); asOf.Equal(p.current) {
		b = append(b, p.stamp...)
	} else {
		b = appendTime(b, asOf)
	}
	b = append(b, '"')
	if h.distance >= 0 {
		b = append(b, `,"distance_m":`...)
		b = strconv.AppendInt(b, int64(h.distance+0.5), 10)
	}
	return append(b, '}')
}

// tag names the state that is shown: the same tag means the same, at possibly
// another as_of.
func (p *page) tag() string { return tagOf(p.sum) }

func tagOf(b []byte) string {
	return `W/"` + strconv.FormatUint(xxhash.Sum64(b), 36) + `"`
}

// knows reports whether the caller has what a tag names.
func knows(r *http.Request, tag string) bool {
	for _, line := range r.Header.Values("If-None-Match") {
		for given := range strings.SplitSeq(line, ",") {
			given = strings.TrimSpace(given)
			if given == "*" || strings.TrimPrefix(given, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// answer sends a body, or says that the caller has it.
func answer(w http.ResponseWriter, r *http.Request, mime, tag string, body []byte) {
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	if knows(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", mime)
	h.Set("Content-Length", strconv.Itoa(len(body))) // or net/http sends it in chunks
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) //nolint:gosec // JSON, and said to be; the caller is gone if it fails
	}
}
