package webauthn_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/webauthn"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

func TestKeysAreForTheSitesName(t *testing.T) {
	for name, x := range map[string]struct {
		url, domain, want, code string
	}{
		"the public URL's host":   {"https://parking.example.org", "", "parking.example.org", ""},
		"one above it":            {"https://api.example.org:8443", "example.org", "example.org", ""},
		"this very machine":       {"http://127.0.0.1:8080", "", "localhost", ""},
		"this very machine, IPv6": {"http://[::1]:8080", "", "localhost", ""},
		"another site's":          {"https://parking.example.org", "example.com", "", "passkey_domain_invalid"},
		"one that ends alike":     {"https://evilexample.org", "example.org", "", "passkey_domain_invalid"},
		"one below it":            {"https://example.org", "parking.example.org", "", "passkey_domain_invalid"},
	} {
		rp, err := webauthn.New(x.url, x.domain, nil)
		if x.code != "" {
			if fault.Code(err) != x.code {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c, err := rp.Ask()
		var asked struct {
			RPID             string `json:"rpId"`
			UserVerification string `json:"userVerification"`
		}
		if err := errors.Join(err, json.Unmarshal(c.Options, &asked)); err != nil || asked.RPID != x.want || asked.UserVerification != "required" {
			t.Errorf("%s: %s, %v", name, c.Options, err)
		}
	}
	if _, err := webauthn.New("http://192.0.2.1:8080", "", nil); !errors.Is(err, webauthn.ErrNoName) {
		t.Errorf("an address is a name: %v", err)
	}
}

// Whatever a browser sends is refused, not an error of ours.
func FuzzAnAnswerIsRefused(f *testing.F) {
	rp, err := webauthn.New("https://parking.example.org", "", nil)
	if err != nil {
		f.Fatal(err)
	}
	a := account.Account{ID: id.New[id.Account](time.Now()), Email: "jana@posteo.example"}
	asked, err := rp.Ask()
	if err != nil {
		f.Fatal(err)
	}
	wanted, err := rp.Register(a, nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{`{}`, `null`, `[]`, `"x"`, `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`, `{"response":{"clientDataJSON":"e30"}}`, `{"response":{"clientDataJSON":"bnVsbA"}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, err := rp.ChallengeOf(answer); err != nil && !errors.Is(err, account.ErrRefused) {
			t.Errorf("challenge: %v", err)
		}
		if _, err := rp.Registered(a.ID, wanted.Remembered, answer); !errors.Is(err, account.ErrRefused) {
			t.Errorf("registered: %v", err)
		}
		if _, err := rp.Answered(asked.Remembered, answer, func(id.Account) ([]account.Passkey, error) { return nil, nil }); !errors.Is(err, account.ErrRefused) {
			t.Errorf("answered: %v", err)
		}
	})
}
