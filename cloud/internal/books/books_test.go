package books_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

var eight = time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)

func eur(minor int64) money.Amount { return money.New(minor, "EUR") }

// year is so many closings one after the other, of random movements.
func year(t *rapid.T, n int) []books.Sealed {
	var all []books.Sealed
	var last books.Sealed
	for i := range n {
		var moved []books.Balance
		for range rapid.IntRange(0, 3).Draw(t, "movements") {
			a := eur(rapid.Int64Range(1, 1_000_000).Draw(t, "amount"))
			moved = append(moved, books.Balance{Account: ledger.Cash, Currency: "EUR", Debit: a.Minor}, books.Balance{Account: ledger.Revenue, Currency: "EUR", Credit: a.Minor})
			break
		}
		s, err := books.Seal(books.Closing{
			Format: 1, Scope: books.Days, Seq: int64(i) + 1, Day: books.Day("2026-03-27").Add(i), MadeAt: eight.AddDate(0, 0, i),
			Spans: []books.Span{}, Balances: books.Carry(last.Balances, moved),
		}, last.Hash)
		if err != nil {
			t.Fatal(err)
		}
		all, last = append(all, s), s
	}
	return all
}

// A closing that was changed, taken out, put in or exchanged is seen, whatever
// was done to it; and with it all that follow.
func TestAChangedClosingIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := year(t, rapid.IntRange(2, 8).Draw(t, "closings"))
		if found := books.Check(all); len(found) > 0 {
			t.Fatalf("sound: %+v", found)
		}
		i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
		bent := slices.Clone(all)
		switch way := rapid.IntRange(0, 4).Draw(t, "way"); {
		case way == 0: // a bit of its document
			d := bytes.Clone(all[i].Document)
			d[rapid.IntRange(0, len(d)-1).Draw(t, "byte")] ^= 1
			bent[i].Document = d
		case way == 1: // a bit of a hash
			bent[i].Hash[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		case way == 2 && i < len(all)-1: // it is gone
			bent = slices.Delete(bent, i, i+1)
		case way == 3 && i > 0: // in another place
			bent[i-1], bent[i] = bent[i], bent[i-1]
		default: // another one in its place, sealed as it should be
			c := all[i].Closing
			c.MadeAt = c.MadeAt.Add(time.Second)
			s, err := books.Seal(c, all[i].Previous)
			if err != nil {
				t.Fatal(err)
			}
			bent[i] = s
			if i == len(all)-1 {
				return // nothing follows it yet that could tell
			}
		}
		if found := books.Check(bent); len(found) == 0 {
			t.Fatal("not seen")
		}
	})
}

func TestRunningTotalsGoOnAndSumToZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := year(t, 6)
		var debit, credit int64
		for _, s := range all {
			var sum int64
			for _, b := range s.Balances {
				debit, credit = debit+b.Debit, credit+b.Credit
				sum += b.Running
			}
			if sum != 0 {
				t.Fatalf("%s sums to %d", s.Day, sum)
			}
		}
		var run int64
		for _, b := range all[len(all)-1].Balances {
			run += max(b.Running, 0)
		}
		if run != debit || debit != credit {
			t.Fatalf("%d ran, %d and %d moved", run, debit, credit)
		}
	})
}

// A day is as long as it is on the wall.
func TestADayBeginsAndEndsByTheParkingsClock(t *testing.T) {
	for _, c := range []struct {
		zone string
		day  books.Day
		long time.Duration
	}{
		{"Europe/Berlin", "2026-03-29", 23 * time.Hour},
		{"Europe/Berlin", "2026-10-25", 25 * time.Hour},
		{"Europe/Berlin", "2026-06-11", 24 * time.Hour},
		{"Australia/Lord_Howe", "2026-10-04", 23*time.Hour + 30*time.Minute},
		{"America/New_York", "2026-11-01", 25 * time.Hour},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		begin, end := c.day.Begin(zone), c.day.End(zone)
		if end.Sub(begin) != c.long || books.DayOf(begin, zone) != c.day || books.DayOf(end.Add(-1), zone) != c.day || books.DayOf(end, zone) != c.day.Add(1) {
			t.Errorf("%s %s is from %s to %s", c.zone, c.day, begin, end)
		}
	}
	for _, bad := range []string{"", "2026-6-1", "2026-02-30", "yesterday", "0000-01-01", "2026-06-11T00:00:00Z"} {
		if _, err := books.ParseDay(bad); fault.Code(err) != books.CodeDayInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTheExportIsForSpreadsheetsAndAgainstThem(t *testing.T) {
	rows := []books.Row{
		{
			At: eight, Parking: "altmarkt", Operator: "=HYPERLINK(\"http://x\")", Transaction: id.New[id.Transaction](eight), Kind: ledger.Capture, Account: ledger.Provider,
			Amount: eur(460), Reservation: id.New[id.Reservation](eight),
		},
		{At: eight, Parking: "altmarkt", Operator: "Söhne, \"Park\"\r\n& Co", Line: 1, Kind: ledger.Capture, Account: ledger.Revenue, Amount: eur(-387)},
		{At: eight, Parking: "altmarkt", Operator: "@sum", Line: 2, Kind: ledger.Capture, Account: ledger.TaxPayable, Amount: eur(-73)},
	}
	var out bytes.Buffer
	n, moved, err := books.WriteCSV(&out, func(yield func(books.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	})
	if err != nil || n != 3 || len(moved) != 3 || moved[0].Debit != 460 || moved[1].Credit != 387 {
		t.Fatalf("%d %+v %v", n, moved, err)
	}
	if strings.Count(out.String(), "\r\n") != 5 || strings.Contains(strings.ReplaceAll(out.String(), "\r\n", ""), "\n") {
		t.Errorf("lines do not end with CRLF: %q", out.String())
	}
	read, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(read) != 4 || !slices.Equal(read[0], books.Columns()) {
		t.Fatalf("%v %v", read, err)
	}
	want := []string{"2026-06-11T08:00:00Z", "altmarkt", "'=HYPERLINK(\"http://x\")", rows[0].Transaction.String(), "0", "capture", "provider", "EUR", "460", "4.60", rows[0].Reservation.String(), "", ""}
	if !slices.Equal(read[1], want) {
		t.Errorf("%q\n%q", read[1], want)
	}
	if read[2][2] != "Söhne, \"Park\"\n& Co" || read[2][8] != "-387" || read[2][9] != "-3.87" || read[3][2] != "'@sum" {
		t.Errorf("%q %q", read[2], read[3])
	}
	broken := errors.New("away")
	if _, _, err := books.WriteCSV(&out, func(yield func(books.Row, error) bool) { yield(books.Row{}, broken) }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsCountedIsComparedWithTheCash(t *testing.T) {
	c := books.Closing{
		Balances: []books.Balance{{Account: ledger.Cash, Currency: "EUR", Running: 500}, {Account: ledger.ChangeCredit, Currency: "EUR", Running: -40}, {Account: ledger.Cash, Currency: "CHF", Running: 0}},
		Counts:   []books.Count{{Currency: "EUR", Counted: 470}},
	}
	if err := c.Expect(); err != nil || c.Counts[0].Expected != 500 || c.Counts[0].Difference != -30 {
		t.Errorf("%+v %v", c.Counts, err)
	}
	for name, counts := range map[string][]books.Count{"not counted": nil, "negative": {{Currency: "EUR", Counted: -1}}, "another": {{Currency: "CHF", Counted: 5}}} {
		c.Counts = counts
		if err := c.Expect(); fault.Code(err) != books.CodeCounted {
			t.Errorf("%s: %v", name, err)
		}
	}
}
