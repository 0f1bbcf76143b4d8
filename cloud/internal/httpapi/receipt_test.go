package httpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
)

// receipts publishes what a site's receipts are checked with.
type receipts struct {
	receipt.Desk
	keys []pass.PublicKey
}

func (r receipts) Keys(context.Context) ([]pass.PublicKey, error) { return r.keys, nil }

func (receipts) Tariff(_ context.Context, at id.Parking, version uint32) (*tariff.Tariff, error) {
	if p := bookingtest.Parking(altmarkt, 2); at == altmarkt && version == p.Tariff.Version {
		return &p.Tariff, nil
	}
	return nil, nil
}

// Facts implements receipt.Store for reservations that cost nothing.
func (s *site) Facts(ctx context.Context, i id.Reservation) (receipt.Facts, error) {
	v, err := s.service.Get(ctx, i)
	if err != nil {
		return receipt.Facts{}, err
	}
	f := receipt.Facts{Parking: bookingtest.Parking(altmarkt, 2), Operator: "Test", Reservation: &v.Reservation, Decided: start}
	if v.Reservation.State.Final() {
		nothing := bill.Nothing(bill.Cancelled, "EUR")
		nothing.Reservation = i
		f.Bill, f.Number = &nothing, 1
		v.Payment.State, v.Payment.Authorized = payment.Voided, 0
	}
	f.Payments = []payment.Payment{v.Payment}
	return f, nil
}

func TestTheReceiptInEveryForm(t *testing.T) {
	s := newSite(t, nil)
	r := s.reserve("a-key-that-is-long-k1", bookingtest.OK)
	path := "/reservations/" + r.Id + "/receipt"
	if p := s.do("GET", path, "", "Authorization", bearer(r)).problem(t); p.Status != 409 || p.Code != "receipt_not_ready" {
		t.Fatalf("before the end: %+v", p)
	}
	if got := s.do("POST", "/reservations/"+r.Id+"/cancel", "", "Authorization", bearer(r)); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, x := range []struct{ query, accept, media, begins string }{
		{"", "", "application/json", "{"},
		{"", "*/*", "application/json", "{"},
		{"", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8", "<!doctype html>"},
		{"", "application/pdf", "application/pdf", "%PDF-1."},
		{"&format=pdf", "text/html", "application/pdf", "%PDF-1."},
		{"&format=html", "", "text/html; charset=utf-8", "<!doctype html>"},
		{"&format=json", "text/html", "application/json", "{"},
	} {
		got := s.do("GET", path+"?token="+*r.ManageToken+x.query, "", "Accept", x.accept)
		if got.status != 200 || got.header.Get("Content-Type") != x.media || !strings.HasPrefix(string(got.body), x.begins) || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%+v: %d %s %.40q", x, got.status, got.header.Get("Content-Type"), got.body)
		}
		if x.begins == "{" {
			if made, wrong := receipt.Verify(got.body, receipt.Published{Keys: s.keys}); len(wrong) > 0 || made.Bill.Basis != bill.Cancelled {
				t.Errorf("%+v", wrong)
			}
		}
	}
	if p := s.do("GET", path+"?lang=fr", "", "Authorization", bearer(r)).problem(t); p.Status != 422 || p.Fields["lang"] == "" {
		t.Errorf("%+v", p)
	}
	if p := s.do("GET", path, "", "Authorization", bearer(r), "Accept", "image/png").problem(t); p.Status != 406 {
		t.Errorf("%+v", p)
	}
	if p := s.do("GET", path+"?format=docx", "", "Authorization", bearer(r)).problem(t); p.Status != 422 || p.Fields["format"] == "" {
		t.Errorf("%+v", p)
	}
	if p := s.do("GET", path, "").problem(t); p.Status != 404 || p.Code != "reservation_not_found" {
		t.Errorf("without a token: %+v", p)
	}
	if strings.Contains(s.logs.String(), *r.ManageToken) {
		t.Error("a token is in the log")
	}
}

func TestWhatReceiptsAreCheckedWithIsPublished(t *testing.T) {
	s := newSite(t, nil)
	got := s.do("GET", "/keys", "")
	var set api.KeySet
	if err := json.Unmarshal(got.body, &set); err != nil || got.status != 200 || len(set.Keys) != 1 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if x, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X); err != nil || string(x) != string(s.keys[0].Public) || set.Keys[0].Kid != fmt.Sprintf("%x", s.keys[0].ID) {
		t.Errorf("%+v", set.Keys)
	}
	edition := s.do("GET", "/parkings/altmarkt/tariffs/7", "")
	parsed, err := tariff.Parse(edition.body)
	if err != nil || edition.status != 200 || parsed.Version != 7 || parsed.Rate != 200 {
		t.Fatalf("%d %s: %v", edition.status, edition.body, err)
	}
	sum, err := receipt.Digest(parsed)
	if err != nil || sum != fmt.Sprintf("%x", sha256.Sum256(edition.body)) || edition.header.Get("ETag") != `"`+sum+`"` {
		t.Errorf("%s %v", edition.header.Get("ETag"), err)
	}
	if again := s.do("GET", "/parkings/altmarkt/tariffs/7", "", "If-None-Match", edition.header.Get("ETag")); again.status != 304 {
		t.Errorf("%d", again.status)
	}
	for _, path := range []string{"/parkings/altmarkt/tariffs/8", "/parkings/altmarkt/tariffs/07", "/parkings/altmarkt/tariffs/x", "/parkings/elsewhere/tariffs/7", "/parkings/Å/tariffs/7", "/parkings/altmarkt/tariffs/4294967296"} {
		if p := s.do("GET", path, "").problem(t); p.Status != 404 || p.Code != "edition_not_found" {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

// The receipt is in the language that was booked in, unless another one is asked for.
func TestAReceiptIsInTheLanguageOfItsBooking(t *testing.T) {
	s := newSite(t, nil)
	for name, x := range map[string]struct {
		field, header, says string
	}{
		"said nothing":      {"", "", "Receipt"},
		"said German":       {"de", "en", "Quittung"},
		"has a German page": {"", "fr, de-AT;q=0.9", "Quittung"},
		"said English":      {"en", "de", "Receipt"},
	} {
		w := wish()
		if x.field != "" {
			w["language"] = x.field
		}
		key := "a-key-that-is-long-" + strings.ReplaceAll(name, " ", "-")
		r := s.do("POST", "/reserve", text(t, w), "Idempotency-Key", key, "Accept-Language", x.header)
		if r.status != 201 {
			t.Fatalf("%s: %d %s", name, r.status, r.body)
		}
		// Who asks again from a page in another language asks for the same.
		if again := s.do("POST", "/reserve", text(t, w), "Idempotency-Key", key, "Accept-Language", "nl"); again.status != 201 {
			t.Fatalf("%s: %d %s", name, again.status, again.body)
		}
		made := r.reservation(t)
		if got := s.do("POST", "/reservations/"+made.Id+"/cancel", "", "Authorization", bearer(made)); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		path := "/reservations/" + made.Id + "/receipt?format=html&token=" + *made.ManageToken
		if got := s.do("GET", path, ""); got.status != 200 || !strings.Contains(string(got.body), ">"+x.says+" ") {
			t.Errorf("%s: %d %.200s", name, got.status, got.body)
		}
	}
	w := wish()
	w["language"] = "fr"
	if p := s.do("POST", "/reserve", text(t, w), "Idempotency-Key", "a-key-that-is-long-fr").problem(t); p.Status != 422 || p.Fields["language"] == "" {
		t.Errorf("%+v", p)
	}
}
