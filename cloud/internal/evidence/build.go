package evidence

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/receipt/paper"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/wire"
)

// Facts are what a pack is made from.
type Facts struct {
	receipt.Facts
	Editions  []tariff.Tariff // that the quote or the bill names
	Told      []feed.Event    // about the reservation, oldest first
	Journal   []Journalled    // about the reservation or its stay, in the journal's order
	Incidents []commit.Incident
	Disputes  map[id.Payment][]payment.Dispute
}

// Journalled is a journal event and when the cloud applied it.
type Journalled struct {
	commit.Observation
	Applied time.Time
}

// Reserved is the reservation as it is in a pack.
type Reserved struct {
	ID          id.Reservation    `json:"id"`
	Parking     id.Parking        `json:"parking"`
	State       reservation.State `json:"state"`
	SpaceType   id.SpaceType      `json:"space_type"`
	Space       string            `json:"space,omitempty"`
	From        time.Time         `json:"from"`
	To          time.Time         `json:"to"`
	NoShowAt    time.Time         `json:"no_show_at"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
	Email       string            `json:"email"`
	Plate       string            `json:"plate,omitempty"`
	Session     id.Session        `json:"session,omitzero"`
	Quote       reservation.Quote `json:"quote"`
	ConfirmedBy uint64            `json:"confirmed_revision"`
}

// Pass is the signed pass and its generations.
type Pass struct {
	Text        string       `json:"text"` // of the latest generation; empty: there never was one
	Generations []Generation `json:"generations"`
}

// Generation is one generation of a pass: the next one revoked it.
type Generation struct {
	Generation uint16       `json:"generation"`
	SpaceType  id.SpaceType `json:"space_type"`
	From       time.Time    `json:"from"`
	To         time.Time    `json:"to"`
	Revision   uint64       `json:"revision"` // of the parking's feed
	At         time.Time    `json:"at"`
}

// GateEvent is a journal event: what it says in words of JSON, and the bytes that
// say it.
type GateEvent struct {
	Epoch       uint32         `json:"epoch"`
	Seq         uint64         `json:"seq"`
	Kind        string         `json:"kind"`
	Lane        id.Lane        `json:"lane,omitempty"`
	Earliest    *time.Time     `json:"earliest"` // null: the edge's clock was not set
	Latest      *time.Time     `json:"latest"`
	SureAfter   *time.Time     `json:"sure_after,omitempty"` // it was surely not before
	Session     id.Session     `json:"session,omitzero"`
	Reservation id.Reservation `json:"reservation,omitzero"`
	Generation  uint16         `json:"generation,omitempty"`
	Reason      wire.Reason    `json:"reason,omitempty"`
	Offline     bool           `json:"offline,omitempty"`
	Inferred    bool           `json:"inferred,omitempty"`
	Amount      *money.Amount  `json:"amount,omitempty"` // that a machine took
	Event       string         `json:"event"`            // CBOR, base64url without padding
}

// Gate is what the gate saw.
type Gate struct {
	Events  []GateEvent `json:"events"`
	Applied []time.Time `json:"applied"` // of each, when the cloud did
}

// Payment is a payment as it is in a pack. The provider's token for the card is
// not in it.
type Payment struct {
	ID            id.Payment    `json:"id"`
	Provider      string        `json:"provider"`
	Ref           string        `json:"ref"`
	HoldKey       string        `json:"hold_key"` // the hold was asked for with
	State         payment.State `json:"state"`
	Amount        money.Amount  `json:"amount"`
	Authorized    money.Amount  `json:"authorized"`
	Captured      money.Amount  `json:"captured"`
	CaptureBefore *time.Time    `json:"capture_before"`
	DeclineCode   string        `json:"decline_code,omitempty"`
	UpdatedAt     time.Time     `json:"updated_at"`
	Disputes      []Dispute     `json:"disputes,omitempty"`
}

// Dispute is what the driver disputes of a payment, in the provider's words.
type Dispute struct {
	Ref    string               `json:"ref"`
	State  payment.DisputeState `json:"state"`
	Amount money.Amount         `json:"amount"`
	Reason string               `json:"reason"`
}

// Incident is an incident as it is in a pack.
type Incident struct {
	ID     id.Incident `json:"id"`
	Class  string      `json:"class"`
	At     time.Time   `json:"at"`
	Detail string      `json:"detail"`
}

var kinds = map[wire.EventKind]string{
	wire.Admitted: "admitted", wire.Entered: "entered", wire.BackedOut: "backed_out", wire.Released: "released", wire.Exited: "exited",
	wire.Refused: "refused", wire.TimeMark: "time_mark", wire.AllotmentAdopted: "allotment_adopted", wire.Started: "started",
	wire.LaneFault: "lane_fault", wire.Paid: "paid", wire.Dismissed: "dismissed",
}

// Store reads what packs are made from.
type Store interface {
	// Evidence is all about a reservation; its fault is reservation_not_found.
	Evidence(ctx context.Context, r id.Reservation) (Facts, error)
}

// Build makes the pack and signs it. The same facts, key and time make the same
// bytes.
func Build(f Facts, key pass.SigningKey, now time.Time) (Files, error) {
	r := f.Reservation
	m := Manifest{Format: Format, Reservation: r.ID, Parking: r.Parking, MadeAt: now.UTC().Truncate(time.Second), Missing: []Missing{}}
	files, holds := Files{}, map[string]string{}
	add := func(name, says string, v any) error {
		content, err := encode(v)
		files[name], holds[name] = content, says
		return err
	}
	p, err := f.pass(key)
	if err != nil {
		return nil, err
	}
	g, err := f.gate()
	if err != nil {
		return nil, err
	}
	movements := f.Movements
	if movements == nil {
		movements = []receipt.Movement{}
	}
	for i := range movements {
		movements[i].At = movements[i].At.UTC()
	}
	for _, err := range []error{
		add("reservation.json", "what was reserved, and the quote with its lines", f.reserved()),
		add("pass.json", "the signed pass and its generations", p),
		add("gate.json", "the edge's journal about it: observations, decisions, passages", g),
		add("payments.json", "what was asked of the payment provider", f.payments()),
		add("ledger.json", "every movement that was booked", movements),
		add("incidents.json", "what the cloud put on record", f.incidents()),
	} {
		if err != nil {
			return nil, err
		}
	}
	for _, t := range f.Editions {
		name := fmt.Sprintf("tariff-%d.json", t.Version)
		if files[name], err = receipt.Canonical(t); err != nil {
			return nil, err
		}
		holds[name] = "an edition of the tariff, as it is published"
	}
	if v := r.Quote.TariffVersion; !slices.ContainsFunc(f.Editions, func(t tariff.Tariff) bool { return t.Version == v }) {
		m.Missing = append(m.Missing, Missing{fmt.Sprintf("tariff-%d.json", v), "this edition of the tariff is not on record"})
	}
	if err := f.receipt(key, &m, files, holds); err != nil {
		return nil, err
	}
	files["README.txt"], holds["README.txt"] = []byte(f.story(g, m)), "the story, in the order of time"
	return files, files.sign(m, holds, key)
}

func (f *Facts) reserved() Reserved {
	r := f.Reservation
	return Reserved{
		r.ID, r.Parking, r.State, r.SpaceType, r.Space, r.Window.From.UTC(), r.Window.To.UTC(), r.NoShowAt.UTC(), r.CreatedAt.UTC(), r.UpdatedAt.UTC(),
		r.Email, r.Plate, r.Session, r.Quote, r.ConfirmedRevision,
	}
}

// pass signs the pass again, which gives what the driver was given as long as the
// key is the same.
func (f *Facts) pass(key pass.SigningKey) (Pass, error) {
	r := f.Reservation
	p := Pass{Generations: []Generation{}}
	for _, e := range f.Told {
		if b := e.Body.Reservation; b != nil && (e.Kind == feed.ReservationConfirmed || e.Kind == feed.ReservationChanged) {
			p.Generations = append(p.Generations, Generation{b.Generation, b.SpaceType, b.From.UTC(), b.To.UTC(), e.Revision, e.At.UTC()})
		}
	}
	if r.ConfirmedRevision == 0 {
		return p, nil
	}
	var err error
	if p.Text, err = pass.Sign(passOf(r), key); err != nil {
		return p, fmt.Errorf("sign the pass of %s: %w", r.ID, err)
	}
	return p, nil
}

func passOf(r *reservation.Reservation) pass.Pass {
	return pass.Pass{
		Parking: r.Parking, Reservation: r.ID, Generation: r.Generation, SpaceType: r.SpaceType,
		From: r.Window.From, To: r.Window.To, NoShowAt: r.NoShowAt, Revision: r.ConfirmedRevision,
	}
}

func (f *Facts) gate() (Gate, error) {
	g := Gate{Events: []GateEvent{}, Applied: []time.Time{}}
	for _, o := range f.Journal {
		e, err := gateEvent(o.Epoch, o.Raw)
		if err != nil {
			return g, fmt.Errorf("journal event %d/%d: %w", o.Epoch, o.Seq, err)
		}
		g.Events, g.Applied = append(g.Events, e), append(g.Applied, o.Applied.UTC())
	}
	return g, nil
}

// gateEvent says what the bytes of an event say.
func gateEvent(epoch uint32, raw []byte) (GateEvent, error) {
	e, err := wire.Unmarshal[wire.Event](raw)
	if err != nil {
		return GateEvent{}, err
	}
	out := GateEvent{
		Epoch: epoch, Seq: e.Seq, Kind: kinds[e.Kind], Lane: e.Lane, Session: e.Session, Reservation: e.Reservation, Generation: e.Generation,
		Reason: e.Reason, Offline: e.Offline, Inferred: e.Inferred, Event: base64.RawURLEncoding.EncodeToString(raw),
	}
	if e.Uncertainty != wire.Uncertain {
		doubt := time.Duration(e.Uncertainty) * time.Millisecond
		earliest, latest := e.Time().Add(-doubt), e.Time().Add(doubt)
		out.Earliest, out.Latest = &earliest, &latest
	}
	if e.TrustedLo > 0 {
		sure := time.UnixMilli(e.TrustedLo).UTC()
		out.SureAfter = &sure
	}
	if e.Kind == wire.Paid {
		taken := money.New(e.Amount, e.Currency)
		out.Amount = &taken
	}
	return out, nil
}

func (f *Facts) payments() []Payment {
	out := []Payment{}
	for _, p := range f.Payments {
		c := p.Amount.Currency
		x := Payment{p.ID, p.Provider, p.Ref, p.Key(payment.CallHold), p.State, p.Amount, money.New(p.Authorized, c), money.New(p.Captured, c), nil, p.DeclineCode, p.UpdatedAt.UTC(), nil}
		for _, d := range f.Disputes[p.ID] {
			x.Disputes = append(x.Disputes, Dispute(d))
		}
		if !p.CaptureBefore.IsZero() {
			before := p.CaptureBefore.UTC()
			x.CaptureBefore = &before
		}
		out = append(out, x)
	}
	return out
}

func (f *Facts) incidents() []Incident {
	out := []Incident{}
	for _, i := range f.Incidents {
		out = append(out, Incident{i.ID, i.Class, i.At.UTC(), i.Detail})
	}
	return out
}

// receipt adds the receipt, or says why there is none.
func (f *Facts) receipt(key pass.SigningKey, m *Manifest, files Files, holds map[string]string) error {
	made, err := receipt.Build(f.Facts)
	if code := fault.Code(err); code == receipt.CodeNotReady || code == receipt.CodeNone {
		for _, name := range []string{"receipt.json", "receipt.pdf"} {
			m.Missing = append(m.Missing, Missing{name, code})
		}
		return nil
	}
	if err != nil {
		return err
	}
	document, err := receipt.Sign(made, key)
	if err != nil {
		return err
	}
	if files["receipt.json"], err = document.Bytes(); err != nil {
		return err
	}
	if files["receipt.pdf"], err = paper.PDF(&made, locale.Reader{}); err != nil {
		return err
	}
	holds["receipt.json"], holds["receipt.pdf"] = "the receipt: openlot receipt verify recomputes it", "the receipt on paper"
	return nil
}

// story is what happened, for a person.
func (f *Facts) story(g Gate, m Manifest) string {
	r := f.Reservation
	var s strings.Builder
	fmt.Fprintf(&s, "Evidence about %s at %s (%s), made %s.\n\n", r.ID, f.Parking.Name, f.Operator, m.MadeAt.Format(time.RFC3339))
	fmt.Fprintf(&s, "Reserved: %s, %s to %s, for %s of which %s tax. It is %s.\n\n", r.SpaceType, r.Window.From.UTC().Format(time.RFC3339), r.Window.To.UTC().Format(time.RFC3339),
		r.Quote.Total, r.Quote.Tax, r.State)
	type told struct {
		at   time.Time
		says string
	}
	all := []told{{r.CreatedAt, "the reservation was made"}}
	for _, e := range f.Told {
		if e.Body.Reservation != nil {
			all = append(all, told{e.At, string(e.Kind)})
		}
	}
	for i, e := range g.Events {
		says := fmt.Sprintf("gate %s: %s", e.Lane, e.Kind)
		if e.Reason != "" {
			says += " (" + string(e.Reason) + ")"
		}
		at := g.Applied[i]
		if e.Latest != nil {
			at = *e.Latest
		}
		all = append(all, told{at, fmt.Sprintf("%s, journal %d/%d", says, e.Epoch, e.Seq)})
	}
	for _, x := range f.Movements {
		for _, p := range x.Postings {
			if p.Amount.Minor > 0 {
				all = append(all, told{x.At, fmt.Sprintf("booked: %s, %s on %s", x.Kind, p.Amount, p.Account)})
			}
		}
	}
	for _, i := range f.Incidents {
		all = append(all, told{i.At, "incident " + i.Class + ": " + i.Detail})
	}
	slices.SortStableFunc(all, func(a, b told) int { return a.at.Compare(b.at) })
	for _, t := range all {
		fmt.Fprintf(&s, "%s  %s\n", t.at.UTC().Format(time.RFC3339), t.says)
	}
	for _, x := range m.Missing {
		fmt.Fprintf(&s, "\n%s is not here: %s\n", x.Name, x.Why)
	}
	s.WriteString("\nopenlot evidence verify checks this pack; its manifest lists every file with its SHA-256.\n")
	return s.String()
}
