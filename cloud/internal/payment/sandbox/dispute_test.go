package sandbox_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/money"
)

// A dispute is decided once, on the books' page; until it is won, what is disputed
// cannot be given back, and it is off the balance.
func TestADisputeIsDecidedOnThePage(t *testing.T) {
	db, _ := postgrestest.New(t)
	p := sandbox.New(postgres.NewSandbox(db), sandbox.Options{})
	pages := p.Handler()
	decide := func(ref, how string) int {
		t.Helper()
		code, _ := post(t, pages, "/dev/sandbox/holds/"+ref+"/dispute", url.Values{"decision": {how}}, "same-origin")
		return code
	}
	taken := func(method string) (payment.Request, string) {
		t.Helper()
		r := request(method)
		o, err := p.Authorize(t.Context(), r)
		if err == nil {
			_, err = p.Capture(t.Context(), o.Ref, r.Amount, r.Key+"-capture")
		}
		if err != nil {
			t.Fatal(err)
		}
		return r, o.Ref
	}
	back := func(r payment.Request, ref string) error {
		_, err := p.Refund(t.Context(), payment.RefundRequest{Key: r.Key + "-back", Ref: ref, Amount: money.New(1, r.Amount.Currency), Reason: "goodwill"})
		return err
	}
	balance := func(ref string) (net, fees int64) {
		t.Helper()
		err := p.Balance(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(l payment.BalanceLine) error {
			if l.Hold == ref {
				net, fees = net+l.Net.Minor, fees+l.Fee.Minor
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return net, fees
	}
	for _, how := range []string{"won", "lost"} {
		r, ref := taken(sandbox.Disputed)
		if err := back(r, ref); !errors.Is(err, payment.ErrRefused) {
			t.Errorf("given back while it is disputed: %v", err)
		}
		if net, fees := balance(ref); net != -fees {
			t.Errorf("%d on the balance, %d of fees, while it is disputed", net, fees)
		}
		other := map[string]string{"won": "lost", "lost": "won"}[how]
		if a, b, c := decide(ref, how), decide(ref, how), decide(ref, other); a != http.StatusSeeOther || b != http.StatusSeeOther || c != http.StatusConflict {
			t.Errorf("%s: status %d, again %d, the other way %d", how, a, b, c)
		}
		net, fees := balance(ref)
		if want := map[string]int64{"won": r.Amount.Minor - fees, "lost": -fees}[how]; net != want {
			t.Errorf("%s: %d on the balance, want %d", how, net, want)
		}
		if err := back(r, ref); (err == nil) != (how == "won") {
			t.Errorf("%s: given back: %v", how, err)
		}
	}
	_, ref := taken(sandbox.OK)
	for what, got := range map[string][2]int{
		"nobody disputes it": {decide(ref, "won"), http.StatusConflict},
		"no such hold":       {decide("hold_nobodys", "won"), http.StatusNotFound},
		"no decision":        {decide(ref, "perhaps"), http.StatusUnprocessableEntity},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: status %d, want %d", what, got[0], got[1])
		}
	}
	for target, code := range map[string]string{ref: "nothing_to_decide", "hold_nobodys": "hold_not_found"} {
		if _, body := post(t, pages, "/dev/sandbox/holds/"+target+"/dispute", url.Values{"decision": {"won"}}, "same-origin"); !strings.Contains(body, `"code":"`+code+`"`) {
			t.Errorf("no problem of code %s: %s", code, body)
		}
	}
	if code, _ := post(t, pages, "/dev/sandbox/holds/"+ref+"/dispute", url.Values{"decision": {"won"}}, "cross-site"); code != http.StatusForbidden {
		t.Errorf("decided from another site: status %d", code)
	}
}
