package rates_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/rates"
)

const (
	asJSON = `{"base":"EUR","as_of":"2026-11-26","rates":{"USD":1.0821,"JPY":163.5,"KWD":0.332}}`
	asCSV  = "Date, USD, JPY, KWD, \n26 November 2026, 1.0821, 163.5, 0.332, \n"
	asXML  = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time='2026-11-25'><Cube currency='USD' rate='1.2'/></Cube>
<Cube time='2026-11-26'><Cube currency='USD' rate='1.0821'/><Cube currency='JPY' rate='163.5'/><Cube currency='KWD' rate='0.332'/></Cube></Cube></gesmes:Envelope>`
)

var day = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

func TestEachFormSaysTheSame(t *testing.T) {
	for name, text := range map[string]string{"JSON": asJSON, "CSV": asCSV, "XML": asXML, "CSV of many days": "Date,USD,JPY,KWD\n2026-11-26,1.0821,163.5,0.332\n2026-11-25,1.1,1,1\n"} {
		r, err := rates.Parse([]byte(text))
		if err != nil || r.Base != "EUR" || !r.Day.Equal(day) || len(r.Of) != 3 || r.Of["USD"] != 1.0821 || r.Of["JPY"] != 163.5 || r.Of["KWD"] != 0.332 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "{}", "hello", "<a", "<a/>", "Date", "Date,USD\n", "Date,USD\nyesterday,1\n", "Date,USD\n2026-11-26,one\n", "Date,USD\n2026-11-26,N/A\n",
		`{"base":"EUR","as_of":"26.11.2026","rates":{"USD":1}}`, `{"base":"EUR","as_of":"2026-11-26","rates":{}}`, `{"base":"eur","as_of":"2026-11-26","rates":{"USD":1}}`,
		`{"base":"EUR","as_of":"2026-11-26","rates":{"USD":0}}`, `{"base":"EUR","as_of":"2026-11-26","rates":{"USD":-1}}`, `{"base":"EUR","as_of":"2026-11-26","rates":{"US":1}}`,
		`{"base":"EUR","as_of":"2026-11-26","rates":{"USD":1},"other":1}`, "Date,USD\n2026-11-26,NaN\n", "Date,USD\n2026-11-26,Inf\n",
	} {
		if r, err := rates.Parse([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, r)
		}
	}
}

func TestOldRatesAreNotShown(t *testing.T) {
	r, err := rates.Parse([]byte(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]bool{0: true, rates.Good: true, rates.Good + time.Second: false, -20 * time.Hour: true, -25 * time.Hour: false} {
		if got := r.Current(day.Add(after)); got != want {
			t.Errorf("after %s: %v", after, got)
		}
	}
	if (rates.Rates{Day: day}).Current(day) {
		t.Error("none are current")
	}
}

func TestAFileMayBeReplaced(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rates")
	put := func(text string, stamp time.Time) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	now := day.Add(12 * time.Hour)
	open := func() (*rates.File, error) {
		return rates.Open(name, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	}
	if _, err := open(); err == nil {
		t.Error("a file that is not there was opened")
	}
	put("nonsense", day)
	if _, err := open(); err == nil {
		t.Error("a file of nonsense was opened")
	}
	put(asJSON, day)
	f, err := open()
	if err != nil {
		t.Fatal(err)
	}
	usd := func() float64 { r, _ := f.Latest(); return r.Of["USD"] }
	put(`{"base":"EUR","as_of":"2026-11-27","rates":{"USD":1.2}}`, day.Add(time.Hour))
	if usd() != 1.0821 {
		t.Error("it was looked at again within a minute")
	}
	if now = now.Add(2 * time.Minute); usd() != 1.2 {
		t.Error("a new file was not seen")
	}
	put("half a fi", day.Add(2*time.Hour))
	if now = now.Add(2 * time.Minute); usd() != 1.2 {
		t.Error("a bad file took the good rates away")
	}
	if now = now.Add(rates.Good + 48*time.Hour); true {
		if _, good := f.Latest(); good {
			t.Error("rates of long ago are given out")
		}
	}
	if _, good := (*rates.File)(nil).Latest(); good {
		t.Error("no file gives rates out")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{asJSON, asCSV, asXML} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := rates.Parse(raw)
		if err != nil {
			return
		}
		for name, rate := range r.Of {
			if len(name) != 3 || rate <= 0 {
				t.Fatalf("%q: %v", name, rate)
			}
		}
	})
}
