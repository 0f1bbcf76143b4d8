package app_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// An owner adds a shop, makes codes as a file, changes it and ends it; each once, whoever
// asks again; and the history says so.
func TestAnOwnerHasShops(t *testing.T) {
	_, owner, driver := ownersPark(t)
	until := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	kino := fmt.Sprintf(`{"name":"Kino","gives":"minutes","value":60,"most":500,"good_until":%q}`, until.Format(time.RFC3339))
	made := owner.want(200, "", "POST", altmarkt+"/shops", kino)
	if again := owner.want(200, "", "POST", altmarkt+"/shops", kino); text(t, made) != text(t, again) {
		t.Errorf("made %v, again %v", made, again)
	}
	one := made["shop"].(map[string]any)
	if one["number"] != 1.0 || one["open"] != true || one["most"] != 500.0 || one["issued"] != 0.0 {
		t.Fatalf("%v", one)
	}
	owner.want(409, "shop_exists", "POST", altmarkt+"/shops", strings.Replace(kino, "60", "90", 1))
	bad := owner.want(422, "shop_invalid", "POST", altmarkt+"/shops", fmt.Sprintf(`{"name":"x","gives":"percent","value":101,"good_until":%q}`, until.Format(time.RFC3339)))
	if f := bad["fields"].(map[string]any); f["value"] == nil {
		t.Errorf("%v", bad)
	}
	owner.want(422, "request_invalid", "POST", altmarkt+"/shops", strings.Replace(kino, "60", `"60"`, 1))
	owner.want(422, "unknown_field", "POST", altmarkt+"/shops", strings.Replace(kino, "value", "valu", 1))
	owner.want(404, "shop_not_found", "PATCH", altmarkt+"/shops/7", `{"most":0}`)
	owner.want(404, "shop_not_found", "PATCH", altmarkt+"/shops/x", `{"most":0}`)

	file := func(after int) string {
		t.Helper()
		status, header, body := owner.raw("POST", altmarkt+"/shops/1/codes", fmt.Sprintf(`{"count":3,"after":%d}`, after))
		if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/csv") || header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s", status, header, body)
		}
		return body
	}
	first := file(0)
	if lines := strings.Split(strings.TrimSpace(first), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[1], "1,") || len(lines[3]) != len("3,0000-0000-0000") {
		t.Fatalf("%s", first)
	}
	if file(0) != first {
		t.Error("an answer that was lost is another one")
	}
	second := file(3)
	if strings.Contains(first, strings.Split(second, "\n")[1][2:]) {
		t.Error("a code is made twice")
	}
	owner.want(409, "codes_moved_on", "POST", altmarkt+"/shops/1/codes", `{"count":3,"after":0}`)
	owner.want(200, "", "PATCH", altmarkt+"/shops/1", fmt.Sprintf(`{"name":"Lichtspiele","good_until":%q}`, until.Add(-2*time.Hour).Format(time.RFC3339)))
	list := owner.want(200, "", "GET", altmarkt+"/shops", "")["shops"].([]any)
	if s := list[0].(map[string]any); len(list) != 1 || s["name"] != "Lichtspiele" || s["open"] != false || s["issued"] != 6.0 || s["used"] != 0.0 || s["owed"] == nil {
		t.Errorf("%v", list)
	}
	driver.want(403, "no_operator", "GET", altmarkt+"/shops", "")
	var what []string
	for _, x := range owner.want(200, "", "GET", altmarkt+"/changes", "")["changes"].([]any) {
		what = append(what, x.(map[string]any)["what"].(string))
	}
	if got := strings.Join(what, " "); got != "shop.changed shop.codes shop.codes shop.added" {
		t.Errorf("the history has %s", got)
	}
}

// send sends a request with the browser's cookie.
func (b *browser) send(req *http.Request) (int, http.Header, string) {
	b.t.Helper()
	req.Header.Set("Cookie", b.cookie)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(raw)
}

// raw asks for what is no JSON, with the browser's cookie.
func (b *browser) raw(method, path, body string) (int, http.Header, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.at+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return b.send(req)
}

// What a shop has paid is written down by the owner, once for each key, read back as JSON and
// as a file, and taken back with a reason; colleagues who see no money see none of it.
func TestAnOwnerWritesDownWhatAShopHasPaid(t *testing.T) {
	_, owner, driver := ownersPark(t)
	owner.want(200, "", "POST", altmarkt+"/shops", fmt.Sprintf(`{"name":"Kino","gives":"minutes","value":60,"good_until":%q}`, time.Now().UTC().Add(time.Hour).Format(time.RFC3339)))
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now().In(berlin).Format(time.DateOnly)
	pay := func(status int, code, key, body string) map[string]any {
		t.Helper()
		return owner.want(status, code, "POST", altmarkt+"/shops/1/payments", body, "Idempotency-Key", key)
	}
	body := fmt.Sprintf(`{"paid_on":%q,"amount":1250,"way":"transfer","note":"invoice 7"}`, today)
	first := pay(200, "", "a-key-that-is-long-1", body)["payment"].(map[string]any)
	if again := pay(200, "", "a-key-that-is-long-1", body)["payment"]; text(t, again) != text(t, first) {
		t.Errorf("%v, again %v", first, again)
	}
	if first["by"] != "karin@posteo.example" || first["paid_on"] != today || first["way"] != "transfer" || text(t, first["amount"]) != `{"currency":"EUR","minor":1250}` {
		t.Errorf("%v", first)
	}
	pay(422, "idempotency_key_reused", "a-key-that-is-long-1", strings.Replace(body, "1250", "1251", 1))
	pay(422, "idempotency_key_missing", "", body)
	pay(422, "request_invalid", "a-key-that-is-long-2", strings.Replace(body, today, "yesterday", 1))
	pay(422, "request_invalid", "a-key-that-is-long-2", strings.Replace(body, "1250", "0", 1))
	pay(422, "unknown_field", "a-key-that-is-long-2", strings.Replace(body, "note", "notes", 1))
	bad := pay(422, "shop_payment_invalid", "a-key-that-is-long-2", strings.Replace(body, today, "2999-01-01", 1))
	if bad["fields"].(map[string]any)["paid_on"] == nil {
		t.Errorf("%v", bad)
	}
	owner.want(404, "shop_not_found", "POST", altmarkt+"/shops/2/payments", body, "Idempotency-Key", "a-key-that-is-long-3")

	st := owner.want(200, "", "GET", altmarkt+"/shops/1/statement?from="+today, "")
	if got := text(t, st["balance"]); got != `{"currency":"EUR","minor":-1250}` || len(st["payments"].([]any)) != 1 || st["from"] != today {
		t.Errorf("%v", st)
	}
	owner.want(422, "invalid_parameter", "GET", altmarkt+"/shops/1/statement?from=x", "")
	one := owner.want(200, "", "GET", altmarkt+"/shops", "")["shops"].([]any)[0].(map[string]any)
	if text(t, one["paid"]) != `{"currency":"EUR","minor":1250}` {
		t.Errorf("%v", one)
	}
	reverse := altmarkt + "/shops/1/payments/" + first["id"].(string) + "/reverse"
	owner.want(422, "request_invalid", "POST", reverse, `{}`)
	taken := owner.want(200, "", "POST", reverse, `{"why":"of the other cinema"}`)["payment"].(map[string]any)
	if again := owner.want(200, "", "POST", reverse, `{"why":"once more"}`)["payment"]; text(t, again) != text(t, taken) || taken["why"] != "of the other cinema" || taken["reversed_by"] != "karin@posteo.example" {
		t.Errorf("%v, again %v", taken, again)
	}
	owner.want(404, "shop_payment_not_found", "POST", altmarkt+"/shops/1/payments/shp_1/reverse", `{"why":"x"}`)
	status, header, file := owner.file(altmarkt + "/shops/1/statement")
	if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/csv") || !strings.Contains(file, "reversed payment") || !strings.Contains(file, "invoice 7") {
		t.Errorf("%d %v %s", status, header, file)
	}
	driver.want(403, "no_operator", "GET", altmarkt+"/shops/1/statement", "")
}

// file asks for CSV, with the browser's cookie.
func (b *browser) file(path string) (int, http.Header, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, "http://"+b.at+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/csv")
	return b.send(req)
}
