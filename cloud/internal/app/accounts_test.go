package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/postgres"
)

// browser is somebody with one cookie.
type browser struct {
	t      *testing.T
	at     string
	cookie string
}

func (b *browser) do(method, path, body string, header ...string) (int, http.Header, map[string]any) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.at+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if b.cookie != "" {
		req.Header.Set("Cookie", b.cookie)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if b.cookie = c.Name + "=" + c.Value; c.MaxAge < 0 {
			b.cookie = ""
		}
	}
	var got map[string]any
	_ = json.Unmarshal(raw, &got)
	return resp.StatusCode, resp.Header, got
}

func (b *browser) want(status int, code, method, path, body string, header ...string) map[string]any {
	b.t.Helper()
	s, _, got := b.do(method, path, body, header...)
	if c, _ := got["code"].(string); s != status || c != code {
		b.t.Fatalf("%s %s: %d %v, want %d %q", method, path, s, got, status, code)
	}
	return got
}

// mailed waits for a mail whose subject fits and returns the token in it.
func mailed(t *testing.T, r app.Runtime, subject string) string {
	t.Helper()
	return mailWith(t, r, subject)
}

// mailedTo does so for a mail to an address.
func mailedTo(t *testing.T, r app.Runtime, address string) string {
	t.Helper()
	return mailWith(t, r, address)
}

func mailWith(t *testing.T, r app.Runtime, subject string) string {
	t.Helper()
	b := &browser{t: t, at: r.HTTP}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < 5*time.Minute; <-tick.C { // the inbox tells nobody
		_, _, got := b.do("GET", "/dev/mail", "", "Accept", "application/json")
		raw, _ := json.Marshal(got)
		if !bytes.Contains(raw, []byte(subject)) {
			continue
		}
		for _, name := range regexp.MustCompile(`"id":"?(\d+)"?`).FindAllSubmatch(raw, -1) {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.HTTP+"/dev/mail/"+string(name[1]), http.NoBody)
			req.Header.Set("Accept", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if !bytes.Contains(text, []byte(subject)) {
				continue
			}
			if m := regexp.MustCompile(`token(?:=3D|=)([a-z2-7=\\rn]+)`).FindSubmatch(text); m != nil {
				return strings.NewReplacer("=", "", `\r`, "", `\n`, "").Replace(string(m[1]))
			}
			return ""
		}
	}
	t.Fatalf("no mail %q", subject)
	return ""
}

const (
	login  = `{"email":"jana@posteo.example","password":"parken mit Vergnügen"}`
	signUp = `{"email":"jana@posteo.example"}`
)

// follow is what the link of a mail is followed with.
func follow(token, password string) string {
	return fmt.Sprintf(`{"token":%q,"password":%q}`, token, password)
}

func TestFromSignUpToAReservationOfOnesOwn(t *testing.T) {
	dir := home(t)
	r := serve(t, dir)
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, at: r.HTTP}
	// Whoever signs up may be another than whoever reads the mail: the password is the latter's.
	b.want(422, "unknown_field", "POST", "/users", login)
	first := b.want(202, "", "POST", "/users", signUp)
	b.want(401, "wrong_login", "POST", "/login", login)
	token := mailed(t, r, "Confirm your address")
	b.want(410, "link_expired", "POST", "/users/verify", follow("nonsense", "parken mit Vergnügen"))
	b.want(422, "request_invalid", "POST", "/users/verify", follow(token, "short"))
	made := b.want(200, "", "POST", "/users/verify", follow(token, "parken mit Vergnügen"))
	if in := b.want(200, "", "GET", "/me", ""); fmt.Sprint(in["user"]) != fmt.Sprint(made["user"]) {
		t.Errorf("who has followed the link is %v, and was told %v", in, made)
	}
	b.want(204, "", "POST", "/logout", "")
	b.want(410, "link_expired", "POST", "/users/verify", follow(token, "another, and long"))
	again := b.want(202, "", "POST", "/users", signUp)
	if fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("a known address is answered %v, an unknown one %v", again, first)
	}
	mailed(t, r, "You have an account already")

	wrong := b.want(401, "wrong_login", "POST", "/login", `{"email":"jana@posteo.example","password":"not the password"}`)
	nobody := b.want(401, "wrong_login", "POST", "/login", `{"email":"nobody@posteo.example","password":"not the password"}`)
	delete(wrong, "request_id")
	delete(nobody, "request_id")
	if fmt.Sprint(wrong) != fmt.Sprint(nobody) {
		t.Errorf("a known address is answered %v, an unknown one %v", wrong, nobody)
	}
	b.want(403, "cross_origin", "POST", "/login", login, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	b.want(401, "not_logged_in", "GET", "/me", "")
	b.want(200, "", "POST", "/login", login, "X-Forwarded-For", "203.0.113.9") // a proxy on this machine that asks for its name
	if !strings.HasPrefix(b.cookie, "__Host-") {
		t.Errorf("behind a proxy the cookie is %.20s", b.cookie)
	}
	b.want(204, "", "POST", "/logout", "", "X-Forwarded-For", "203.0.113.9")
	b.want(200, "", "POST", "/login", login, "User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0")
	if !strings.HasPrefix(b.cookie, "openlot_session=") {
		t.Errorf("cookie %.20s", b.cookie)
	}
	me := b.want(200, "", "PATCH", "/me", `{"name":"Jana","plates":["dd-ab 123"],"reminders":{"sms":false},"hour_cycle":"h23"}`)
	if u := me["user"].(map[string]any); u["name"] != "Jana" || fmt.Sprint(u["plates"]) != "[DDAB123]" || u["email"] != "jana@posteo.example" {
		t.Errorf("%v", me)
	}
	b.want(422, "request_invalid", "PATCH", "/me", `{"plates":["💥"]}`)
	b.want(422, "request_invalid", "PATCH", "/me", `{"name":"a\u0000b"}`)
	b.want(403, "no_operator", "GET", "/owner/parkings", "")

	other := &browser{t: t, at: r.HTTP}
	other.want(200, "", "POST", "/login", login)
	from := time.Now().UTC().Add(time.Hour).Truncate(time.Minute)
	wish := fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q,"payment_method":"pm_sandbox_ok","contact":{"email":"jana@posteo.example"}}`,
		from.Format(time.RFC3339), from.Add(time.Hour).Format(time.RFC3339))
	made = b.want(201, "", "POST", "/reserve", wish, "Idempotency-Key", "a-key-that-is-long-1")["reservation"].(map[string]any)
	guest := &browser{t: t, at: r.HTTP}
	booked := guest.want(201, "", "POST", "/reserve", wish, "Idempotency-Key", "a-key-that-is-long-2")["reservation"].(map[string]any)

	own, foreign := "/reservations/"+made["id"].(string), "/reservations/"+booked["id"].(string)
	b.want(200, "", "GET", own, "")
	b.want(404, "reservation_not_found", "GET", foreign, "")
	guest.want(404, "reservation_not_found", "GET", own, "")
	guest.want(200, "", "GET", foreign, "", "Authorization", "Bearer "+booked["manage_token"].(string))
	count := func() int {
		return len(b.want(200, "", "GET", "/me/reservations", "")["reservations"].([]any))
	}
	if n := count(); n != 1 {
		t.Errorf("%d reservations", n)
	}
	b.want(200, "", "POST", foreign+"/claim", "", "Authorization", "Bearer "+booked["manage_token"].(string))
	b.want(200, "", "GET", foreign, "")
	if n := count(); n != 2 {
		t.Errorf("%d reservations", n)
	}

	sessions := b.want(200, "", "GET", "/me/sessions", "")["sessions"].([]any)
	if len(sessions) != 2 {
		t.Fatalf("%v", sessions)
	}
	for _, x := range sessions {
		if s := x.(map[string]any); s["current"] == false {
			b.want(204, "", "DELETE", "/me/sessions/"+s["id"].(string), "")
			b.want(404, "session_not_found", "DELETE", "/me/sessions/"+s["id"].(string), "")
		}
	}
	other.want(401, "not_logged_in", "GET", "/me", "")

	b.want(202, "", "POST", "/password/forgot", `{"email":"jana@posteo.example"}`)
	reset := mailed(t, r, "Set a new password")
	another := &browser{t: t, at: r.HTTP} // whoever reads the mail, on another device
	another.want(200, "", "POST", "/password/reset", follow(reset, "ein anderes, langes"))
	another.want(200, "", "GET", "/me", "")
	b.want(410, "link_expired", "POST", "/password/reset", follow(reset, "ein anderes, langes"))
	b.want(401, "not_logged_in", "GET", "/me", "")
	b.want(401, "wrong_login", "POST", "/login", login)
	b.want(200, "", "POST", "/login", `{"email":"Jana@posteo.example","password":"ein anderes, langes"}`)
	b.want(204, "", "DELETE", "/me", "")
	b.want(401, "not_logged_in", "GET", "/me", "")
	guest.want(200, "", "GET", own, "", "Authorization", "Bearer "+made["manage_token"].(string))

	for range 40 { // known or not, who tries too often waits
		if s, h, got := guest.do("POST", "/login", `{"email":"x@posteo.example","password":"not the password"}`); s == 429 {
			if h.Get("Retry-After") == "" || got["code"] != "too_many_tries" {
				t.Errorf("%v %v", h, got)
			}
			return
		}
	}
	t.Error("nobody was throttled")
}

// One key of two accounts, and of a guest, is three keys: none is answered with what another
// asked for, or refused because of it.
func TestAKeyIsItsAccounts(t *testing.T) {
	dir := home(t)
	r := serve(t, dir)
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	from := time.Now().UTC().Add(time.Hour).Truncate(time.Minute)
	wish := func(who string) string {
		from = from.Add(4 * time.Hour)
		return fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q,"payment_method":"pm_sandbox_ok","contact":{"email":%q}}`,
			from.Format(time.RFC3339), from.Add(time.Hour).Format(time.RFC3339), who+"@posteo.example")
	}
	const key, again = "a-key-that-is-long-1", "a-key-that-is-long-2"
	type booked struct {
		b        *browser
		name, id string
		header   []string
		from     time.Time
	}
	var all []booked
	seen := map[string]bool{}
	for _, name := range []string{"jana", "ole", "guest"} {
		x := booked{b: &browser{t: t, at: r.HTTP}, name: name}
		if name != "guest" {
			x.b = member(t, r, postgres.Accounts{}, name, "", "")
		}
		made := x.b.want(201, "", "POST", "/reserve", wish(name), "Idempotency-Key", key)["reservation"].(map[string]any)
		x.id, x.from, x.header = made["id"].(string), from, []string{"Idempotency-Key", again}
		if name == "guest" {
			x.header = append(x.header, "Authorization", "Bearer "+made["manage_token"].(string))
		}
		if seen[x.id] {
			t.Errorf("%s is answered with another's reservation", name)
		}
		seen[x.id] = true
		all = append(all, x)
	}
	for _, x := range all {
		ask := fmt.Sprintf(`{"to":%q}`, x.from.Add(2*time.Hour).Format(time.RFC3339))
		first := x.b.want(200, "", "POST", "/reservations/"+x.id+"/extend", ask, x.header...)
		same := x.b.want(200, "", "POST", "/reservations/"+x.id+"/extend", ask, x.header...)
		if a, b := first["reservation"].(map[string]any), same["reservation"].(map[string]any); a["id"] != x.id || fmt.Sprint(a["version"]) != fmt.Sprint(b["version"]) {
			t.Errorf("%s is answered %v, then %v", x.name, a, b)
		}
		x.b.want(422, "idempotency_key_reused", "POST", "/reservations/"+x.id+"/extend", fmt.Sprintf(`{"to":%q}`, x.from.Add(3*time.Hour).Format(time.RFC3339)), x.header...)
	}
	// Whoever changes what is another's, with its token, does not come to own it.
	jana, guest := all[0], all[2]
	jana.b.want(200, "", "POST", "/reservations/"+guest.id+"/extend", fmt.Sprintf(`{"to":%q}`, from.Add(3*time.Hour).Format(time.RFC3339)),
		"Idempotency-Key", "a-key-that-is-long-3", "Authorization", guest.header[3])
	jana.b.want(404, "reservation_not_found", "GET", "/reservations/"+guest.id, "")
	if list := jana.b.want(200, "", "GET", "/me/reservations", "")["reservations"].([]any); len(list) != 1 {
		t.Errorf("%v", list)
	}
}
