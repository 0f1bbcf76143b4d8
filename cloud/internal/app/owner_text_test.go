package app_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/protocol/id"
)

// No text that is sent to an owner's route is answered as if it were our fault: what no
// database keeps, or nobody can read, is refused, and changes nothing.
func TestNoTextOfAnOwnersRouteIsOurFault(t *testing.T) {
	_, owner, _ := ownersPark(t)
	doc, err := api.Load()
	if err != nil {
		t.Fatal(err)
	}
	before := text(t, owner.want(200, "", "GET", altmarkt+"/config", ""))

	// Whatever there is: parts of the path, parameters, members of a body.
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !ofOwners[doors[method+" "+path]] {
				continue
			}
			whole := strings.NewReplacer("{id}", "dresden-altmarkt").Replace(path)
			for _, bad := range []string{"%00", "%FF", "a%00b", ""} {
				if cut, _, has := strings.Cut(path, "{"); has {
					_, rest, _ := strings.Cut(path, "}")
					at := cut + bad + rest
					if status, _, got := owner.do(method, at, ""); status != 404 {
						t.Errorf("%s %s: %d %v", method, at, status, got)
					}
				}
				if bad == "" {
					continue
				}
				for _, p := range op.Parameters {
					if p.Value.In != "query" {
						continue
					}
					if status, _, got := owner.do(method, whole+"?"+p.Value.Name+"="+bad, ""); status != 400 || got["code"] != "malformed_query" {
						t.Errorf("%s %s, %s=%s: %d %v", method, path, p.Value.Name, bad, status, got)
					}
				}
			}
			if op.RequestBody == nil || op.RequestBody.Value.Content["application/json"] == nil { // a picture is a form: see its own test
				continue
			}
			for name := range op.RequestBody.Value.Content["application/json"].Schema.Value.Properties {
				for _, bad := range []string{`"\u0000"`, `{"a":"b\u0000"}`, `["\u0000c"]`} {
					if status, _, got := owner.do(method, whole, fmt.Sprintf(`{%q:%s}`, name, bad), "Idempotency-Key", "a-key-that-is-long-9"); status < 400 || status >= 500 {
						t.Errorf("%s %s, %s %s: %d %v", method, path, name, bad, status, got)
					}
				}
			}
		}
	}

	// What is right but for one character.
	tomorrow := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Hour)
	times := fmt.Sprintf(`"from":%q,"to":%q`, tomorrow.Format(time.RFC3339), tomorrow.Add(time.Hour).Format(time.RFC3339))
	for _, x := range []struct{ method, at, body, code, nul string }{
		{"POST", altmarkt + "/capacity", `{"space_type":"standard","capacity":3,"why":"re%surfacing"}`, "request_invalid", ""},
		{"POST", altmarkt + "/blocks", `{"space_type":"standard","n":1,` + times + `,"reason":"pi%spes"}`, "block_invalid", "request_invalid"},
		{"POST", altmarkt + "/shops", `{"name":"Ki%sno","gives":"minutes","value":60,"good_until":` + fmt.Sprintf("%q", tomorrow.Format(time.RFC3339)) + `}`, "shop_invalid", "request_invalid"},
		{"POST", altmarkt + "/lanes/entry-1/commands", `{"command":"open","why":"ti%scket"}`, "request_invalid", ""},
	} {
		for _, c := range []string{"\\u0000", "\\u0007", "\\u0085"} {
			want := x.code
			if c == "\\u0000" && x.nul != "" {
				want = x.nul
			}
			owner.want(422, want, x.method, x.at, fmt.Sprintf(x.body, c), "Idempotency-Key", "a-key-that-is-long-8")
		}
	}
	if now := text(t, owner.want(200, "", "GET", altmarkt+"/config", "")); now != before {
		t.Errorf("changed\n%s\nto\n%s", before, now)
	}

	// A place in another list is none.
	now := time.Now()
	place := func(of string) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d|%s", now.UnixMicro(), of))
	}
	for at, of := range map[string]string{
		"/owner/incidents": id.New[id.Order](now).String(), "/owner/commands": id.New[id.Incident](now).String(),
	} {
		if got := owner.want(422, "invalid_parameter", "GET", at+"?cursor="+place(of), ""); got["fields"].(map[string]any)["cursor"] == nil {
			t.Errorf("%s: %v", at, got)
		}
	}
	owner.want(422, "invalid_parameter", "GET", "/owner/incidents?cursor="+place("a/1/2"), "")
}
