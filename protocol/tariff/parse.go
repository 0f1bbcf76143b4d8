package tariff

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/openlot/openlot/protocol/fault"
)

// MaxDocument bounds a tariff document in bytes.
const MaxDocument = 64 << 10

// Problem is one thing that is wrong with a document.
type Problem struct {
	Line  int    // from 1; 0 when it is about no line
	Field string // its path, such as "bands[1].from"
	Says  string // continues the path to a sentence
}

// Parse reads one tariff document. It is strict: keys are spelled exactly,
// none is unknown, repeated or null, the required ones are there, and nothing
// follows the document. Its error is a fault with the code "invalid_tariff"
// that names every offending field.
func Parse(document []byte) (Tariff, error) {
	t, _, err := read(document)
	return t, err
}

// Problems is what Parse finds wrong, with lines, in the order of the document;
// empty when it finds nothing. A document that is not JSON has one problem.
func Problems(document []byte) []Problem {
	_, lines, err := read(document)
	if err == nil {
		return nil
	}
	f := fault.From(err)
	if len(f.Fields) == 0 {
		at := 0
		if wrong, ok := errors.AsType[*lineError](err); ok {
			at = wrong.line
		}
		return []Problem{{Line: at, Says: f.Detail}}
	}
	var all []Problem
	for field, says := range f.Fields {
		all = append(all, Problem{cmp.Or(line(lines, field), lines[""]), field, says})
	}
	slices.SortFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
	})
	return all
}

// line is that of the field, or of what it is in.
func line(lines map[string]int, field string) int {
	for field != "" {
		if l, ok := lines[field]; ok {
			return l
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
	return 0
}

func read(document []byte) (Tariff, map[string]int, error) {
	if len(document) > MaxDocument {
		return Tariff{}, nil, fault.Newf(fault.Invalid, "invalid_tariff", "A tariff document has at most %d bytes.", MaxDocument)
	}
	n, err := readNode(document)
	if err != nil {
		return Tariff{}, nil, fault.Wrap(err, fault.Invalid, "invalid_tariff", "The tariff is not one JSON object: "+err.Error()+".")
	}
	if _, ok := n.value.(members); !ok {
		return Tariff{}, nil, fault.New(fault.Invalid, "invalid_tariff", "The tariff is not one JSON object.")
	}
	p, lines := problems{}, map[string]int{}
	t := readTariff(n, p, lines)
	if len(p) == 0 {
		if err := t.Validate(); err != nil {
			return Tariff{}, lines, err
		}
		return t, lines, nil
	}
	if invalid := fault.From(t.Validate()); invalid != nil {
		for field, problem := range invalid.Fields {
			if !told(p, field) {
				p[field] = problem
			}
		}
	}
	return Tariff{}, lines, p.fault()
}

// told says whether a field, or a part of it, was complained about: what could
// not be read need not be found out of range, too.
func told(p problems, field string) bool {
	for said := range p {
		if rest, in := strings.CutPrefix(said, field); in && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

func readTariff(n *node, p problems, lines map[string]int) Tariff {
	var t Tariff
	r := newReader("", n, p, lines)
	integer(r, "format", &t.Format, required)
	integer(r, "version", &t.Version, required)
	text(r, "currency", &t.Currency, required)
	text(r, "profile", &t.Profile, optional)
	// Bands that cover everything need no base rate.
	base := !r.has("bands") || r.has("rate") || r.has("interval_minutes")
	integer(r, "rate", &t.Rate, base)
	integer(r, "interval_minutes", &t.IntervalMinutes, base)
	t.Steps = readSteps(r)
	text(r, "charge", &t.Charge, optional)
	integer(r, "free_minutes", &t.FreeMinutes, optional)
	integer(r, "consideration_minutes", &t.ConsiderationMinutes, optional)
	integer(r, "minimum", &t.Minimum, optional)
	integer(r, "daily_max", &t.DailyMax, optional)
	text(r, "day", &t.Day, optional)
	integer(r, "re_entry_minutes", &t.ReEntryMinutes, optional)
	integer(r, "exit_after_payment_minutes", &t.ExitAfterPaymentMinutes, optional)
	integer(r, "tax_basis_points", &t.TaxBasisPoints, optional)
	r.each("bands", MaxBands, func(_ int, n *node, path string) { t.Bands = append(t.Bands, readBand(n, path, p, lines)) })
	r.each("events", MaxEvents, func(_ int, n *node, path string) { t.Events = append(t.Events, readEvent(n, path, p, lines)) })
	r.each("holidays", MaxHolidays, func(_ int, n *node, path string) {
		var d Date
		r.parse(n, path, &d)
		t.Holidays = append(t.Holidays, d)
	})
	r.each("maxima", MaxMaxima, func(_ int, n *node, path string) {
		var m Maximum
		in := newReader(path, n, p, lines)
		integer(in, "hours", &m.Hours, required)
		integer(in, "amount", &m.Amount, required)
		in.end()
		t.Maxima = append(t.Maxima, m)
	})
	if n, path := r.field("factors", optional); n != nil {
		t.Factors = map[string]int{}
		in := newReader(path, n, p, lines)
		for _, m := range in.object {
			var f int
			integer(in, m.key, &f, required)
			t.Factors[m.key] = f
		}
	}
	r.end()
	return t
}

func readSteps(r *reader) []Step {
	var all []Step
	r.each("steps", MaxSteps, func(_ int, n *node, path string) {
		var s Step
		in := newReader(path, n, r.wrong, r.lines)
		integer(in, "after_minutes", &s.AfterMinutes, required)
		integer(in, "rate", &s.Rate, required)
		integer(in, "interval_minutes", &s.IntervalMinutes, required)
		in.end()
		all = append(all, s)
	})
	return all
}

func readBand(n *node, path string, p problems, lines map[string]int) Band {
	var b Band
	r := newReader(path, n, p, lines)
	text(r, "id", &b.ID, required)
	r.each("days", kinds, func(_ int, n *node, path string) {
		s, ok := n.value.(string)
		p.unless(ok, path, "must be a text")
		b.Days = append(b.Days, DayKind(s))
	})
	r.parsed("from", &b.From, required)
	r.parsed("to", &b.To, required)
	integer(r, "rate", &b.Rate, required)
	integer(r, "interval_minutes", &b.IntervalMinutes, required)
	integer(r, "max", &b.Max, optional)
	b.Steps = readSteps(r)
	r.end()
	return b
}

func readEvent(n *node, path string, p problems, lines map[string]int) Event {
	var e Event
	r := newReader(path, n, p, lines)
	text(r, "id", &e.ID, required)
	r.parsed("from", &e.From, required)
	r.parsed("to", &e.To, required)
	integer(r, "rate", &e.Rate, required)
	integer(r, "interval_minutes", &e.IntervalMinutes, required)
	integer(r, "max", &e.Max, optional)
	e.Steps = readSteps(r)
	r.end()
	return e
}
