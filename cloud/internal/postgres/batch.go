package postgres

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
)

// batchArgs gathers the arguments of one call of commit_batch.
type batchArgs struct {
	parkings []id.Parking

	heads, events, days, reservations, payments, keys, feed array

	sessions     []sessionRow
	allotments   []allotmentRow
	watermarks   []watermarkRow
	ledger       []ledgerRow
	incidents    []incidentRow
	observations []observationRow

	text jsonText
	body []byte // of an event; it is used again
}

// reset makes it ready for another batch. What was handed out before is
// overwritten.
func (b *batchArgs) reset() {
	b.parkings = b.parkings[:0]
	for _, a := range b.arrays() {
		a.reset()
	}
	b.sessions, b.allotments, b.watermarks, b.ledger, b.incidents, b.observations = nil, nil, nil, nil, nil, nil
}

func (b *batchArgs) arrays() [7]*array {
	return [...]*array{&b.heads, &b.events, &b.days, &b.reservations, &b.payments, &b.keys, &b.feed}
}

// jsonText writes JSON into a buffer that is used again.
type jsonText struct {
	buf bytes.Buffer
	enc *json.Encoder
}

func (j *jsonText) of(a *array, v any) []byte {
	if j.enc == nil {
		j.enc = json.NewEncoder(&j.buf)
		j.enc.SetEscapeHTML(false)
	}
	j.buf.Reset()
	if err := j.enc.Encode(v); err != nil {
		a.err = err
		return nil
	}
	return j.buf.Bytes()
}

// add adds what was changed in a parking. Parkings come in the order of their
// ids.
func (b *batchArgs) add(p id.Parking, x commit.Writes, now time.Time) {
	b.parkings = append(b.parkings, p)
	n := len(b.parkings)
	b.heads.plainText(string(p))
	b.events.plainInt(int32(len(x.Events)))
	for _, d := range x.Days {
		b.addDay(n, p, d.Key, d.Day)
	}
	for _, r := range x.Reservations {
		b.addReservation(n, p, r, x.Confirmed[r.ID])
	}
	for _, y := range x.Payments {
		b.addPayment(n, p, y)
	}
	for _, k := range x.Keys {
		b.addKey(n, p, k.Key, k.KeyRecord)
	}
	for i, e := range x.Events {
		b.addEvent(n, p, i+1, e)
	}
	b.addRest(p, x, now)
}

func (b *batchArgs) addDay(n int, p id.Parking, k inventory.Key, d *inventory.Day) {
	a := &b.days
	a.begin(8)
	a.int4(n)
	a.text(string(p))
	a.text(string(k.Type))
	a.int4(int(k.Day))
	a.int8(d.Version)
	a.int2(d.Cap)
	a.int2s(d.Free[:])
	a.int2s(d.Over[:])
	a.end()
}

func (b *batchArgs) addReservation(n int, p id.Parking, r *reservation.Reservation, confirmedEvent int) {
	a := &b.reservations
	a.begin(26)
	a.int4(n)
	a.text(string(p))
	a.uuid(r.ID.UUID())
	a.int8(r.Version)
	a.text(string(r.State))
	a.int4(int(r.Generation))
	a.text(string(r.SpaceType))
	a.time(r.Window.From)
	a.time(r.Window.To)
	a.int8(int64(r.Claim.From))
	a.int8(int64(r.Claim.To))
	a.json(b.text.of(a, &r.Quote))
	a.uuid(r.Payment.UUID())
	a.text(r.Email)
	a.text(r.Phone)
	a.text(r.Plate)
	a.time(r.HoldUntil)
	a.time(r.NoShowAt)
	a.uuid(r.Session.UUID())
	a.optionalText(r.Space)
	a.optionalTime(r.RemindedAt)
	if r.Pending == nil {
		a.null(oidJSONB)
	} else {
		a.jsonb(b.text.of(a, newChangeRow(r.Pending)))
	}
	a.int8(int64(r.ConfirmedRevision))
	a.int4(confirmedEvent)
	a.time(r.CreatedAt)
	a.time(r.UpdatedAt)
	a.end()
}

func (b *batchArgs) addPayment(n int, p id.Parking, y *payment.Payment) {
	a := &b.payments
	a.begin(24)
	a.int4(n)
	a.text(string(p))
	a.uuid(y.ID.UUID())
	a.int8(y.Version)
	a.uuid(y.Reservation.UUID())
	a.text(string(y.State))
	a.text(y.Provider)
	a.text(y.Method)
	a.text(y.Ref)
	a.text(string(y.Amount.Currency))
	a.int8(y.Amount.Minor)
	a.int8(y.Authorized)
	a.int8(y.CaptureAmount)
	a.int8(y.CaptureTax)
	a.int8(y.Captured)
	a.optionalTime(y.CaptureBefore)
	a.text(y.NextAction)
	a.text(y.DeclineCode)
	a.time(y.UpdatedAt)
	a.int8(y.Refunded)
	if len(y.Refunds) == 0 {
		a.null(oidJSONB)
	} else {
		a.jsonb(b.text.of(a, y.Refunds))
	}
	if y.Raise.State == "" {
		a.null(oidJSONB)
	} else {
		a.jsonb(b.text.of(a, y.Raise))
	}
	if len(y.Disputes) == 0 {
		a.null(oidJSONB)
	} else {
		a.jsonb(b.text.of(a, y.Disputes))
	}
	if y.ForDebt() {
		a.jsonb(b.text.of(a, y.Debt))
	} else {
		a.null(oidJSONB)
	}
	a.end()
}

func (b *batchArgs) addKey(n int, p id.Parking, k commit.Key, r *commit.KeyRecord) {
	a := &b.keys
	a.begin(6)
	a.int4(n)
	a.text(string(p))
	a.text(k.Principal)
	a.text(k.Key)
	a.bytes(r.RequestHash[:])
	a.uuid(r.Reservation.UUID())
	a.end()
}

func (b *batchArgs) addEvent(n int, p id.Parking, ord int, e feed.Event) {
	a := &b.feed
	a.begin(5)
	a.int4(n)
	a.text(string(p))
	a.int4(ord)
	a.text(string(e.Kind))
	body, err := e.Body.AppendJSON(b.body[:0])
	if err != nil {
		a.err = err
	}
	a.json(body)
	a.end()
	b.body = body
}

// addRest adds what travels as JSON.
func (b *batchArgs) addRest(p id.Parking, x commit.Writes, now time.Time) {
	for _, s := range x.Sessions {
		b.sessions = append(b.sessions, newSessionRow(p, s))
	}
	for _, a := range x.Allotments {
		b.allotments = append(b.allotments, allotmentRow{p, a.SpaceType, a.Version, a.Units, a.Granted, a.Until})
	}
	if m := x.Watermark; m != nil {
		b.watermarks = append(b.watermarks, watermarkRow{p, m.Version, m.Journal.UUID(), m.Epoch, m.Seq, hex.EncodeToString(m.Hash[:]), optionalTime(m.TrustedLo)})
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
}

// plain reports whether commit_unopposed takes all of it.
func (b *batchArgs) plain() bool {
	return len(b.sessions)+len(b.allotments)+len(b.watermarks)+len(b.observations) == 0
}

// rowTypes are the ids of the composite types of commit_batch in this database.
type rowTypes struct{ day, reservation, payment, key, event uint32 }

const selectRowTypes = `select 'commit_day'::regtype::oid, 'commit_reservation'::regtype::oid, 'commit_payment'::regtype::oid,
	'commit_key'::regtype::oid, 'commit_event'::regtype::oid`

// args lists the arguments in the order of the function's parameters, in binary.
func (b *batchArgs) args(t rowTypes) ([][]byte, error) {
	out := [][]byte{
		b.heads.value(oidText), b.events.value(oidInt4), b.days.value(t.day), b.reservations.value(t.reservation),
		b.payments.value(t.payment), b.keys.value(t.key), b.feed.value(t.event),
	}
	for _, a := range b.arrays() {
		if a.err != nil {
			return nil, a.err
		}
	}
	for _, rows := range []struct {
		n    int
		list any
	}{
		{len(b.sessions), b.sessions},
		{len(b.allotments), b.allotments},
		{len(b.watermarks), b.watermarks},
		{len(b.ledger), b.ledger},
		{len(b.incidents), b.incidents},
		{len(b.observations), b.observations},
	} {
		if rows.n == 0 {
			out = append(out, nil)
			continue
		}
		j, err := json.Marshal(rows.list)
		if err != nil {
			return nil, err
		}
		out = append(out, append([]byte{1}, j...)) // jsonb's format has a version
	}
	return out, nil
}
