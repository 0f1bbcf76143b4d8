package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Cloud is the public API of the cloud.
type Cloud struct {
	URL  string
	HTTP *http.Client
}

// Money is an amount as the API writes it.
type Money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// String is the amount for people.
func (m Money) String() string {
	sign, minor := "", m.Minor
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("%s%d.%02d %s", sign, minor/100, minor%100, m.Currency)
}

// Wanted is what a driver asks for.
type Wanted struct {
	ParkingID     string    `json:"parking_id"`
	SpaceType     string    `json:"space_type"`
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	VehiclePlate  string    `json:"vehicle_plate,omitempty"`
	PaymentMethod string    `json:"payment_method,omitempty"`
	Contact       *Contact  `json:"contact,omitempty"`
	QuoteID       string    `json:"quote_id,omitempty"`
}

// Contact is where to write to.
type Contact struct {
	Email string `json:"email"`
}

// Quote is a price for a window.
type Quote struct {
	ID     string      `json:"id"`
	Price  Money       `json:"price"`
	Detail PriceDetail `json:"price_detail"`
}

// PriceDetail explains a price.
type PriceDetail struct {
	Tax   Money  `json:"tax"`
	Lines []Line `json:"lines"`
}

// Line is one line of a price.
type Line struct {
	Label  string `json:"label"`
	Amount Money  `json:"amount"`
}

// Reservation is a reservation as its driver sees it.
type Reservation struct {
	ID          string      `json:"id"`
	ParkingID   string      `json:"parking_id"`
	State       string      `json:"state"`
	From        time.Time   `json:"from"`
	To          time.Time   `json:"to"`
	Price       Money       `json:"price"`
	Detail      PriceDetail `json:"price_detail"`
	Payment     Payment     `json:"payment"`
	Pass        string      `json:"pass"`
	ManageToken string      `json:"manage_token"` // only in the answer to Reserve
	Version     int64       `json:"version"`

	// Position is how far the database's log was when Reserve was answered; empty when
	// the cloud reads nothing from elsewhere.
	Position string `json:"-"`
}

// Payment is how a reservation is paid.
type Payment struct {
	State      string `json:"state"`
	Authorized Money  `json:"authorized"`
	Captured   *Money `json:"captured"`
}

// Spent is how long the parts of a request took, as the server measured them.
type Spent map[string]time.Duration

// Quote asks for a price.
func (c *Cloud) Quote(ctx context.Context, w Wanted) (q Quote, err error) {
	var answer struct {
		Quote Quote `json:"quote"`
	}
	_, err = call(ctx, c.HTTP, http.MethodPost, c.URL+"/quotes", nil, w, &answer)
	return answer.Quote, err
}

type reservationAnswer struct {
	Reservation Reservation `json:"reservation"`
}

// Pass reads the text of a reservation's pass, as its owner would print it.
func (c *Cloud) Pass(ctx context.Context, id, token string) (string, error) {
	b, err := c.document(ctx, "/reservations/"+url.PathEscape(id)+"/pass?format=text", token)
	return strings.TrimSpace(string(b)), err
}

// ReceiptFrom is why there is no receipt, or nil, as a server says that has got as far
// as the position.
func (c *Cloud) ReceiptFrom(ctx context.Context, r Reservation, position string) error {
	header := bearer(r.ManageToken)
	if position != "" {
		header["Openlot-Position"] = position
	}
	_, err := call(ctx, c.HTTP, http.MethodGet, c.URL+"/reservations/"+url.PathEscape(r.ID)+"/receipt?format=json", header, nil, nil)
	return err
}

// Receipt reads a reservation's receipt, in the form of its name: json, html or
// pdf.
func (c *Cloud) Receipt(ctx context.Context, id, token, form string) ([]byte, error) {
	return c.document(ctx, "/reservations/"+url.PathEscape(id)+"/receipt?format="+form, token)
}

// Tariff reads an edition of a parking's tariff.
func (c *Cloud) Tariff(ctx context.Context, parking string, version uint32) ([]byte, error) {
	return c.document(ctx, fmt.Sprintf("/parkings/%s/tariffs/%d", url.PathEscape(parking), version), "")
}

// document reads what is at an address, byte for byte.
func (c *Cloud) document(ctx context.Context, path, token string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // what was read is what counts
	if resp.StatusCode != http.StatusOK {
		return nil, problem(req, resp)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 4<<20))
}

// Reserve asks for a reservation. The same key may be sent again.
func (c *Cloud) Reserve(ctx context.Context, key string, w Wanted) (Reservation, Spent, error) {
	var answer reservationAnswer
	resp, err := call(ctx, c.HTTP, http.MethodPost, c.URL+"/reserve", map[string]string{"Idempotency-Key": key}, w, &answer)
	if err != nil {
		return Reservation{}, nil, err
	}
	if resp.status != http.StatusCreated {
		return answer.Reservation, nil, fmt.Errorf("POST /reserve answers %d, payment %s", resp.status, answer.Reservation.Payment.State)
	}
	answer.Reservation.Position = resp.header.Get("Openlot-Position")
	return answer.Reservation, serverTiming(resp.header.Values("Server-Timing")), nil
}

// Reservation reads a reservation.
func (c *Cloud) Reservation(ctx context.Context, id, token string) (r Reservation, err error) {
	var answer reservationAnswer
	_, err = call(ctx, c.HTTP, http.MethodGet, c.URL+"/reservations/"+url.PathEscape(id), bearer(token), nil, &answer)
	return answer.Reservation, err
}

// FollowReservation calls handle with the reservation whenever it changes,
// first as it is, until handle returns false. When nothing can change any more
// the stream ends by itself, with io.ErrUnexpectedEOF.
func (c *Cloud) FollowReservation(ctx context.Context, id, token string, handle func(Reservation, time.Time) bool) error {
	var bad error
	err := Follow(ctx, c.HTTP, c.URL+"/reservations/"+url.PathEscape(id), token, func(f Frame) bool {
		var r reservationAnswer
		if bad = json.Unmarshal(f.Data, &r); bad != nil {
			bad = fmt.Errorf("frame %s %q: %w", f.Event, f.Data, bad)
			return false
		}
		return handle(r.Reservation, f.At)
	})
	if bad != nil {
		return bad
	}
	return err
}

// Parking is a parking in the listing. What a stream leaves out is nil.
type Parking struct {
	ID           string  `json:"id"`
	Name         string  `json:"name"`
	Capacity     int     `json:"capacity"`
	Status       string  `json:"status"`
	AvailableNow *int    `json:"available_now"`
	Version      *uint64 `json:"version"`
}

// Parking reads one parking.
func (c *Cloud) Parking(ctx context.Context, id string) (p Parking, err error) {
	_, err = call(ctx, c.HTTP, http.MethodGet, c.URL+"/parking?id="+url.QueryEscape(id), nil, nil, &p)
	return p, err
}

// Seen is what a stream told of a parking.
type Seen struct {
	Parking string
	At      time.Time
	Version uint64
	Count   *int // available_now, nil when it is unknown
	Status  string
}

// FollowParking calls handle with each state of one parking.
func (c *Cloud) FollowParking(ctx context.Context, id string, handle func(Seen)) error {
	return c.follow(ctx, "/parking?id="+url.QueryEscape(id), handle)
}

// FollowParkings calls handle with each state of every parking in a query.
func (c *Cloud) FollowParkings(ctx context.Context, query url.Values, handle func(Seen)) error {
	return c.follow(ctx, "/parkings?"+query.Encode(), handle)
}

// follow folds what changed into what was known: a stream sends only that.
func (c *Cloud) follow(ctx context.Context, path string, handle func(Seen)) error {
	known := map[string]*Seen{}
	var bad error
	err := Follow(ctx, c.HTTP, c.URL+path, "", func(f Frame) bool {
		var told []json.RawMessage
		if told, bad = Parkings(f); bad != nil {
			return false
		}
		for _, raw := range told {
			s, err := fold(known, raw)
			if err != nil {
				bad = fmt.Errorf("frame %s %q: %w", f.Event, raw, err)
				return false
			}
			s.At = f.At
			handle(s)
		}
		return true
	})
	if bad != nil {
		return bad
	}
	return err
}

// Parkings are the parkings in a frame of the listing's streams, as JSON: in full in
// the first, then what changed.
func Parkings(f Frame) (told []json.RawMessage, err error) {
	switch f.Event {
	case "parking":
		return []json.RawMessage{f.Data}, nil
	case "snapshot":
		var all struct {
			Parkings []json.RawMessage `json:"parkings"`
		}
		err = json.Unmarshal(f.Data, &all)
		told = all.Parkings
	case "availability":
		err = json.Unmarshal(f.Data, &told)
	}
	if err != nil {
		return nil, fmt.Errorf("frame %s: %w", f.Event, err)
	}
	return told, nil
}

func fold(known map[string]*Seen, raw json.RawMessage) (Seen, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return Seen{}, err
	}
	var p Parking
	if err := json.Unmarshal(raw, &p); err != nil {
		return Seen{}, err
	}
	s := known[p.ID]
	if s == nil {
		s = &Seen{Parking: p.ID}
		known[p.ID] = s
	}
	if p.Version != nil {
		s.Version = *p.Version
	}
	if _, there := fields["available_now"]; there {
		s.Count = p.AvailableNow
	}
	if p.Status != "" {
		s.Status = p.Status
	}
	return *s, nil
}

// Mail is one message in the inbox.
type Mail struct {
	ID      int64    `json:"id"`
	To      []string `json:"to"`
	Subject string   `json:"subject"`
	Text    string   `json:"text"` // of Letter alone
}

// Inbox lists the mail that would have been sent, newest first.
func (c *Cloud) Inbox(ctx context.Context) ([]Mail, error) {
	var answer struct {
		Mails []Mail `json:"mails"`
	}
	_, err := call(ctx, c.HTTP, http.MethodGet, c.URL+"/dev/mail", nil, nil, &answer)
	return answer.Mails, err
}

// Letter is one message of the inbox with its text.
func (c *Cloud) Letter(ctx context.Context, id int64) (m Mail, err error) {
	_, err = call(ctx, c.HTTP, http.MethodGet, fmt.Sprintf("%s/dev/mail/%d", c.URL, id), nil, nil, &m)
	return m, err
}

// Hold is a hold in the sandbox provider's own books. Amounts are minor units.
type Hold struct {
	ReservationID string    `json:"reservation_id"`
	State         string    `json:"state"`
	Amount        int64     `json:"amount"`
	Captured      int64     `json:"captured"`
	Currency      string    `json:"currency"`
	CreatedAt     time.Time `json:"created_at"`
}

// Holds lists the provider's holds for a parking.
func (c *Cloud) Holds(ctx context.Context, parking string) ([]Hold, error) {
	var answer struct {
		Holds []Hold `json:"holds"`
	}
	_, err := call(ctx, c.HTTP, http.MethodGet, c.URL+"/dev/sandbox/holds?parking_id="+url.QueryEscape(parking), nil, nil, &answer)
	return answer.Holds, err
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

// serverTiming reads `name;dur=milliseconds, …`.
func serverTiming(headers []string) Spent {
	out := Spent{}
	for metric := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(metric), ";")
		for param := range strings.SplitSeq(params, ";") {
			ms, ok := strings.CutPrefix(strings.TrimSpace(param), "dur=")
			if d, err := strconv.ParseFloat(strings.Trim(ms, `"`), 64); ok && err == nil {
				out[name] = time.Duration(d * float64(time.Millisecond))
			}
		}
	}
	return out
}
