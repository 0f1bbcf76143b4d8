package postgres

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// This file spells the rows of commit_batch. A row's keys are the columns'
// names; a zero time or id is null.

type reservationRow struct {
	Parking           id.Parking        `json:"parking"`
	ID                uuid              `json:"id"`
	Version           int64             `json:"version"`
	State             reservation.State `json:"state"`
	Generation        uint16            `json:"generation"`
	SpaceType         id.SpaceType      `json:"space_type"`
	From              time.Time         `json:"from_at"`
	To                time.Time         `json:"to_at"`
	ClaimFrom         timerange.Q       `json:"claim_from_q"`
	ClaimTo           timerange.Q       `json:"claim_to_q"`
	Quote             reservation.Quote `json:"quote"`
	Payment           uuid              `json:"payment"`
	Email             string            `json:"email"`
	Phone             string            `json:"phone"`
	Plate             string            `json:"plate"`
	HoldUntil         time.Time         `json:"hold_until"`
	NoShowAt          time.Time         `json:"no_show_at"`
	Session           *uuid             `json:"session"`
	Space             *string           `json:"space"`
	RemindedAt        *time.Time        `json:"reminded_at"`
	Pending           *changeRow        `json:"pending"`
	ConfirmedRevision uint64            `json:"confirmed_revision"`
	ConfirmedEvent    int               `json:"confirmed_event"`
	CreatedAt         time.Time         `json:"created_at"`
	UpdatedAt         time.Time         `json:"updated_at"`
}

func newReservationRow(p id.Parking, r *reservation.Reservation, confirmedEvent int) reservationRow {
	return reservationRow{
		Parking: p, ID: r.ID.UUID(), Version: r.Version, State: r.State, Generation: r.Generation, SpaceType: r.SpaceType,
		From: r.Window.From, To: r.Window.To, ClaimFrom: r.Claim.From, ClaimTo: r.Claim.To, Quote: r.Quote,
		Payment: r.Payment.UUID(), Email: r.Email, Phone: r.Phone, Plate: r.Plate, HoldUntil: r.HoldUntil, NoShowAt: r.NoShowAt,
		Session: optional(r.Session.UUID()), Space: optionalText(r.Space), RemindedAt: optionalTime(r.RemindedAt),
		Pending: newChangeRow(r.Pending), ConfirmedRevision: r.ConfirmedRevision, ConfirmedEvent: confirmedEvent,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// changeRow is a change of a reservation that is not paid for yet.
type changeRow struct {
	From      time.Time         `json:"from"`
	To        time.Time         `json:"to"`
	SpaceType id.SpaceType      `json:"space_type"`
	ClaimFrom timerange.Q       `json:"claim_from_q"`
	ClaimTo   timerange.Q       `json:"claim_to_q"`
	Quote     reservation.Quote `json:"quote"`
	Payment   id.Payment        `json:"payment"`
	Until     time.Time         `json:"until"`
}

func newChangeRow(c *reservation.Change) *changeRow {
	if c == nil {
		return nil
	}
	return &changeRow{c.Window.From, c.Window.To, c.SpaceType, c.Claim.From, c.Claim.To, c.Quote, c.Payment, c.Until}
}

func (c *changeRow) change() *reservation.Change {
	if c == nil {
		return nil
	}
	return &reservation.Change{
		Window: timerange.Range{From: c.From.UTC(), To: c.To.UTC()}, SpaceType: c.SpaceType,
		Claim: timerange.Quarters{From: c.ClaimFrom, To: c.ClaimTo}, Quote: c.Quote, Payment: c.Payment, Until: c.Until.UTC(),
	}
}

type paymentRow struct {
	Parking       id.Parking    `json:"parking"`
	ID            uuid          `json:"id"`
	Version       int64         `json:"version"`
	Reservation   uuid          `json:"reservation"`
	State         payment.State `json:"state"`
	Provider      string        `json:"provider"`
	Method        string        `json:"method"`
	Ref           string        `json:"ref"`
	Currency      string        `json:"currency"`
	Amount        int64         `json:"amount"`
	Authorized    int64         `json:"authorized"`
	CaptureAmount int64         `json:"capture_amount"`
	CaptureTax    int64         `json:"capture_tax"`
	Captured      int64         `json:"captured"`
	CaptureBefore *time.Time    `json:"capture_before"`
	NextAction    string        `json:"next_action"`
	DeclineCode   string        `json:"decline_code"`
	UpdatedAt     time.Time     `json:"updated_at"`
}

func newPaymentRow(p id.Parking, x *payment.Payment) paymentRow {
	return paymentRow{
		Parking: p, ID: x.ID.UUID(), Version: x.Version, Reservation: x.Reservation.UUID(), State: x.State, Provider: x.Provider,
		Method: x.Method, Ref: x.Ref, Currency: string(x.Amount.Currency), Amount: x.Amount.Minor, Authorized: x.Authorized,
		CaptureAmount: x.CaptureAmount, CaptureTax: x.CaptureTax, Captured: x.Captured, CaptureBefore: optionalTime(x.CaptureBefore),
		NextAction: x.NextAction, DeclineCode: x.DeclineCode, UpdatedAt: x.UpdatedAt,
	}
}

type sessionRow struct {
	Parking     id.Parking    `json:"parking"`
	ID          uuid          `json:"id"`
	Version     int64         `json:"version"`
	Reservation *uuid         `json:"reservation"`
	SpaceType   id.SpaceType  `json:"space_type"`
	State       session.State `json:"state"`
	Allotted    bool          `json:"allotted"`
	ClaimTo     timerange.Q   `json:"claim_to_q"`
	EnteredAt   time.Time     `json:"entered_at"`
	ExitedAt    *time.Time    `json:"exited_at"`
	EntryLane   id.Lane       `json:"entry_lane"`
	ExitLane    id.Lane       `json:"exit_lane"`
	EntryReason string        `json:"entry_reason"`
	ExitReason  string        `json:"exit_reason"`
	Inferred    bool          `json:"inferred"`
	Currency    *string       `json:"currency"`
	Due         *int64        `json:"due"`
	Owed        *int64        `json:"owed"`
}

func newSessionRow(p id.Parking, s *session.Session) sessionRow {
	row := sessionRow{
		Parking: p, ID: s.ID.UUID(), Version: s.Version, Reservation: optional(s.Reservation.UUID()), SpaceType: s.SpaceType,
		State: s.State, Allotted: s.Allotted, ClaimTo: s.ClaimTo, EnteredAt: s.EnteredAt, ExitedAt: optionalTime(s.ExitedAt),
		EntryLane: s.EntryLane, ExitLane: s.ExitLane, EntryReason: string(s.EntryReason), ExitReason: string(s.ExitReason),
		Inferred: s.Inferred,
	}
	if s.Due != nil {
		c := string(s.Due.Currency)
		row.Currency, row.Due = &c, &s.Due.Minor
	}
	if s.Owed != nil {
		row.Owed = &s.Owed.Minor
	}
	return row
}

type allotmentRow struct {
	Parking   id.Parking   `json:"parking"`
	SpaceType id.SpaceType `json:"space_type"`
	Version   int64        `json:"version"`
	Units     int16        `json:"units"`
	Granted   int16        `json:"granted"`
	Until     timerange.Q  `json:"until_q"`
}

type watermarkRow struct {
	Parking   id.Parking `json:"parking"`
	Version   int64      `json:"version"`
	Journal   uuid       `json:"journal"`
	Epoch     uint32     `json:"epoch"`
	Seq       uint64     `json:"seq"`
	Hash      string     `json:"hash"`
	TrustedLo *time.Time `json:"trusted_lo"`
}

type keyRow struct {
	Principal   string     `json:"principal"`
	Key         string     `json:"key"`
	RequestHash string     `json:"request_hash"`
	Parking     id.Parking `json:"parking"`
	Reservation uuid       `json:"reservation"`
}

type ledgerRow struct {
	Parking     id.Parking     `json:"parking"`
	Txn         uuid           `json:"txn"`
	Line        int            `json:"line"`
	Kind        ledger.Kind    `json:"kind"`
	Account     ledger.Account `json:"account"`
	Currency    string         `json:"currency"`
	Amount      int64          `json:"amount"`
	Reservation *uuid          `json:"reservation"`
	Session     *uuid          `json:"session"`
	Payment     *uuid          `json:"payment"`
	At          time.Time      `json:"at"`
}

type incidentRow struct {
	Parking     id.Parking `json:"parking"`
	ID          uuid       `json:"id"`
	Class       string     `json:"class"`
	Reservation *uuid      `json:"reservation"`
	Session     *uuid      `json:"session"`
	Detail      string     `json:"detail"`
	At          time.Time  `json:"at"`
}

type observationRow struct {
	Parking id.Parking `json:"parking"`
	Epoch   uint32     `json:"epoch"`
	Seq     uint64     `json:"seq"`
	Kind    uint8      `json:"kind"`
	At      time.Time  `json:"at"`
	Raw     string     `json:"raw"`
}

type feedRow struct {
	Parking id.Parking `json:"parking"`
	Ord     int        `json:"ord"`
	Kind    feed.Kind  `json:"kind"`
	Body    feed.Body  `json:"body"`
}

// uuid prints as a canonical UUID in JSON.
type uuid [16]byte

// MarshalJSON implements json.Marshaler.
func (u uuid) MarshalJSON() ([]byte, error) {
	var b [38]byte
	b[0], b[37] = '"', '"'
	hex.Encode(b[1:9], u[0:4])
	hex.Encode(b[10:14], u[4:6])
	hex.Encode(b[15:19], u[6:8])
	hex.Encode(b[20:24], u[8:10])
	hex.Encode(b[25:37], u[10:16])
	b[9], b[14], b[19], b[24] = '-', '-', '-', '-'
	return b[:], nil
}

func optional(u [16]byte) *uuid {
	if u == [16]byte{} {
		return nil
	}
	v := uuid(u)
	return &v
}

func optionalText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// batchArgs gathers the arguments of one call of commit_batch.
type batchArgs struct {
	parkings []string
	events   []int32

	dayParking, dayType []string
	day                 []int32
	dayVersion          []int64
	capacity            []int16
	free, over          []int16

	reservations []reservationRow
	payments     []paymentRow
	sessions     []sessionRow
	allotments   []allotmentRow
	watermarks   []watermarkRow
	keys         []keyRow
	ledger       []ledgerRow
	incidents    []incidentRow
	observations []observationRow
	feed         []feedRow
}

func (b *batchArgs) add(p id.Parking, x commit.Writes, now time.Time) {
	b.parkings = append(b.parkings, string(p))
	b.events = append(b.events, int32(len(x.Events)))
	for k, d := range x.Days {
		b.dayParking = append(b.dayParking, string(p))
		b.dayType = append(b.dayType, string(k.Type))
		b.day = append(b.day, k.Day)
		b.dayVersion = append(b.dayVersion, d.Version)
		b.capacity = append(b.capacity, d.Cap)
		b.free = append(b.free, d.Free[:]...)
		b.over = append(b.over, d.Over[:]...)
	}
	for _, r := range x.Reservations {
		b.reservations = append(b.reservations, newReservationRow(p, r, x.Confirmed[r.ID]))
	}
	for _, y := range x.Payments {
		b.payments = append(b.payments, newPaymentRow(p, y))
	}
	for _, s := range x.Sessions {
		b.sessions = append(b.sessions, newSessionRow(p, s))
	}
	for _, a := range x.Allotments {
		b.allotments = append(b.allotments, allotmentRow{p, a.SpaceType, a.Version, a.Units, a.Granted, a.Until})
	}
	if m := x.Watermark; m != nil {
		b.watermarks = append(b.watermarks, watermarkRow{p, m.Version, m.Journal.UUID(), m.Epoch, m.Seq, hex.EncodeToString(m.Hash[:]), optionalTime(m.TrustedLo)})
	}
	for k, r := range x.Keys {
		b.keys = append(b.keys, keyRow{k.Principal, k.Key, hex.EncodeToString(r.RequestHash[:]), r.Parking, r.Reservation.UUID()})
	}
	for _, e := range x.Entries {
		txn := id.New[id.Transaction](now).UUID()
		for i, y := range e.Postings {
			b.ledger = append(b.ledger, ledgerRow{
				p, txn, i, e.Kind, y.Account, string(y.Amount.Currency), y.Amount.Minor,
				optional(e.Reservation.UUID()), optional(e.Session.UUID()), optional(e.Payment.UUID()), now,
			})
		}
	}
	for _, i := range x.Incidents {
		b.incidents = append(b.incidents, incidentRow{p, i.ID.UUID(), i.Class, optional(i.Reservation.UUID()), optional(i.Session.UUID()), i.Detail, i.At})
	}
	for _, o := range x.Observations {
		b.observations = append(b.observations, observationRow{p, o.Epoch, o.Seq, uint8(o.Kind), o.At, hex.EncodeToString(o.Raw)})
	}
	for i, e := range x.Events {
		b.feed = append(b.feed, feedRow{p, i + 1, e.Kind, e.Body})
	}
}

// args lists the arguments in the order of the function's parameters.
func (b *batchArgs) args() ([]any, error) {
	out := []any{b.parkings, b.events, b.dayParking, b.dayType, b.day, b.dayVersion, b.capacity, b.free, b.over}
	for _, rows := range []any{
		orEmpty(b.reservations), orEmpty(b.payments), orEmpty(b.sessions), orEmpty(b.allotments), orEmpty(b.watermarks),
		orEmpty(b.keys), orEmpty(b.ledger), orEmpty(b.incidents), orEmpty(b.observations), orEmpty(b.feed),
	} {
		j, err := json.Marshal(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

func orEmpty[T any](rows []T) []T {
	if rows == nil {
		return []T{}
	}
	return rows
}
