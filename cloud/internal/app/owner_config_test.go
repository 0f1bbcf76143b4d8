package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
)

const altmarkt = "/owner/parkings/dresden-altmarkt"

// ownersPark is a running cloud with a parking, its owner logged in with a second factor, and a
// driver.
func ownersPark(t *testing.T) (dir string, owner, driver *browser) {
	t.Helper()
	dir = home(t)
	r := serve(t, dir)
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	accounts, name := accountsOf(t, dir)
	owner = member(t, r, accounts, "karin", account.Owner, name)
	owner.second()
	return dir, owner, member(t, r, accounts, "jana", "", "")
}

func (b *browser) book(from time.Time, d time.Duration, key string) map[string]any {
	b.t.Helper()
	return b.want(201, "", "POST", "/reserve", fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q,"payment_method":"pm_sandbox_ok","contact":{"email":"jana@posteo.example"}}`,
		from.Format(time.RFC3339), from.Add(d).Format(time.RFC3339)), "Idempotency-Key", key)["reservation"].(map[string]any)
}

// text is what an answer says, for comparing.
func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An owner previews, changes and looks back: capacity, a block, the policy.
func TestAnOwnerChangesHowAParkingIsRun(t *testing.T) {
	_, owner, driver := ownersPark(t)
	tomorrow := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Hour)
	a := driver.book(tomorrow, time.Hour, "a-key-that-is-long-1")
	b := driver.book(tomorrow, 2*time.Hour, "a-key-that-is-long-2")
	before := text(t, owner.want(200, "", "GET", altmarkt+"/config", ""))

	seen := owner.want(200, "", "POST", altmarkt+"/capacity", `{"space_type":"standard","capacity":1,"preview":true}`)
	short := seen["shortage"].(map[string]any)
	if seen["was"] != 2.0 || len(short["affected"].([]any)) != 1 || len(short["runs"].([]any)) != 1 {
		t.Fatalf("%v", seen)
	}
	if now := text(t, owner.want(200, "", "GET", altmarkt+"/config", "")); now != before {
		t.Fatalf("a preview changed\n%s\nto\n%s", before, now)
	}
	done := owner.want(200, "", "POST", altmarkt+"/capacity", `{"space_type":"standard","capacity":1,"why":"resurfacing"}`)
	if text(t, done["shortage"]) != text(t, short) || done["was"] != seen["was"] || done["days"] != seen["days"] {
		t.Errorf("it said it would be %v and was %v", seen, done)
	}
	owner.want(200, "", "POST", altmarkt+"/capacity", `{"space_type":"standard","capacity":3}`)

	window := fmt.Sprintf(`"from":%q,"to":%q`, tomorrow.Format(time.RFC3339), tomorrow.Add(time.Hour).Format(time.RFC3339))
	block := `{"space_type":"standard","n":2,` + window + `,"reason":"pipes"%s}`
	owner.want(422, "idempotency_key_missing", "POST", altmarkt+"/blocks", fmt.Sprintf(block, ""))
	looked := owner.want(200, "", "POST", altmarkt+"/blocks", fmt.Sprintf(block, `,"preview":true`))
	made := owner.want(200, "", "POST", altmarkt+"/blocks", fmt.Sprintf(block, ""), "Idempotency-Key", "a-key-of-a-block-1")
	again := owner.want(200, "", "POST", altmarkt+"/blocks", fmt.Sprintf(block, ""), "Idempotency-Key", "a-key-of-a-block-1")
	if text(t, made) != text(t, again) || text(t, looked["shortage"]) != text(t, made["shortage"]) {
		t.Errorf("looked at %v\nmade %v\nagain %v", looked, made, again)
	}
	owner.want(422, "idempotency_key_reused", "POST", altmarkt+"/blocks", strings.Replace(fmt.Sprintf(block, ""), "pipes", "paint", 1), "Idempotency-Key", "a-key-of-a-block-1")
	which := made["block"].(map[string]any)["id"].(string)
	owner.want(200, "", "DELETE", altmarkt+"/blocks/"+which, "")
	owner.want(409, "block_removed", "DELETE", altmarkt+"/blocks/"+which, "")

	// Two who have seen the same policy.
	config := owner.want(200, "", "GET", altmarkt+"/config", "")
	version := config["version"].(float64)
	change := func(more string, version float64) string {
		return fmt.Sprintf(`{"version":%v,"changes":{%s}}`, version, more)
	}
	bad := owner.want(422, "policy_invalid", "PATCH", altmarkt+"/policy", change(`"horizon_days":400,"max_stay":1`, version))
	if f := bad["fields"].(map[string]any); f["horizon_days"] == nil || f["max_stay"] == nil {
		t.Errorf("%v", bad)
	}
	first := owner.want(200, "", "PATCH", altmarkt+"/policy", change(`"exit_grace":1200,"allotment_share":50`, version))
	if first["before"].(map[string]any)["exit_grace"] != 900.0 || first["after"].(map[string]any)["exit_grace"] != 1200.0 || first["affects"].(map[string]any)["reservations_kept"] != 2.0 {
		t.Errorf("%v", first)
	}
	owner.want(409, "version_conflict", "PATCH", altmarkt+"/policy", change(`"exit_grace":0`, version))
	if now := owner.want(200, "", "GET", altmarkt+"/config", ""); now["policy"].(map[string]any)["exit_grace"] != 1200.0 || now["version"] != first["version"] {
		t.Errorf("the second has changed it: %v", now)
	}
	owner.want(200, "", "PATCH", altmarkt+"/policy", change(`"exit_grace":1200,"allotment_share":50`, version)) // an answer that was lost
	owner.want(422, "unknown_field", "PATCH", altmarkt+"/policy", change(`"exit_grease":1`, version))

	var what []string
	for _, x := range owner.want(200, "", "GET", altmarkt+"/changes", "")["changes"].([]any) {
		c := x.(map[string]any)
		what = append(what, c["what"].(string))
		if c["by"] != "karin@posteo.example" {
			t.Errorf("%v", c)
		}
	}
	if got := strings.Join(what, " "); got != "policy.changed capacity.unblocked capacity.blocked capacity.changed capacity.changed" {
		t.Errorf("the history has %s", got)
	}
	page := owner.want(200, "", "GET", altmarkt+"/changes?limit=2", "")
	rest := owner.want(200, "", "GET", altmarkt+"/changes?limit=3&cursor="+page["next_cursor"].(string), "")
	if len(page["changes"].([]any)) != 2 || len(rest["changes"].([]any)) != 3 || rest["next_cursor"] != nil {
		t.Errorf("%v\n%v", page, rest)
	}
	for _, r := range []map[string]any{a, b} {
		if now := driver.want(200, "", "GET", "/reservations/"+r["id"].(string), "")["reservation"].(map[string]any); now["state"] != "confirmed" || text(t, now["price"]) != text(t, r["price"]) {
			t.Errorf("what was sold is %v", now)
		}
	}
}

// An owner checks a draft, lets past stays pay it, goes over to it, schedules the next one;
// what is sold keeps its price.
func TestAnOwnerChangesATariff(t *testing.T) {
	_, owner, driver := ownersPark(t)
	tomorrow := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Hour)
	sold := driver.book(tomorrow, time.Hour, "a-key-that-is-long-1")
	config := owner.want(200, "", "GET", altmarkt+"/config", "")
	was := config["tariff"].(map[string]any)["document"].(map[string]any)
	version := was["version"].(float64)
	next := func(add, factor float64) map[string]any {
		d := maps.Clone(was)
		d["version"], d["rate"] = version+add, was["rate"].(float64)*factor
		delete(d, "daily_max")
		d["daily_max"] = was["daily_max"].(float64) * factor
		return d
	}
	body := func(d map[string]any, more string) string { return `{"tariff":` + text(t, d) + more + `}` }

	wrong := next(1, 3)
	wrong["rate"], wrong["colour"] = -1, "red"
	if found := owner.want(200, "", "POST", altmarkt+"/tariffs/check", body(wrong, "")); found["ok"] != false || len(found["problems"].([]any)) < 2 {
		t.Errorf("%v", found)
	}
	if found := owner.want(200, "", "POST", altmarkt+"/tariffs/check", body(was, "")); found["ok"] != true {
		t.Errorf("the present one: %v", found)
	}
	dear := next(1, 3)
	if found := owner.want(200, "", "POST", altmarkt+"/tariffs/check", body(dear, "")); found["ok"] != true || found["affects"].(map[string]any)["reservations_kept"] != 1.0 {
		t.Errorf("%v", found)
	}
	owner.want(422, "invalid_tariff", "POST", altmarkt+"/tariffs", body(wrong, ""))
	if replayed := owner.want(200, "", "POST", altmarkt+"/tariffs/replay", body(dear, "")); replayed["stays"] != 0.0 || len(replayed["curve"].([]any)) != 97 {
		t.Errorf("%v", replayed)
	}
	streamed(t, owner, altmarkt+"/tariffs/replay", body(dear, ""))

	before := text(t, owner.want(200, "", "GET", altmarkt+"/config", ""))
	owner.want(200, "", "POST", altmarkt+"/tariffs", body(dear, `,"preview":true`))
	if now := text(t, owner.want(200, "", "GET", altmarkt+"/config", "")); now != before {
		t.Fatalf("a preview changed\n%s\nto\n%s", before, now)
	}
	owner.want(200, "", "POST", altmarkt+"/tariffs", body(dear, `,"why":"costs"`))
	owner.want(200, "", "POST", altmarkt+"/tariffs", body(dear, "")) // an answer that was lost
	other := next(1, 4)
	owner.want(409, "tariff_version", "POST", altmarkt+"/tariffs", body(other, ""))
	for end := time.Now().Add(time.Minute); ; { // what prices learns of it within a second or two
		q := driver.want(201, "", "POST", "/quotes", fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q}`, tomorrow.Format(time.RFC3339), tomorrow.Add(time.Hour).Format(time.RFC3339)))
		price := q["quote"].(map[string]any)["price"].(map[string]any)["minor"].(float64)
		if price == 3*sold["price"].(map[string]any)["minor"].(float64) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it is still sold at %v", price)
		}
		time.Sleep(20 * time.Millisecond) // polls: whoever asks for a price is told nothing by itself
	}
	if now := driver.want(200, "", "GET", "/reservations/"+sold["id"].(string), "")["reservation"].(map[string]any); text(t, now["price"]) != text(t, sold["price"]) {
		t.Errorf("what was sold at %v costs %v", sold["price"], now["price"])
	}

	soon := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Second)
	from := func(at time.Time) string { return fmt.Sprintf(`,"from":%q`, at.Format(time.RFC3339)) }
	owner.want(422, "tariff_from", "POST", altmarkt+"/tariffs", body(next(2, 4), from(soon.Add(-72*time.Hour))))
	owner.want(200, "", "POST", altmarkt+"/tariffs", body(next(3, 4), from(soon)))
	owner.want(200, "", "POST", altmarkt+"/tariffs", body(next(3, 4), from(soon)))
	owner.want(409, "tariff_version", "POST", altmarkt+"/tariffs", body(next(4, 5), from(soon.Add(-time.Hour))))
	owner.want(409, "tariff_version", "POST", altmarkt+"/tariffs", body(next(4, 5), ""))
	ahead := owner.want(200, "", "GET", altmarkt+"/config", "")["scheduled"].([]any)
	if len(ahead) != 1 || ahead[0].(map[string]any)["by"] != "karin@posteo.example" {
		t.Errorf("%v", ahead)
	}
	owner.want(204, "", "DELETE", fmt.Sprintf("%s/tariffs/scheduled/%v", altmarkt, version+3), "")
	owner.want(404, "edition_not_found", "DELETE", fmt.Sprintf("%s/tariffs/scheduled/%v", altmarkt, version+3), "")
	owner.want(409, "tariff_in_force", "DELETE", fmt.Sprintf("%s/tariffs/scheduled/%v", altmarkt, version+1), "")
	all := owner.want(200, "", "GET", altmarkt+"/tariffs", "")["tariffs"].([]any)
	if first := all[0].(map[string]any); len(all) != 2 || first["by"] != "karin@posteo.example" || first["until"] != nil || all[1].(map[string]any)["until"] != first["since"] {
		t.Errorf("%v", all)
	}
	_, header, _ := driver.do("GET", fmt.Sprintf("/parkings/dresden-altmarkt/tariffs/%v", version+1), "")
	if tag := header.Get("ETag"); tag != fmt.Sprintf("%q", all[0].(map[string]any)["sha256"]) {
		t.Errorf("published as %s, listed as %v", tag, all[0])
	}
}

// streamed reads a replay as a stream: progress first, the answer last.
func streamed(t *testing.T, b *browser, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.at+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Content-Type": "application/json", "Accept": "text/event-stream", "Cookie": b.cookie} {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var events []string
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if name, is := strings.CutPrefix(lines.Text(), "event: "); is {
			events = append(events, name)
		}
	}
	if len(events) < 2 || events[0] != "progress" || events[len(events)-1] != "replay" {
		t.Errorf("%d %v", resp.StatusCode, events)
	}
}
