package feed

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/openlot/openlot/cloud/internal/inventory"
)

// AppendJSON appends the body as encoding/json writes it. What nearly every event
// says, claims, a reservation and a payment, is written without reflection: a
// committer writes thousands of them in a second.
func (b *Body) AppendJSON(dst []byte) ([]byte, error) {
	if b.Session != nil || b.Allotment != nil || b.Link != nil || b.Incident != nil || b.Capacity != nil || b.Block != nil || b.Bill != nil || b.Till != nil || b.ShopPayment != nil || b.By != "" || b.Why != "" {
		return appendAny(dst, b)
	}
	var err error
	dst = append(dst, '{')
	if len(b.Claims) > 0 {
		dst = append(dst, `"claims":[`...)
		for i := range b.Claims {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendDelta(dst, &b.Claims[i])
		}
		dst = append(dst, ']')
	}
	if b.Reservation != nil {
		if dst, err = b.Reservation.append(member(dst, "reservation")); err != nil {
			return nil, err
		}
	}
	if b.Payment != nil {
		if dst, err = b.Payment.append(member(dst, "payment")); err != nil {
			return nil, err
		}
	}
	if b.Trace != "" {
		dst = appendText(member(dst, "trace"), b.Trace)
	}
	return append(dst, '}'), nil
}

// member begins another member of an object.
func member(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func appendDelta(dst []byte, d *inventory.Delta) []byte {
	dst = appendText(append(dst, `{"type":`...), string(d.Type))
	dst = strconv.AppendInt(append(dst, `,"from_q":`...), int64(d.From), 10)
	dst = strconv.AppendInt(append(dst, `,"to_q":`...), int64(d.To), 10)
	dst = strconv.AppendInt(append(dst, `,"n":`...), int64(d.N), 10)
	return append(dst, '}')
}

func (r *Reservation) append(dst []byte) ([]byte, error) {
	var err error
	dst = appendText(append(dst, `{"id":`...), r.ID.String())
	dst = appendText(append(dst, `,"state":`...), r.State)
	dst = strconv.AppendInt(append(dst, `,"version":`...), r.Version, 10)
	dst = strconv.AppendUint(append(dst, `,"generation":`...), uint64(r.Generation), 10)
	dst = appendText(append(dst, `,"space_type":`...), string(r.SpaceType))
	if dst, err = appendTime(append(dst, `,"from":`...), r.From); err != nil {
		return nil, err
	}
	if dst, err = appendTime(append(dst, `,"to":`...), r.To); err != nil {
		return nil, err
	}
	if r.Space != "" {
		dst = appendText(append(dst, `,"space":`...), r.Space)
	}
	return append(dst, '}'), nil
}

func (p *Payment) append(dst []byte) ([]byte, error) {
	dst = appendText(append(dst, `{"id":`...), p.ID.String())
	dst = appendText(append(dst, `,"reservation":`...), p.Reservation.String())
	dst = appendText(append(dst, `,"state":`...), p.State)
	dst = strconv.AppendInt(append(dst, `,"version":`...), p.Version, 10)
	if p.Away {
		dst = append(dst, `,"away":true`...)
	}
	return append(dst, '}'), nil
}

// appendText appends a string; what JSON or HTML would have escaped is left to
// encoding/json.
func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			out, err := json.Marshal(s)
			if err != nil { // a string is always written
				return append(dst, `""`...)
			}
			return append(dst, out...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// appendTime appends a time as time.Time.MarshalJSON writes it, which knows no
// years beyond 9999.
func appendTime(dst []byte, t time.Time) ([]byte, error) {
	if y := t.Year(); y < 0 || y > 9999 || t.Location() != time.UTC {
		return appendAny(dst, t)
	}
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"'), nil
}

func appendAny(dst []byte, v any) ([]byte, error) {
	out, err := json.Marshal(v)
	return append(dst, out...), err
}
