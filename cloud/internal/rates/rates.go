// Package rates reads what currencies are worth in each other, from a file that an
// operator keeps up to date, such as the daily one of the European Central Bank.
// Nothing is ever charged by it: a portal shows an approximate second price.
package rates

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Good is how long rates are shown after their day.
const Good = 14 * 24 * time.Hour

// Rates are those of one day.
type Rates struct {
	Base string             // ISO 4217
	Day  time.Time          // in UTC
	Of   map[string]float64 // how much of each one of the base is worth
}

// Current reports whether they may be shown: not too old, and of no day to come.
func (r Rates) Current(now time.Time) bool {
	age := now.Sub(r.Day)
	return len(r.Of) > 0 && age >= -24*time.Hour && age <= Good
}

// Parse reads a file: JSON as GET /exchange-rates answers it, or the ECB's daily file as
// CSV or XML. Nothing of a file is taken if something in it cannot be.
func Parse(raw []byte) (Rates, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
	var r Rates
	var err error
	switch {
	case len(text) == 0:
		return Rates{}, errors.New("the file of rates is empty")
	case text[0] == '{':
		r, err = parseJSON(text)
	case text[0] == '<':
		r, err = parseXML(text)
	default:
		r, err = parseCSV(text)
	}
	if err != nil {
		return Rates{}, err
	}
	return r, r.check()
}

func parseJSON(text []byte) (Rates, error) {
	var doc struct {
		Base  string             `json:"base"`
		AsOf  string             `json:"as_of"`
		Rates map[string]float64 `json:"rates"`
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return Rates{}, fmt.Errorf("the file of rates is no JSON of base, as_of and rates: %w", err)
	}
	day, err := time.Parse(time.DateOnly, doc.AsOf)
	if err != nil {
		return Rates{}, fmt.Errorf("as_of %q is no day such as 2026-11-26", doc.AsOf)
	}
	return Rates{Base: doc.Base, Day: day, Of: doc.Rates}, nil
}

// parseXML reads eurofxref-daily.xml; of the file of many days, the newest.
func parseXML(text []byte) (Rates, error) {
	var doc struct {
		Days []struct {
			Time  string `xml:"time,attr"`
			Rates []struct {
				Currency string `xml:"currency,attr"`
				Rate     string `xml:"rate,attr"`
			} `xml:"Cube"`
		} `xml:"Cube>Cube"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		return Rates{}, fmt.Errorf("the file of rates: %w", err)
	}
	var newest Rates
	for _, d := range doc.Days {
		day, err := time.Parse(time.DateOnly, d.Time)
		if err != nil {
			return Rates{}, fmt.Errorf("%q is no day such as 2026-11-26", d.Time)
		}
		if !day.After(newest.Day) {
			continue
		}
		newest = Rates{Base: "EUR", Day: day, Of: map[string]float64{}}
		for _, x := range d.Rates {
			if newest.Of[x.Currency], err = strconv.ParseFloat(x.Rate, 64); err != nil {
				return Rates{}, fmt.Errorf("the rate of %s: %q is no number", x.Currency, x.Rate)
			}
		}
	}
	return newest, nil
}

// parseCSV reads eurofxref.csv: the names, then a line for each day.
func parseCSV(text []byte) (Rates, error) {
	in := csv.NewReader(bytes.NewReader(text))
	in.FieldsPerRecord, in.TrimLeadingSpace = -1, true
	rows, err := in.ReadAll()
	if err != nil {
		return Rates{}, fmt.Errorf("the file of rates: %w", err)
	}
	if len(rows) < 2 || !strings.EqualFold(strings.TrimSpace(rows[0][0]), "Date") {
		return Rates{}, errors.New("the file of rates is neither JSON nor the ECB's XML or CSV")
	}
	var newest Rates
	for _, row := range rows[1:] {
		day, err := csvDay(strings.TrimSpace(row[0]))
		if err != nil {
			return Rates{}, err
		}
		if !day.After(newest.Day) {
			continue
		}
		newest = Rates{Base: "EUR", Day: day, Of: map[string]float64{}}
		for i, text := range row[1:] {
			text = strings.TrimSpace(text)
			if i+1 >= len(rows[0]) || text == "" || text == "N/A" { // the bank ends its lines with a comma
				continue
			}
			name := strings.TrimSpace(rows[0][i+1])
			if newest.Of[name], err = strconv.ParseFloat(text, 64); err != nil {
				return Rates{}, fmt.Errorf("the rate of %s: %q is no number", name, text)
			}
		}
	}
	return newest, nil
}

func csvDay(text string) (time.Time, error) {
	for _, layout := range []string{"2 January 2006", time.DateOnly} {
		if day, err := time.Parse(layout, text); err == nil {
			return day, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no day such as 26 November 2026", text)
}

func (r Rates) check() error {
	if !isCode(r.Base) {
		return fmt.Errorf("the base %q is no currency's code", r.Base)
	}
	if len(r.Of) == 0 {
		return errors.New("the file of rates has none")
	}
	for name, rate := range r.Of {
		switch {
		case !isCode(name):
			return fmt.Errorf("%q is no currency's code", name)
		case math.IsNaN(rate), math.IsInf(rate, 0), rate <= 0:
			return fmt.Errorf("the rate of %s is not above zero", name)
		}
	}
	return nil
}

func isCode(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
