package app_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/postgres"
)

// device is somebody's telephone with one key.
type device struct {
	auth virtualwebauthn.Authenticator
	rp   virtualwebauthn.RelyingParty
	key  virtualwebauthn.Credential
}

func newDevice(at string) *device {
	return &device{
		auth: virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{BackupEligible: true, BackupState: true}),
		rp:   virtualwebauthn.RelyingParty{ID: "localhost", Name: "Openlot", Origin: "http://localhost" + at[len("127.0.0.1"):]},
		key:  virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2),
	}
}

// options is what a browser is asked.
func (b *browser) options(path string) string {
	b.t.Helper()
	raw, err := json.Marshal(b.want(200, "", "POST", path, "")["options"])
	if err != nil {
		b.t.Fatal(err)
	}
	return string(raw)
}

// create answers what a browser is asked for a new key.
func (d *device) create(t *testing.T, options string) string {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	if d.auth.Options.UserHandle == nil {
		d.auth.Options.UserHandle = []byte(o.UserID)
	}
	return fmt.Sprintf(`{"name":"Telefon","credential":%s}`, virtualwebauthn.CreateAttestationResponse(d.rp, d.auth, d.key, *o))
}

// get answers what a browser is asked for a key.
func (d *device) get(t *testing.T, options string) string {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.AllowCredentials) > 0 {
		t.Errorf("whose key it is, is told to everybody: %v", o.AllowCredentials)
	}
	d.key.Counter++
	return fmt.Sprintf(`{"credential":%s}`, virtualwebauthn.CreateAssertionResponse(d.rp, d.auth, d.key, *o))
}

func TestAPasskeyLogsIn(t *testing.T) {
	dir := home(t)
	r := serve(t, dir)
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	b := member(t, r, postgres.Accounts{}, "jana", "", "")
	d := newDevice(r.HTTP)
	const begin, add, ask, enter = "/me/passkeys/begin", "/me/passkeys", "/login/passkey/begin", "/login/passkey"

	// What is not what was asked for: without making sure of its user, for another site,
	// from another page, on another's challenge, twice.
	for name, wrong := range map[string]func(*device){
		"nobody was made sure of": func(d *device) { d.auth.Options.UserNotVerified = true },
		"another site":            func(d *device) { d.rp.ID = "evil.example" },
		"another page":            func(d *device) { d.rp.Origin = "https://evil.example" },
	} {
		x := newDevice(r.HTTP)
		wrong(x)
		if s, _, got := b.do("POST", add, x.create(t, b.options(begin))); s != 422 || got["code"] != "passkey_refused" {
			t.Errorf("%s: %d %v", name, s, got)
		}
	}
	b.want(422, "request_invalid", "POST", add, `{"credential":"x"}`)
	b.want(422, "passkey_refused", "POST", add, `{"credential":{}}`)
	other := member(t, r, postgres.Accounts{}, "ole", "", "")
	b.want(410, "challenge_expired", "POST", add, d.create(t, other.options(begin)))
	d.auth.Options.UserHandle = nil
	answer := d.create(t, b.options(begin))
	made := b.want(201, "", "POST", add, answer)
	b.want(403, "login_again", "POST", add, answer) // there is a second factor now, which this log-in has not passed
	b.want(403, "login_again", "POST", begin, "")
	b.want(403, "login_again", "POST", "/me/totp", "")
	b.want(403, "login_again", "DELETE", "/me/passkeys/"+made["id"].(string), "")
	other.want(404, "passkey_not_found", "DELETE", "/me/passkeys/"+made["id"].(string), "")

	phone := &browser{t: t, at: r.HTTP}
	for name, wrong := range map[string]func(*device){
		"nobody was made sure of": func(d *device) { d.auth.Options.UserNotVerified = true },
		"another site":            func(d *device) { d.rp.ID = "evil.example" },
		"another page":            func(d *device) { d.rp.Origin = "https://evil.example" },
		"another key":             func(d *device) { d.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2) },
		"nobody's":                func(d *device) { d.auth.Options.UserHandle = make([]byte, 16) },
	} {
		x := *d
		wrong(&x)
		if s, _, got := phone.do("POST", enter, x.get(t, phone.options(ask))); s != 401 || got["code"] != "passkey_refused" {
			t.Errorf("%s: %d %v", name, s, got)
		}
	}
	entry := d.get(t, phone.options(ask))
	me := phone.want(200, "", "POST", enter, entry)
	if u, s := me["user"].(map[string]any), me["session"].(map[string]any); u["email"] != "jana@posteo.example" || s["second_factor"] != true || u["passkeys"] != 1.0 {
		t.Errorf("%v", me)
	}
	again := &browser{t: t, at: r.HTTP}
	again.want(410, "challenge_expired", "POST", enter, entry)
	copied := *d
	copied.key.Counter--
	again.want(401, "passkey_refused", "POST", enter, copied.get(t, again.options(ask)))
	if again.cookie != "" {
		t.Error("who was refused is in")
	}
	again.want(200, "", "POST", enter, d.get(t, again.options(ask)))

	// With it passed, another key and an authenticator may be added, and this one removed.
	second := newDevice(r.HTTP)
	if s, _, got := phone.do("POST", add, d.create(t, phone.options(begin))); s != 409 || got["code"] != "passkey_exists" {
		t.Errorf("the same key again: %d %v", s, got)
	}
	phone.want(201, "", "POST", add, second.create(t, phone.options(begin)))
	if list := phone.want(200, "", "GET", add, "")["passkeys"].([]any); len(list) != 2 || list[1].(map[string]any)["last_used_at"] == nil || list[1].(map[string]any)["backed_up"] != true {
		t.Errorf("%v", list)
	}
	phone.want(204, "", "DELETE", "/me/passkeys/"+made["id"].(string), "")
	again.want(401, "not_logged_in", "GET", "/me", "") // it was opened by the key
	phone.want(200, "", "GET", "/me", "")
	again.want(401, "passkey_refused", "POST", enter, d.get(t, again.options(ask)))
	b.want(200, "", "GET", "/me", "")
	again.want(200, "", "POST", enter, second.get(t, again.options(ask)))
}

// An owner's passkey is his second factor.
func TestAPasskeyIsASecondFactor(t *testing.T) {
	dir := home(t)
	r := serve(t, dir)
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	accounts, name := accountsOf(t, dir)
	b := member(t, r, accounts, "owner", account.Owner, name)
	b.want(403, "second_factor_required", "GET", "/owner/parkings", "")
	d := newDevice(r.HTTP)
	made := b.want(201, "", "POST", "/me/passkeys", d.create(t, b.options("/me/passkeys/begin")))
	b.want(403, "second_factor_required", "GET", "/owner/parkings", "")
	b.want(200, "", "POST", "/login/passkey", d.get(t, b.options("/login/passkey/begin")))
	b.want(200, "", "GET", "/owner/parkings", "")
	b.want(204, "", "DELETE", "/me/passkeys/"+made["id"].(string), "")
	b.want(403, "second_factor_required", "GET", "/owner/parkings", "")
}
