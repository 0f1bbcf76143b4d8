package tariff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/openlot/openlot/protocol/fault"
)

// maxDocument bounds a tariff document in bytes.
const maxDocument = 16 << 10

// required are the keys that have no sensible default.
func required() []string {
	return []string{"format", "version", "currency", "rate", "interval_minutes"}
}

// Parse reads one tariff document. It is strict: keys are spelled exactly,
// none is unknown, repeated or null, the required ones are there, and nothing
// follows the document. Its error is a fault with the code "invalid_tariff"
// that names every offending field.
func Parse(document []byte) (Tariff, error) {
	if len(document) > maxDocument {
		return Tariff{}, fault.Newf(fault.Invalid, "invalid_tariff", "A tariff document has at most %d bytes.", maxDocument)
	}
	fields, p, err := members(document)
	if err != nil {
		return Tariff{}, fault.Wrap(err, fault.Invalid, "invalid_tariff", "The tariff is not one JSON object.")
	}
	var t Tariff
	targets := map[string]any{
		"format": &t.Format, "version": &t.Version, "currency": &t.Currency, "rate": &t.Rate,
		"interval_minutes": &t.IntervalMinutes, "free_minutes": &t.FreeMinutes,
		"daily_max": &t.DailyMax, "day": &t.Day, "tax_basis_points": &t.TaxBasisPoints,
	}
	for name, raw := range fields {
		target, known := targets[name]
		switch {
		case !known:
			p[name] = "is not a field of a tariff"
		case string(raw) == "null":
			p[name] = "must not be null"
		case json.Unmarshal(raw, target) != nil:
			p[name] = "has the wrong type or is out of range"
		}
	}
	for _, name := range required() {
		if _, given := fields[name]; !given {
			p[name] = "is missing"
		}
	}
	if invalid := fault.From(t.Validate()); invalid != nil {
		for field, problem := range invalid.Fields {
			if _, said := p[field]; !said {
				p[field] = problem
			}
		}
	}
	if err := p.fault(); err != nil {
		return Tariff{}, err
	}
	return t, nil
}

// members takes a JSON object apart and notes repeated keys, which
// encoding/json would let the last one win.
func members(document []byte) (map[string]json.RawMessage, problems, error) {
	dec := json.NewDecoder(bytes.NewReader(document))
	open, err := dec.Token()
	if err != nil {
		return nil, nil, fmt.Errorf("read the document: %w", err)
	}
	if open != json.Delim('{') {
		return nil, nil, fmt.Errorf("the document starts with %v", open)
	}
	fields, p := map[string]json.RawMessage{}, problems{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("read a key: %w", err)
		}
		name, ok := key.(string)
		if !ok {
			return nil, nil, fmt.Errorf("the key %v is no text", key)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, nil, fmt.Errorf("read a value: %w", err)
		}
		if _, twice := fields[name]; twice {
			p[name] = "is given twice"
		}
		fields[name] = raw
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, fmt.Errorf("read the end: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, fmt.Errorf("something follows the document")
	}
	return fields, p, nil
}
