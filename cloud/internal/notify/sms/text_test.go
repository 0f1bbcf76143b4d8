package sms_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/notify/sms"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

const link = "https://park.example.org/#/r/rsv_01jxfq6hg8e4ft3vs9j8qk2mzn?token=mt_abcdefghijklmnopqrstuvwxyz234567"

func ending(t *testing.T) notify.Mail {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 6, 11, 6, 0, 0, 0, time.UTC)
	return notify.Mail{
		Phone: "+4915112345678", Name: "Altmarkt", Zone: zone, ManageURL: link, Reservation: id.New[id.Reservation](from),
		Window: timerange.Range{From: from, To: from.Add(9 * time.Hour)},
	}
}

func TestTheEndInOneSMS(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*notify.Mail)
		want   string
	}{
		{"as the mail says it", func(*notify.Mail) {}, "Your time at Altmarkt ends at 17:00. " + link},
		{"in German", func(m *notify.Mail) { m.Wishes.Language = "de" }, "Ihre Zeit in Altmarkt endet um 17:00. " + link},
		{"in German, on another day", func(m *notify.Mail) { m.Wishes.Language, m.Name, m.Window.To = "de", "", m.Window.To.Add(24*time.Hour) }, "Ihre Zeit endet um Fr 17:00. " + link},
		{"twelve hours", func(m *notify.Mail) { m.Wishes.TwelveHour = true }, "Your time at Altmarkt ends at 5:00 PM. " + link},
		{"on another day", func(m *notify.Mail) { m.Window.To = m.Window.To.Add(24 * time.Hour) }, "Your time at Altmarkt ends at Fri 17:00. " + link},
		{"in another zone", func(m *notify.Mail) { m.Zone = time.UTC }, "Your time at Altmarkt ends at 15:00. " + link},
		{"umlauts stay", func(m *notify.Mail) { m.Name = "Königstraße" }, "Your time at Königstraße ends at 17:00. " + link},
		{"accents that GSM has not", func(m *notify.Mail) { m.Name = "Náměstí – „Łódź“" }, "Your time at Namesti - \"Lodz\" ends at 17:00. " + link},
		{"a name on two lines", func(m *notify.Mail) { m.Name = " Alt\n\tmarkt " }, "Your time at Alt markt ends at 17:00. " + link},
		{"another script", func(m *notify.Mail) { m.Name = "Площадь 1" }, "Your time ends at 17:00. " + link},
		{"no name", func(m *notify.Mail) { m.Name = "" }, "Your time ends at 17:00. " + link},
		{"a long name", func(m *notify.Mail) { m.Name = "Parkhaus Wilsdruffer Vorstadt Süd" }, "Your time at Parkhaus Wilsdruffer Vorsta... ends at 17:00. " + link},
		{"a link of another alphabet", func(m *notify.Mail) { m.ManageURL = "https://пример.рф/" }, "Your time at Altmarkt ends at 17:00."},
		{"a link that leaves no room for the name", func(m *notify.Mail) { m.ManageURL = "https://" + strings.Repeat("a", 120) }, "Your time ends at 17:00. https://" + strings.Repeat("a", 120)},
		{"a link that is too long", func(m *notify.Mail) { m.ManageURL = "https://" + strings.Repeat("a", 160) }, "Your time at Altmarkt ends at 17:00."},
	} {
		m := ending(t)
		c.change(&m)
		got, err := sms.Text(notify.EndsSoon, m)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	for _, k := range notify.Kinds() {
		if _, err := sms.Text(k, ending(t)); errors.Is(err, notify.ErrPermanent) != (k != notify.EndsSoon) {
			t.Errorf("%s: %v", k, err)
		}
	}
}

// Characters of the extension take two places, and others none at all.
func TestLengthIsThatOfTheGSMAlphabet(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "ü_#?=&ß@": 8, "€": 2, "[~]": 6, "\n": 1, "á": -1, "Łódź": -1, "пр": -1, "a\u0308": -1, "`": -1} {
		if got := sms.Length(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// Whatever a parking and a host are called, it is one SMS that can be sent, and a
// link in it is whole.
func TestItIsAlwaysOneSMS(t *testing.T) {
	m := ending(t)
	rapid.Check(t, func(t *rapid.T) {
		m := m
		m.Name = rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-zÄÖÜßéŁ€\[\] ]{0,200}`)).Draw(t, "name")
		m.ManageURL = "https://" + rapid.OneOf(rapid.StringMatching(`[a-z.~]{0,200}`), rapid.String()).Draw(t, "host")
		text, err := sms.Text(notify.EndsSoon, m)
		again, _ := sms.Text(notify.EndsSoon, m)
		n := sms.Length(text)
		if err != nil || n < 1 || n > sms.Limit || text != again || strings.ContainsAny(text, "\r\n\f") {
			t.Fatalf("%d: %q, %v", n, text, err)
		}
		if !strings.HasPrefix(text, "Your time ") || !strings.Contains(text, " ends at 17:00.") {
			t.Fatalf("%q", text)
		}
		if _, rest, _ := strings.Cut(text, "ends at 17:00."); rest != "" && rest != " "+m.ManageURL && m.Name == "" {
			t.Fatalf("%q has another link than %q", text, m.ManageURL)
		}
	})
}
