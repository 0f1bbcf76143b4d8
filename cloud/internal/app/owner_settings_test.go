package app_test

import (
	"fmt"
	"testing"
	"time"
)

// An owner sets opening hours and lanes: first seen, with whose reservations would begin
// or end while it is closed; then in force, on record, on the listing and for whoever asks
// for a price; and nothing that was sold is taken back.
func TestAnOwnerSetsOpeningHoursAndLanes(t *testing.T) {
	_, owner, driver := ownersPark(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	y, m, d := time.Now().In(berlin).AddDate(0, 0, 2).Date()
	day := func(hour int) time.Time { return time.Date(y, m, d, hour, 0, 0, 0, berlin) }
	kept := driver.book(day(9), 2*time.Hour, "a-key-that-is-long-1") // until 11
	driver.book(day(9).AddDate(0, 0, 1), 2*time.Hour, "a-key-that-is-long-2")
	version := owner.want(200, "", "GET", altmarkt+"/config", "")["version"].(float64)
	span := `[{"from":"06:00","to":"22:00"}]`
	week := fmt.Sprintf(`{"mon":%[1]s,"tue":%[1]s,"wed":%[1]s,"thu":%[1]s,"fri":%[1]s,"sat":%[1]s,"sun":%[1]s}`, span)
	change := func(more string, preview bool) string {
		return fmt.Sprintf(`{"version":%v,"changes":{"opening_hours":{"week":%s,"exceptions":[{"date":%q,"hours":[{"from":"06:00","to":"10:00"}],"note":"Fair"}]}%s},"preview":%t,"why":"the fair"}`,
			version, week, day(0).Format(time.DateOnly), more, preview)
	}
	before := text(t, owner.want(200, "", "GET", altmarkt+"/config", ""))
	seen := owner.want(200, "", "PATCH", altmarkt+"/policy", change("", true))["affects"].(map[string]any)
	out := seen["outside_hours"].([]any)
	if seen["outside_hours_count"] != 1.0 || len(out) != 1 || out[0].(map[string]any)["id"] != kept["id"] || out[0].(map[string]any)["begins_closed"] != false || out[0].(map[string]any)["ends_closed"] != true {
		t.Fatalf("%v", seen)
	}
	if now := text(t, owner.want(200, "", "GET", altmarkt+"/config", "")); now != before {
		t.Fatalf("a preview changed\n%s\nto\n%s", before, now)
	}
	bad := owner.want(422, "policy_invalid", "PATCH", altmarkt+"/policy", fmt.Sprintf(`{"version":%v,"changes":{"lanes":[{"lane":"entry-1","mode":"shut"}]}}`, version))
	if bad["fields"].(map[string]any)["lanes[0].mode"] == nil {
		t.Errorf("%v", bad)
	}
	owner.want(200, "", "PATCH", altmarkt+"/policy", change(`,"lanes":[{"lane":"entry-1","label":"Einfahrt Nord","mode":"open"}]`, false))
	driver.want(403, "no_operator", "PATCH", altmarkt+"/policy", change("", false))

	quote := func(from, to time.Time) string {
		return fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q}`, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	for end := time.Now().Add(time.Minute); ; { // what prices learns of it within a second or two
		status, _, got := driver.do("POST", "/quotes", quote(day(12), day(13)))
		if status == 422 && got["code"] == "closed" {
			if f := got["fields"].(map[string]any); f["opens_at"] != day(6).AddDate(0, 0, 1).Format(time.RFC3339) || f["from"] == nil {
				t.Errorf("%v", got)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it is still sold: %d %v", status, got)
		}
		time.Sleep(20 * time.Millisecond) // polls: whoever asks for a price is told nothing by itself
	}
	driver.want(201, "", "POST", "/quotes", quote(day(7), day(10)))
	if now := driver.want(200, "", "GET", "/reservations/"+kept["id"].(string), "")["reservation"].(map[string]any); now["state"] != "confirmed" || now["to"] != kept["to"] || text(t, now["price"]) != text(t, kept["price"]) {
		t.Errorf("what was sold is %v", now)
	}
	for end := time.Now().Add(time.Minute); ; {
		shown := driver.want(200, "", "GET", "/parking?id=dresden-altmarkt", "")
		if p, _ := shown["parking"].(map[string]any); p != nil {
			shown = p
		}
		if h, is := shown["opening_hours"].(map[string]any); is {
			if lanes := shown["lanes"].([]any); len(h["exceptions"].([]any)) != 1 || lanes[0].(map[string]any)["label"] != "Einfahrt Nord" {
				t.Errorf("%v", shown)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v", shown)
		}
		time.Sleep(20 * time.Millisecond)
	}
	first := owner.want(200, "", "GET", altmarkt+"/changes", "")["changes"].([]any)[0].(map[string]any)
	if first["what"] != "policy.changed" || first["why"] != "the fair" || first["after"].(map[string]any)["opening_hours"] == nil || first["before"].(map[string]any)["lanes"] == nil {
		t.Errorf("%v", first)
	}
}
