package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/wire"
)

// Finding is something that is wrong with a receipt.
type Finding struct {
	Where string // the part of the document, such as bill.parts[0].lines[2]
	Says  string
}

// Published is what a receipt is checked against.
type Published struct {
	Keys    []pass.PublicKey
	Tariffs []tariff.Tariff // as the parking publishes them; none: those in the receipt are believed
}

// Verify recomputes a receipt and says all that is wrong with it: the spelling,
// the signature, the tariff's documents, every line and sum, the gate's events
// and the movements of money. A receipt without findings is sound. Whatever the
// bytes are, it comes to an end.
func Verify(document []byte, against Published) (Receipt, []Finding) {
	var d Document
	v := &verifier{}
	if err := read(document, &d); err != nil {
		v.find("document", "is not a receipt: %v", err)
		return d.Receipt, v.findings
	}
	v.r = &d.Receipt
	if again, err := d.Bytes(); err != nil || !bytes.Equal(again, document) {
		v.find("document", "is not spelled as it was issued: something was added, left out or rewritten")
	}
	switch err := d.signed(against.Keys); {
	case errors.Is(err, pass.ErrUnknownKey):
		v.find("signature", "is by a key that is not among those that were given")
	case errors.Is(err, pass.ErrBadSignature):
		v.find("signature", "is not good: the receipt was altered, or it was not issued by the holder of the key")
	case err != nil:
		v.find("signature", "cannot be read: %v", err)
	}
	v.head()
	v.editions(against.Tariffs)
	v.bill()
	v.stay()
	v.money()
	return d.Receipt, v.findings
}

// read decodes one document strictly.
func read(document []byte, d *Document) error {
	if len(document) > MaxDocument {
		return fmt.Errorf("it has more than %d bytes", MaxDocument)
	}
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

type verifier struct {
	r        *Receipt
	plans    map[uint32]*tariff.Plan
	findings []Finding
}

func (v *verifier) find(where, format string, args ...any) {
	v.findings = append(v.findings, Finding{where, fmt.Sprintf(format, args...)})
}

func (v *verifier) unless(ok bool, where, format string, args ...any) {
	if !ok {
		v.find(where, format, args...)
	}
}

// head checks what names the receipt and what it is about.
func (v *verifier) head() {
	r := v.r
	v.unless(r.Format == Format, "format", "is %d; this program knows %d", r.Format, Format)
	n, numbered := strings.CutPrefix(r.Number, string(r.Parking.ID)+"-")
	v.unless(numbered && n != "" && strings.Trim(n, "0123456789") == "" && n[0] != '0', "number", "%q does not count a bill of %s", r.Number, r.Parking.ID)
	if _, err := id.ParseParking(string(r.Parking.ID)); err != nil {
		v.find("parking.id", "is no parking's id")
	}
	if x := r.Reservation; x != nil {
		v.unless(x.From.Before(x.To), "reservation", "ends before it begins")
		v.unless(x.State.Final() || x.State == reservation.NoShow, "reservation.state", "%q is no end of a reservation", x.State)
		v.unless(r.Stay == nil || r.Stay.SpaceType == x.SpaceType, "stay.space_type", "is not that of the reservation")
		v.unless(r.Bill.Reservation == x.ID, "bill.reservation", "is of another reservation")
	} else {
		v.unless(r.Bill.Reservation.IsZero(), "bill.reservation", "is of a reservation that is not on the receipt")
	}
	if s := r.Stay; s != nil {
		v.unless(r.Bill.Session == s.Session, "bill.session", "is of another stay")
	} else {
		v.unless(r.Bill.Session.IsZero(), "bill.session", "is of a stay that is not on the receipt")
	}
	v.unless(r.Reservation != nil || r.Stay != nil, "receipt", "is about no reservation and no stay")
}

// editions checks the tariff's documents and makes them ready.
func (v *verifier) editions(published []tariff.Tariff) {
	v.plans = map[uint32]*tariff.Plan{}
	zone, err := time.LoadLocation(v.r.Parking.Timezone)
	v.unless(err == nil, "parking.timezone", "is not known here")
	for i, e := range v.r.Tariffs {
		where := fmt.Sprintf("tariffs[%d]", i)
		v.unless(e.Version == e.Document.Version, where+".version", "is %d, the document is version %d", e.Version, e.Document.Version)
		sum, err := Digest(e.Document)
		v.unless(err == nil && sum == e.SHA256, where+".sha256", "is not that of the document")
		if len(published) > 0 {
			at := slices.IndexFunc(published, func(t tariff.Tariff) bool { return t.Version == e.Version })
			if at < 0 {
				v.find(where, "version %d is not among the tariffs that were given", e.Version)
			} else if theirs, err := Digest(published[at]); err != nil || theirs != e.SHA256 {
				v.find(where, "version %d is not the one that was published", e.Version)
			}
		}
		plan, err := tariff.Compile(e.Document, zone)
		if err != nil {
			v.find(where+".document", "is no tariff: %v", err)
			continue
		}
		if v.plans[e.Version] != nil {
			v.find(where+".version", "is there twice")
		}
		v.plans[e.Version] = plan
	}
	for version := range v.plans {
		used := slices.ContainsFunc(v.r.Bill.Parts, func(p part) bool { return p.TariffVersion == version })
		v.unless(used, "tariffs", "version %d prices nothing on this receipt", version)
	}
}

// stay checks the stay against the edge's own words.
func (v *verifier) stay() {
	r := v.r
	for i, o := range r.Observations {
		where := fmt.Sprintf("observations[%d]", i)
		e, err := o.decode()
		switch {
		case err != nil:
			v.find(where, "is no journal event: %v", err)
			continue
		case r.Stay == nil:
			v.find(where, "proves a stay that is not on the receipt")
			continue
		}
		v.unless(o.Epoch > 0 && e.Seq == o.Seq, where+".seq", "is %d, the event is number %d of its journal", o.Seq, e.Seq)
		v.unless(e.Session == r.Stay.Session || e.Kind == wire.TimeMark, where, "is about another vehicle")
		v.unless(i == 0 || r.Observations[i-1].before(o), where, "is not in the journal's order")
		switch e.Kind {
		case wire.Admitted, wire.Entered, wire.Released, wire.Exited, wire.TimeMark: // a mark says when the others were
		default:
			v.find(where, "is no passage")
		}
	}
	s := r.Stay
	if s == nil {
		return
	}
	v.unless(!s.ExitedAt.Before(s.EnteredAt), "stay", "ends before it begins")
	in, out := passages(r.Observations, s.Session)
	says := *s
	says.EntryDoubt, says.ExitDoubt = nil, nil
	says.judge(in, out)
	v.unless(s.Inferred == says.Inferred, "stay.inferred", "is not said, though an end of the stay is not among the observations")
	v.unless(equal(s.EntryDoubt, says.EntryDoubt), "stay.entry_uncertainty_ms", "is not what the edge said")
	v.unless(equal(s.ExitDoubt, says.ExitDoubt), "stay.exit_uncertainty_ms", "is not what the edge said")
	if in != nil {
		v.unless(s.EntryClock == says.EntryClock, "stay.entered_at", "is %s, the edge saw it at %s", clock(s.EnteredAt), clock(in.Time()))
	}
	if out != nil {
		v.unless(s.ExitClock == says.ExitClock, "stay.exited_at", "is %s, the edge saw it at %s", clock(s.ExitedAt), clock(out.Time()))
	}
	v.unless(in != nil || s.EntryClock == Edges, "stay.entry_clock", "is said of an entry that nobody saw")
	v.unless(out != nil || s.ExitClock == Edges, "stay.exit_clock", "is said of an exit that nobody saw")
}

func (o Observation) before(p Observation) bool {
	return o.Epoch < p.Epoch || o.Epoch == p.Epoch && o.Seq < p.Seq
}

func equal(a, b *uint32) bool { return a == b || a != nil && b != nil && *a == *b }

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// money checks the movements, what they add up to, and the payments.
func (v *verifier) money() {
	r := v.r
	last := time.Time{}
	known := map[ledger.Account]bool{}
	for _, a := range ledger.Chart() {
		known[a.Account] = true
	}
	for i, m := range r.Movements {
		where := fmt.Sprintf("movements[%d]", i)
		if err := (ledger.Entry{Kind: m.Kind, Postings: m.Postings}).Check(); err != nil {
			v.find(where, "does not balance: %v", err)
		}
		for _, p := range m.Postings {
			v.unless(known[p.Account], where, "names the account %q, which there is not", p.Account)
		}
		v.unless(slices.Contains(ledger.Kinds(), m.Kind), where+".kind", "%q is no kind of movement", m.Kind)
		v.unless(!m.At.Before(last), where, "is before the one above it")
		last = m.At
		v.unless(m.Payment.IsZero() || slices.ContainsFunc(r.Payments, func(p Payment) bool { return p.ID == m.Payment }), where+".payment", "is not among the payments")
	}
	v.unless(len(r.Movements) == 0 || !r.IssuedAt.Before(last), "issued_at", "is before the last movement")
	sums, err := add(r.Movements, r.Bill.Due)
	if err != nil {
		v.find("movements", "do not add up: %v", err)
		return
	}
	says, adds := r.Sums.rows(), sums.rows()
	for i := range adds {
		v.unless(says[i].amount == adds[i].amount, "sums."+adds[i].name, "is %s, the movements make it %s", says[i].amount, adds[i].amount)
		v.unless(adds[i].amount.Minor >= 0, "sums."+adds[i].name, "is less than nothing")
	}
	v.unless(sums.Held.Minor == sums.Released.Minor+sums.Captured.Minor, "sums.held", "%s was held, %s released and %s taken", sums.Held, sums.Released, sums.Captured)
	v.unless(sums.Charged.Minor == r.Bill.Due.Minor+sums.Overpaid.Minor-sums.Credited.Minor, "sums.charged", "the books charge %s, the bill %s", sums.Charged, r.Bill.Due)
	v.payments(sums)
}

// payments checks each payment against its own movements.
func (v *verifier) payments(sums Sums) {
	held, captured := money.New(0, sums.Held.Currency), money.New(0, sums.Held.Currency)
	for i, p := range v.r.Payments {
		where := fmt.Sprintf("payments[%d]", i)
		var own []Movement
		for _, m := range v.r.Movements {
			if m.Payment == p.ID {
				own = append(own, m)
			}
		}
		of, err := add(own, v.r.Bill.Due)
		if err != nil {
			v.find(where, "its movements do not add up: %v", err)
			continue
		}
		v.unless(p.Held == of.Held, where+".held", "is %s, its movements make it %s", p.Held, of.Held)
		v.unless(p.Captured == of.Captured, where+".captured", "is %s, its movements make it %s", p.Captured, of.Captured)
		v.unless(p.Captured.Minor <= p.Held.Minor, where, "more was taken than held")
		// A saved method of which nothing was ever held is an end, too: it took nothing.
		v.unless(slices.Contains(payment.States(), p.State) && (p.State.Final() || p.State == payment.MethodKept), where+".state", "%q is no end of a payment", p.State)
		v.refunds(where, p, of.Refunded)
		v.unless((p.State == payment.Captured) == (p.Captured.Minor > 0), where+".state", "%s does not go with %s taken", p.State, p.Captured)
		held.Minor += of.Held.Minor
		captured.Minor += of.Captured.Minor
	}
	v.unless(held == sums.Held, "payments", "hold %s, the movements %s", held, sums.Held)
	v.unless(captured == sums.Captured, "payments", "took %s, the movements %s", captured, sums.Captured)
}

// refunds checks the credit notes of a payment against what was given back.
func (v *verifier) refunds(where string, p Payment, back money.Amount) {
	sum := money.New(0, back.Currency)
	for i, r := range p.Refunds {
		at := fmt.Sprintf("%s.refunds[%d]", where, i)
		v.unless(r.Amount.Minor > 0 && r.Amount.Currency == back.Currency, at+".amount", "%s is nothing to give back", r.Amount)
		v.unless(r.State.Given(), at+".state", "%q is not given back", r.State)
		v.unless(slices.IndexFunc(p.Refunds, func(x Refund) bool { return x.Reason == r.Reason }) == i, at+".reason", "is there twice")
		sum.Minor += r.Amount.Minor
	}
	v.unless(sum == back, where+".refunds", "give %s back, the movements %s", sum, back)
	v.unless(back.Minor <= p.Captured.Minor, where, "more was given back than taken")
}

type sum struct {
	name   string
	amount money.Amount
}

func (s Sums) rows() []sum {
	return []sum{
		{"held", s.Held},
		{"released", s.Released},
		{"captured", s.Captured},
		{"refunded", s.Refunded},
		{"cash", s.Cash},
		{"terminal", s.Terminal},
		{"credit", s.Credit},
		{"owed", s.Owed},
		{"written_off", s.WrittenOff},
		{"charged", s.Charged},
		{"overpaid", s.Overpaid},
		{"credited", s.Credited},
		{"shops", s.Shops},
	}
}
