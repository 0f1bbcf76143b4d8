package escpos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/kiosk/escpos"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
)

// A credit is always on the receipt, with its code; and no text commands the printer.
func TestACreditIsOnTheReceipt(t *testing.T) {
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	raw := escpos.Receipt(escpos.Head{Parking: "Müllers Parkhaus\x1b@\x1dV", Kiosk: "kiosk-1", Zone: time.UTC}, &kiosk.Slip{
		Code: "AAAA-BBBB", At: noon, EnteredAt: noon.Add(-2 * time.Hour), Until: noon, ExitBy: noon.Add(15 * time.Minute), Currency: "EUR",
		Lines: []tariff.Line{{Label: "3 × 60 min at EUR 1.70", Amount: money.New(510, "EUR")}}, Total: 510, Paid: 510, Tax: 81, TaxPoints: 1900, Method: "cash",
		Inserted: 1000, Change: 450, Credit: 40, CreditBy: "7K3M-Q2PX", GoodUntil: noon.AddDate(3, 0, 0),
	})
	text, ok := escpos.Text(raw)
	if !ok {
		t.Fatalf("%q has a command that is none of ours", raw)
	}
	for _, want := range []string{"Müllers Parkhaus?@?V", "0.40 EUR", "7K3M-Q2PX", "2029-06-01", "You put in", "10.00 EUR", "4.50 EUR", "Please leave by 12:15", "3 × 60 min"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

// Until when one may drive out is said as what it is: by a time, by one of another day, or
// now, where what was paid reaches no further.
func TestAReceiptSaysUntilWhenOneMayDriveOut(t *testing.T) {
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for by, want := range map[time.Time]string{
		noon.Add(45 * time.Minute): "Please leave by 12:45", noon.Add(23 * time.Hour): "Please leave by 2026-06-02 11:00", noon: "Please leave now", {}: "",
	} {
		text, _ := escpos.Text(escpos.Receipt(escpos.Head{Parking: "Altmarkt", Zone: time.UTC}, &kiosk.Slip{At: noon, ExitBy: by, Currency: "EUR", Method: "cash"}))
		if want == "" && strings.Contains(text, "leave") || !strings.Contains(text, want) {
			t.Errorf("%s: it does not say %q:\n%s", by, want, text)
		}
	}
}

// The receipt of somebody whose ticket was lost has the code to leave by.
func TestAReceiptForALostTicketOpensTheExit(t *testing.T) {
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	raw := escpos.Receipt(escpos.Head{Parking: "Altmarkt", Zone: time.UTC}, &kiosk.Slip{At: noon, Currency: "EUR", Method: "cash", Leave: "T-1"})
	text, ok := escpos.Text(raw)
	if got := escpos.Codes(raw); !ok || len(got) != 1 || got[0] != "T-1" || !strings.Contains(text, "Leave by this") || !strings.Contains(text, "Receipt") {
		t.Errorf("%q says %q", text, got)
	}
}

// Amounts have as many decimals as their currency.
func TestAReceiptWritesAmountsAsTheirCurrency(t *testing.T) {
	for currency, want := range map[string]string{"EUR": "12.50 EUR", "JPY": "1250 JPY", "KWD": "1.250 KWD"} {
		text, _ := escpos.Text(escpos.Receipt(escpos.Head{Parking: "Altmarkt", Zone: time.UTC}, &kiosk.Slip{Currency: currency, Total: 1250, Method: "cash"}))
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}
