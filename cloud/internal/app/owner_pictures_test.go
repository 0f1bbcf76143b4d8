package app_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

// paper is a JPEG of one colour.
func paper(t *testing.T, shade uint8) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 600, 400))
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	img.SetGray(int(shade), 7, color.Gray{255})
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// form is a picture as a page sends it; what is empty is left out.
func form(t *testing.T, kind, alt string, raw []byte) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, text := range map[string]string{"kind": kind, "alt": alt} {
		if text == "" {
			continue
		}
		if err := w.WriteField(name, text); err != nil {
			t.Fatal(err)
		}
	}
	if raw != nil {
		part, err := w.CreateFormFile("picture", "IMG_4711.JPG")
		if err == nil {
			_, err = part.Write(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

const words = `{"de":"Die Einfahrt","en":"The entrance"}`

// An owner shows pictures: everybody sees them, under addresses that never change, until
// they are taken away; what cannot be is refused and changes nothing; all of it is on record.
func TestAnOwnerShowsPictures(t *testing.T) {
	_, owner, driver := ownersPark(t)
	send := func(status int, code, kind, alt string, raw []byte) map[string]any {
		t.Helper()
		body, contentType := form(t, kind, alt, raw)
		return owner.want(status, code, "POST", altmarkt+"/pictures", body, "Content-Type", contentType)
	}
	photo := paper(t, 100)
	for name, c := range map[string]struct {
		code, kind, alt string
		raw             []byte
		field           string
	}{
		"no words":          {"request_invalid", "photo", "", photo, "alt"},
		"one language":      {"request_invalid", "photo", `{"en":"The entrance"}`, photo, "alt.de"},
		"empty words":       {"request_invalid", "photo", `{"en":" ","de":"Die Einfahrt"}`, photo, "alt.en"},
		"another language":  {"request_invalid", "photo", `{"en":"a","de":"b","fr":"c"}`, photo, "alt.fr"},
		"no kind":           {"request_invalid", "", words, photo, "kind"},
		"another kind":      {"request_invalid", "video", words, photo, "kind"},
		"no picture":        {"request_invalid", "photo", words, nil, "picture"},
		"a drawing in text": {"picture_unreadable", "plan", words, []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "picture"},
	} {
		if got := send(422, c.code, c.kind, c.alt, c.raw); got["fields"].(map[string]any)[c.field] == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	send(413, "body_too_large", "photo", words, append(bytes.Clone(photo), make([]byte, 5_000_000)...))
	owner.want(413, "body_too_large", "POST", altmarkt+"/pictures", strings.Repeat("before any part\r\n", 400_000)+"--b\r\n", "Content-Type", "multipart/form-data; boundary=b")
	owner.want(415, "unsupported_media_type", "POST", altmarkt+"/pictures", `{}`)
	if got := owner.want(200, "", "GET", altmarkt+"/pictures", "")["pictures"].([]any); len(got) != 0 {
		t.Fatalf("what was refused is there: %v", got)
	}

	first := send(201, "", "photo", words, photo)["picture"].(map[string]any)
	if again := send(200, "", "photo", words, photo)["picture"].(map[string]any); again["id"] != first["id"] {
		t.Errorf("%v and %v", first, again)
	}
	send(409, "picture_exists", "photo", `{"de":"Etwas","en":"Something"}`, photo)
	plan := send(201, "", "plan", `{"de":"Ebene 1","en":"Level 1"}`, paper(t, 1))["picture"].(map[string]any)
	send(409, "pictures_full", "plan", words, paper(t, 2))
	for i := range uint8(5) {
		send(201, "", "photo", fmt.Sprintf(`{"de":"Bild %d","en":"Picture %[1]d"}`, i), paper(t, 10+i))
	}
	send(409, "pictures_full", "photo", words, paper(t, 3))

	// Drivers see them, in their order, without the files' names.
	shown := func() (all []any) {
		got := driver.want(200, "", "GET", "/parking?id=dresden-altmarkt", "")
		if p, is := got["parking"].(map[string]any); is {
			got = p
		}
		all, _ = got["pictures"].([]any)
		return all
	}
	until := func(what string, n int, id any) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; {
			if all := shown(); len(all) == n && (n == 0 || all[0].(map[string]any)["id"] == id) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %v", what, shown())
			}
			time.Sleep(20 * time.Millisecond) // polls: this client has no stream
		}
	}
	until("drivers see them", 7, first["id"])
	type head struct {
		StatusCode int
		Header     http.Header
	}
	get := func(path string, header ...string) (head, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+driver.at+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return head{resp.StatusCode, resp.Header}, body
	}
	large := first["large"].(map[string]any)["url"].(string)
	resp, body := get(large)
	if c, err := jpeg.DecodeConfig(bytes.NewReader(body)); err != nil || c.Width != 600 {
		t.Errorf("%v, %v", c, err)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if again, _ := get(large, "If-None-Match", resp.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("the same again is %d", again.StatusCode)
	}
	for _, none := range []string{strings.Repeat("0", 64), "x", "..%2f..%2fetc%2fpasswd"} {
		if resp, body := get("/parkings/dresden-altmarkt/pictures/" + none); resp.StatusCode != http.StatusNotFound || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", none, resp.StatusCode, body)
		}
	}

	// Moved, told in other words, taken away.
	one := altmarkt + "/pictures/" + first["id"].(string)
	for _, bad := range []string{`{}`, `{"place":0}`, `{"place":7}`, `{"alt":{"de":"x"}}`, `{"alt":null}`} {
		owner.want(422, "request_invalid", "PATCH", one, bad)
	}
	owner.want(404, "picture_not_found", "PATCH", altmarkt+"/pictures/"+strings.Repeat("0", 64), `{"place":1}`)
	moved := owner.want(200, "", "PATCH", one, `{"place":6,"alt":{"de":"Das Tor","en":"The gate"}}`)["pictures"].([]any)
	if last := moved[5].(map[string]any); last["id"] != first["id"] || last["alt"].(map[string]any)["en"] != "The gate" || moved[6].(map[string]any)["id"] != plan["id"] {
		t.Errorf("%v", moved)
	}
	until("drivers see the new order", 7, moved[0].(map[string]any)["id"])
	owner.want(200, "", "DELETE", one, "")
	owner.want(404, "picture_not_found", "DELETE", one, "")
	until("it is gone from the page", 6, moved[0].(map[string]any)["id"])
	if resp, _ := get(large); resp.StatusCode != http.StatusNotFound {
		t.Errorf("what was taken away is still served: %d", resp.StatusCode)
	}
	var what []string
	for _, c := range owner.want(200, "", "GET", altmarkt+"/changes", "")["changes"].([]any) {
		what = append(what, c.(map[string]any)["what"].(string))
	}
	if got := strings.Join(what, " "); !strings.HasPrefix(got, "picture.removed picture.changed picture.changed picture.added picture.added") || strings.Count(got, "picture.added") != 7 {
		t.Errorf("%s", got)
	}
}

// What an owner tells of the place is seen before it is in force, then by everybody; what
// is usual is not known of a new parking, and of none there is nothing.
func TestAnOwnerTellsFacts(t *testing.T) {
	_, owner, driver := ownersPark(t)
	version := owner.want(200, "", "GET", altmarkt+"/config", "")["version"].(float64)
	change := func(facts string, preview bool) string {
		return fmt.Sprintf(`{"version":%v,"changes":{"facts":%s},"preview":%t}`, version, facts, preview)
	}
	const told = `{"max_height_cm":200,"entrance":{"address":"Am Tor 1"},"features":["lit","lift"],"phone":"+49 351 4567890"}`
	facts := func() any {
		got := driver.want(200, "", "GET", "/parking?id=dresden-altmarkt", "")
		if p, is := got["parking"].(map[string]any); is {
			got = p
		}
		return got["facts"]
	}
	bad := owner.want(422, "policy_invalid", "PATCH", altmarkt+"/policy", change(`{"max_height_cm":2}`, false))
	if bad["fields"].(map[string]any)["facts.max_height_cm"] == nil {
		t.Errorf("%v", bad)
	}
	seen := owner.want(200, "", "PATCH", altmarkt+"/policy", change(told, true))
	if seen["after"].(map[string]any)["facts"] == nil || facts() != nil {
		t.Errorf("a preview: %v, and drivers see %v", seen, facts())
	}
	owner.want(200, "", "PATCH", altmarkt+"/policy", change(told, false))
	for end := time.Now().Add(time.Minute); ; {
		if got := facts(); got != nil {
			if text(t, got) != told && got.(map[string]any)["max_height_cm"] != 200.0 {
				t.Errorf("%v", got)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("nobody is told")
		}
		time.Sleep(20 * time.Millisecond) // polls: this client has no stream
	}
	usual := driver.want(200, "", "GET", "/parkings/dresden-altmarkt/usual", "")
	if days := usual["days"].([]any); len(days) != 7 || days[0].(map[string]any)["weekday"] != "mon" || len(days[6].(map[string]any)["hours"].([]any)) != 24 || days[0].(map[string]any)["hours"].([]any)[8] != nil {
		t.Errorf("%v", usual)
	}
	driver.want(404, "parking_not_found", "GET", "/parkings/nowhere/usual", "")
}
