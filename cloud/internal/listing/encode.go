package listing

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/openlot/openlot/cloud/internal/sse"
)

// page is a part of a result that is being written.
type page struct {
	search // the hits are its best
	moment
	next *cursor

	faces []*face // of the best
	stamp []byte  // current as text, which is the as_of of most
	sum   []byte  // of everything but as_of, in parts
	types [][]typeNumbers
	body  []byte

	touched byte // so that a compiler does not leave out what touches
}

const cacheLine = 64 // bytes

// pages are reused: most are a few dozen kilobytes.
type pages struct{ free sync.Pool }

func (p *pages) get() *page {
	if p, ok := p.free.Get().(*page); ok {
		return p
	}
	return &page{body: make([]byte, 0, 32<<10)}
}

// put takes a page back. Nothing of it may be used any more.
func (p *pages) put(x *page) {
	clear(x.faces)
	clear(x.types)
	*x = page{search: search{best: x.best[:0]}, faces: x.faces[:0], types: x.types[:0], stamp: x.stamp[:0], sum: x.sum[:0], body: x.body[:0]}
	p.free.Put(x)
}

// encode writes the page. Listing.mu is held.
func (p *page) encode() {
	p.stamp = appendTime(p.stamp, p.current)
	// One after the other each of these is a wait for memory; as loops of their own
	// a processor does many of them at once.
	for _, c := range p.best {
		p.faces = append(p.faces, p.face(c))
	}
	touched := byte(0)
	for i, f := range p.faces {
		if !f.good(&p.moment) {
			f, _ = p.lot(p.best[i]).look(&p.moment)
			p.faces[i] = f
		}
		for j := 0; j < len(f.json); j += cacheLine {
			touched ^= f.json[j]
		}
	}
	if p.window != nil {
		touched ^= p.touchLeft()
	}
	p.touched = touched
	p.sum = append(p.sum, p.format()...)
	b := append(p.body, `{"parkings":[`...)
	if p.geo {
		b = append(p.body, `{"type":"FeatureCollection","features":[`...)
	}
	for i := range p.best {
		if i > 0 {
			b = append(b, ',')
		}
		if p.geo {
			x := &p.lot(p.best[i]).Parking
			place, err := json.Marshal([]float64{x.Longitude, x.Latitude})
			if err != nil { // the database holds only finite numbers
				place = []byte("null")
			}
			b = append(append(b, `{"type":"Feature","geometry":{"type":"Point","coordinates":`...), place...)
			b = append(b, `},"properties":`...)
		}
		b = p.append(b, i)
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
	p.body = append(p.next.append(append(b, '"')), "\"}\n"...)
}

// touchLeft reads what is left when the window begins, as far as it is worked out.
func (p *page) touchLeft() (touched byte) {
	for _, c := range p.best {
		p.types = append(p.types, p.lot(c).numbers.types)
	}
	claim := p.window.Claim()
	for _, types := range p.types {
		for i := range types {
			t := &types[i]
			if j := int(claim.From - t.from); j >= 0 && j < len(t.left) {
				touched ^= byte(t.left[j])
			}
		}
	}
	return touched
}

func (p *page) format() string {
	if p.geo {
		return "geojson"
	}
	return "json"
}

// append writes one parking, as whole does.
func (p *page) append(b []byte, i int) []byte {
	f := p.faces[i]
	if p.window == nil {
		p.sum = binary.BigEndian.AppendUint64(p.sum, f.sum)
		b = append(b, f.json...)
	} else {
		first, x := len(b), p.lot(p.best[i])
		f, n := x.look(&p.moment)
		b = append(b, f.json[:f.fixed]...)
		b = x.appendWindow(b, f, n, p.window, p.now)
		if x.Parking.Policy.Dynamic == nil {
			b = x.appendPrice(b, p.window, p.now)
		}
		p.sum = binary.BigEndian.AppendUint64(p.sum, xxhash.Sum64(b[first:]))
	}
	b = append(b, `,"as_of":"`...)
	if !f.late && f.at <= p.nanos {
		b = append(b, p.stamp...)
	} else {
		asOf, _ := f.asOf(p.current)
		b = appendTime(b, asOf)
	}
	b = append(b, '"')
	if p.near != nil {
		b = append(b, `,"distance_m":`...)
		b = strconv.AppendInt(b, int64(p.distance(p.best[i])+0.5), 10)
	}
	return append(b, '}')
}

// tag names the state that is shown: the same tag means the same, at possibly
// another as_of.
func (p *page) tag() string { return tagOf(p.sum) }

func tagOf(b []byte) string {
	tag := append(make([]byte, 0, 20), `W/"`...)
	return string(append(strconv.AppendUint(tag, xxhash.Sum64(b), 36), '"'))
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

// Values of headers that answers share; who adds one gets a copy.
var noCache, onAccept = []string{"no-cache"}, []string{"Accept"}

// answer sends a body, or says that the caller has it.
func answer(w http.ResponseWriter, r *http.Request, mime, tag string, body []byte) {
	h := w.Header()
	own := [...]string{tag, mime, strconv.Itoa(len(body))}
	h["Etag"], h["Cache-Control"] = own[0:1:1], noCache // as net/http writes them
	if knows(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"] = own[1:2:2]
	h["Content-Length"] = own[2:3:3] // or net/http sends it in chunks
	if r.Method == http.MethodHead {
		return
	}
	if len(body) > twoParts {
		defer sse.Cork(r).Uncork()
	}
	_, _ = w.Write(body)
}

// twoParts is from how many bytes on net/http writes an answer in two parts while its
// handler runs: one fills its buffer of 4 KiB, the other is the rest, unless that fits
// the buffer again, which is sent later.
const twoParts = 8 << 10
