package tariff

import (
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// MaxStay is the longest stay that is priced, and the longest from the
// beginning of the first of stays that go on with each other.
const MaxStay = 400 * 24 * time.Hour

// maxEarlier bounds how many stays go on with each other.
const maxEarlier = 32

// Facts are what a price depends on beside the tariff and the stay.
type Facts struct {
	Zone      *time.Location // the parking's zone; a Plan has it already
	SpaceType string         // whose factor counts; one without a factor costs the price itself

	// Earlier are the stays that this one goes on with, oldest first: see Linked.
	// They have been charged; the bill takes their price off.
	Earlier []timerange.Range
}

// Price prices a stay and explains it: Compile, Plan.Price and Plan.Explain in
// one.
func (t Tariff) Price(stay timerange.Range, f Facts) (Bill, error) {
	p, err := Compile(t, f.Zone)
	if err != nil {
		return Bill{}, err
	}
	b, err := p.Price(stay, f)
	if err == nil {
		p.Explain(&b)
	}
	return b, err
}

// Price prices a stay; its lines have no labels yet. Its errors are faults:
// "invalid_window" for a reversed stay, one outside of the years 1 to 9999 or
// earlier stays that are not in order, and "stay_too_long" above MaxStay. A
// stay of no duration costs nothing and has no lines.
func (p *Plan) Price(stay timerange.Range, f Facts) (Bill, error) {
	if err := checkStays(stay, f.Earlier); err != nil {
		return Bill{}, err
	}
	var w walker
	var lines []Line
	total := p.total(&w, stay, f, nil)
	if w.written > 0 { // counted; now write as many
		lines = make([]Line, 0, w.written)
		p.total(&w, stay, f, &lines)
	} else {
		lines = []Line{}
	}
	return Bill{
		Total: money.New(total, p.tariff.Currency), Tax: money.New(includedTax(total, int64(p.tariff.TaxBasisPoints)), p.tariff.Currency),
		TaxBasisPoints: p.tariff.TaxBasisPoints, Lines: lines, TariffVersion: p.tariff.Version,
	}, nil
}

// Total is what Price comes to, without the lines.
func (p *Plan) Total(stay timerange.Range, f Facts) (money.Amount, error) {
	if err := checkStays(stay, f.Earlier); err != nil {
		return money.Amount{}, err
	}
	var w walker
	return money.New(p.total(&w, stay, f, nil), p.tariff.Currency), nil
}

// checkStays is what stays must be to be priced together.
func checkStays(stay timerange.Range, earlier []timerange.Range) error {
	first := stay.From
	switch elapsed := stay.To.Sub(stay.From); {
	case elapsed < 0:
		return fault.New(fault.Invalid, "invalid_window", "The stay ends before it begins.")
	case elapsed > MaxStay:
		return errTooLong()
	case len(earlier) > maxEarlier:
		return fault.Newf(fault.Invalid, "invalid_window", "At most %d stays go on with each other.", maxEarlier)
	}
	before := stay.From
	for _, e := range slices.Backward(earlier) {
		if e.To.After(before) || e.To.Before(e.From) {
			return fault.New(fault.Invalid, "invalid_window", "The stays are not one after the other.")
		}
		before, first = e.From, e.From
	}
	if stay.To.Sub(first) > MaxStay {
		return errTooLong()
	}
	if first.UTC().Year() < 1 || stay.To.UTC().Year() > 9999 {
		return fault.New(fault.Invalid, "invalid_window", "The stay is outside of the years 1 to 9999.")
	}
	return nil
}

func errTooLong() error {
	return fault.New(fault.Invalid, "stay_too_long", "A stay of more than 400 days is not priced.")
}

// total prices the stay and writes its lines, or counts them where there is no
// place for them.
func (p *Plan) total(w *walker, stay timerange.Range, f Facts, lines *[]Line) int64 {
	first := stay.From
	if len(f.Earlier) > 0 {
		first = f.Earlier[0].From
	}
	w.start(p, first, lines)
	all := p.price(w, f.Earlier, &stay, f.SpaceType)
	if len(f.Earlier) == 0 {
		return all
	}
	var before walker // its lines are nowhere
	before.start(p, first, nil)
	charged := p.price(&before, f.Earlier, nil, f.SpaceType)
	if charged > 0 {
		w.write(Line{Rule: RuleBefore, From: first.UTC(), To: f.Earlier[len(f.Earlier)-1].To.UTC(), Amount: money.New(-charged, p.tariff.Currency)})
	}
	return all - charged
}

// price is the price of the earlier stays and, unless it is nil, the last.
func (p *Plan) price(w *walker, earlier []timerange.Range, last *timerange.Range, spaceType string) int64 {
	var inside time.Duration
	var end time.Time
	for _, s := range earlier {
		inside += s.To.Sub(s.From)
		end = s.To
	}
	if last != nil {
		inside += last.To.Sub(last.From)
		end = last.To
	}
	begin, end := w.origin, end.UTC()
	currency := p.tariff.Currency
	if inside <= 0 {
		return 0
	}
	if free, rule := p.tariff.free(); inside <= free {
		w.write(Line{Rule: rule, From: begin, To: end, Minutes: int(free / time.Minute), Amount: money.New(0, currency)})
		return 0
	}
	for _, s := range earlier {
		w.stay(s.From, s.To)
	}
	if last != nil {
		w.stay(last.From, last.To)
	}
	w.flush()
	total := w.sum
	if missing := p.tariff.Minimum - total; missing > 0 {
		w.write(Line{Rule: RuleMinimum, From: begin, To: end, Rate: p.tariff.Minimum, Amount: money.New(missing, currency)})
		total += missing
	}
	if factor, has := p.tariff.Factors[spaceType]; has && factor != 10_000 {
		scaled := scaled(total, int64(factor))
		w.write(Line{Rule: RuleFactor, ID: spaceType, From: begin, To: end, Rate: int64(factor), Amount: money.New(scaled-total, currency)})
		total = scaled
	}
	return total
}

// Linked picks, out of a visitor's earlier stays, those that a stay beginning
// at entry goes on with: the last one if it ended at most the re-entry time
// before, the one before it if that one is as close, and so on. Stays are
// sorted by their beginning and do not overlap. The answer is a part of them.
func (t Tariff) Linked(stays []timerange.Range, entry time.Time) []timerange.Range {
	within := time.Duration(t.ReEntryMinutes) * time.Minute
	if within == 0 {
		return nil
	}
	first := len(stays)
	for first > 0 && len(stays)-first < maxEarlier {
		gap := entry.Sub(stays[first-1].To)
		if gap < 0 || gap > within {
			break
		}
		first--
		entry = stays[first].From
	}
	return stays[first:]
}
