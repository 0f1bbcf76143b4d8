package listing

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// The fault codes of queries.
const (
	CodeInvalidParameter = "invalid_parameter"
	CodeUnknownParameter = "unknown_parameter"
	CodeWindowEmpty      = "window_empty"
	CodeWindowInPast     = "window_in_past"
	CodeWindowTooLong    = "window_too_long"
	CodeTimeNoOffset     = "time_without_offset"
)

const (
	defaultLimit = 50
	maxLimit     = 200
	maxSearch    = 100       // bytes of q
	maxRadius    = 1_000_000 // metres
)

// query is a parsed question for a list.
type query struct {
	near   *point
	radius float64 // metres; 0: any
	box    *box
	window *Window
	typ    id.SpaceType
	words  []string
	limit  int
	after  *cursor
	geo    bool
}

// invalid is the fault for one parameter.
func invalid(field, problem string) error {
	return fault.Newf(fault.Invalid, CodeInvalidParameter, "The parameter %s %s.", field, problem).WithField(field, problem)
}

// The parameters that each address takes, each between commas.
const (
	ofNamed = ",from,to,space_type,"
	ofOne   = ofNamed + "id,"
	ofList  = ofNamed + "near,radius,bbox,q,limit,cursor,format,"
)

// What somebody else chose is shown back, up to so many names of so many bytes.
const (
	maxNames = 8
	maxShown = 64
)

// onlyKnown refuses what would otherwise be ignored: a filter with a slip in its name
// must not look like one that everything passes.
func onlyKnown(v params, known string) error {
	var strange []string
	for i := range v {
		if !isKnown(v[i].name, known) {
			strange = append(strange, v[i].name)
		}
	}
	slices.Sort(strange)
	strange = slices.Compact(strange)
	var f *fault.Fault
	for _, name := range strange {
		if f == nil {
			f = fault.Newf(fault.Invalid, CodeUnknownParameter, "The query has parameters that are not known: see fields. Known are %s.",
				strings.ReplaceAll(strings.Trim(known, ","), ",", ", "))
		}
		if len(f.Fields) == maxNames {
			break
		}
		f = f.WithField(strings.ToValidUTF8(name[:min(len(name), maxShown)], "?"), "is not known")
	}
	if f == nil {
		return nil
	}
	return f
}

// isKnown reports whether a name is between commas in a list.
func isKnown(name, list string) bool {
	if name == "" || strings.Contains(name, ",") {
		return false
	}
	for rest := list; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			return false
		}
		if end := i + len(name); i > 0 && rest[i-1] == ',' && end < len(rest) && rest[end] == ',' {
			return true
		}
		rest = rest[i+1:]
	}
}

func parseQuery(v params, now time.Time, longest time.Duration) (query, error) {
	q := query{limit: defaultLimit}
	var text [8]string
	for i, name := range []string{"near", "radius", "bbox", "q", "limit", "cursor", "format", "space_type"} {
		var err error
		if text[i], err = v.one(name); err != nil {
			return q, err
		}
	}
	near, radius, bbox, search, limit, after, format := text[0], text[1], text[2], text[3], text[4], text[5], text[6]
	if near != "" {
		var n [2]float64
		ok := numbersIn(near, n[:])
		if !ok || !onEarth(n[0], n[1]) {
			return q, invalid("near", "must be latitude,longitude in degrees")
		}
		q.near = &point{n[0], n[1]}
	}
	if radius != "" {
		var n [1]float64
		ok := numbersIn(radius, n[:])
		switch {
		case q.near == nil:
			return q, invalid("radius", "needs near")
		case !ok || n[0] <= 0 || n[0] > maxRadius:
			return q, invalid("radius", "must be metres, above 0 and at most 1000000")
		}
		q.radius = n[0]
	}
	if bbox != "" {
		var n [4]float64
		ok := numbersIn(bbox, n[:])
		if !ok || !onEarth(n[1], n[0]) || !onEarth(n[3], n[2]) || n[1] > n[3] {
			return q, invalid("bbox", "must be west,south,east,north in degrees")
		}
		q.box = &box{n[0], n[1], n[2], n[3]}
	}
	if len(search) > maxSearch || !utf8.ValidString(search) {
		return q, invalid("q", "must be text of at most 100 bytes")
	}
	q.words = words(search)
	if limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > maxLimit {
			return q, invalid("limit", "must be 1 to 200")
		}
		q.limit = n
	}
	switch format {
	case "", "json":
	case "geojson":
		q.geo = true
	default:
		return q, invalid("format", "must be json or geojson")
	}
	var err error
	if q.window, q.typ, err = parseWindow(v, now, longest); err != nil {
		return q, err
	}
	if after != "" {
		c, ok := parseCursor(after)
		if !ok || c.order != q.order() {
			return q, invalid("cursor", "must be the next_cursor of the same query")
		}
		q.after = c
	}
	return q, nil
}

// parseWindow reads from, to and space_type. The window is nil without times.
// longest is the longest window that anybody sells.
func parseWindow(v params, now time.Time, longest time.Duration) (*Window, id.SpaceType, error) {
	typ, err := v.one("space_type")
	if err != nil {
		return nil, "", err
	}
	var t id.SpaceType
	if typ != "" {
		if t, err = id.ParseSpaceType(typ); err != nil {
			return nil, "", invalid("space_type", "must be the name of a space type, such as standard")
		}
	}
	from, err := instant(v, "from")
	if err != nil {
		return nil, t, err
	}
	to, err := instant(v, "to")
	if err != nil {
		return nil, t, err
	}
	switch {
	case from.IsZero() && to.IsZero():
		return nil, t, nil
	case from.IsZero():
		return nil, t, invalid("from", "is needed with to")
	case to.IsZero():
		return nil, t, invalid("to", "is needed with from")
	}
	r, err := timerange.New(from.Truncate(time.Second), to.Truncate(time.Second)) // as a quote has it
	switch {
	case err != nil:
		return nil, t, fault.New(fault.Invalid, CodeWindowEmpty, "The window ends before it begins.").WithField("to", "must be after from")
	case r.From.Before(timerange.Floor(now).Time()):
		return nil, t, fault.New(fault.Invalid, CodeWindowInPast, "The window begins in the past.").WithField("from", "must not be past")
	case r.Duration() > longest:
		return nil, t, fault.Newf(fault.Invalid, CodeWindowTooLong, "The window is longer than any parking sells: %d hours.", longest/time.Hour).
			WithField("to", "is too long after from")
	}
	return &Window{r, t}, t, nil
}

// instant reads a time with its offset. A plus sign that a caller forgot to
// escape has become a space; it is taken for what it was.
func instant(v params, name string) (time.Time, error) {
	text, err := v.one(name)
	if text == "" || err != nil {
		return time.Time{}, err
	}
	if n := len(text); n > 6 && text[n-6] == ' ' {
		text = text[:n-6] + "+" + text[n-5:]
	}
	t, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return t.UTC(), nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if _, bareErr := time.Parse(layout, text); bareErr == nil {
			return time.Time{}, fault.Newf(fault.Invalid, CodeTimeNoOffset,
				"The time %s has no offset. Write it like 2026-05-01T08:00:00+02:00 or with Z.", name).WithField(name, "needs an offset")
		}
	}
	return time.Time{}, invalid(name, "must be an RFC 3339 time such as 2026-05-01T08:00:00+02:00")
}

// numbersIn reads as many numbers as there is room for, with commas between them, and
// reports whether that is all there is.
func numbersIn(s string, into []float64) bool {
	for i := range into {
		part, rest, more := strings.Cut(s, ",")
		f, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || more != (i < len(into)-1) {
			return false
		}
		into[i], s = f, rest
	}
	return true
}

func onEarth(lat, lng float64) bool { return math.Abs(lat) <= 90 && math.Abs(lng) <= 180 }

// order names what the result is sorted by and filtered with, so that a cursor
// is not used with another query.
func (q query) order() uint32 {
	b := make([]byte, 0, 128)
	for i, part := range []*point{q.near, q.corner(false), q.corner(true)} {
		if part != nil {
			b = append(b, byte(i))
			b = binary.BigEndian.AppendUint64(b, math.Float64bits(part.lat))
			b = binary.BigEndian.AppendUint64(b, math.Float64bits(part.lng))
		}
	}
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(q.radius))
	for _, w := range q.words {
		b = append(append(b, w...), 0)
	}
	b = append(append(b, q.typ...), 0)
	return uint32(xxhash.Sum64(b))
}

// corner is the first or the second corner of the box; nil without one.
func (q query) corner(second bool) *point {
	switch {
	case q.box == nil:
		return nil
	case second:
		return &point{q.box.north, q.box.east}
	}
	return &point{q.box.south, q.box.west}
}

// key names the query among streams.
func (q query) key() string {
	key := fmt.Sprint(q.order(), "\x00", q.words, "\x00", q.typ, "\x00", q.limit)
	if q.near != nil {
		key += fmt.Sprint("\x00n", *q.near, q.radius)
	}
	if q.box != nil {
		key += fmt.Sprint("\x00b", *q.box)
	}
	if q.window != nil {
		key += "\x00w" + q.window.String()
	}
	if q.after != nil {
		key += "\x00c" + q.after.String()
	}
	return key
}

// cursor is the place in the result after which a page begins.
type cursor struct {
	order uint32
	apart float64 // 0 when sorted by id
	made  int64   // when the first page was, in µs since 1970
	id    id.Parking
}

const (
	cursorFormat = 2
	cursorHead   = 1 + 4 + 8 + 8
)

// String is the opaque text form.
func (c cursor) String() string {
	return string(c.append(nil))
}

// append adds the text form to some bytes.
func (c cursor) append(to []byte) []byte {
	b := binary.BigEndian.AppendUint32(append(make([]byte, 0, 96), cursorFormat), c.order)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(c.apart))
	b = binary.BigEndian.AppendUint64(b, uint64(c.made))
	return base64.RawURLEncoding.AppendEncode(to, append(b, c.id...))
}

func parseCursor(s string) (*cursor, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) <= cursorHead || b[0] != cursorFormat {
		return nil, false
	}
	c := cursor{
		order: binary.BigEndian.Uint32(b[1:]), apart: math.Float64frombits(binary.BigEndian.Uint64(b[5:])),
		made: int64(binary.BigEndian.Uint64(b[13:])),
	}
	if c.id, err = id.ParseParking(string(b[cursorHead:])); err != nil || math.IsNaN(c.apart) {
		return nil, false
	}
	return &c, true
}
