package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const receipts = "../../internal/receipt/testdata/"

func TestVerifyingAReceipt(t *testing.T) {
	document, err := os.ReadFile(receipts + "v1.json")
	if err != nil {
		t.Fatal(err)
	}
	published, err := os.ReadFile(receipts + "v1-tariff.json")
	if err != nil {
		t.Fatal(err)
	}
	keys := httptest.NewServer(http.FileServer(http.Dir(receipts)))
	defer keys.Close()
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good.json", document)
	bent := file("bent.json", bytes.Replace(document, []byte(`"minor": 840`), []byte(`"minor": 420`), 1))
	dearer := file("dearer.json", bytes.Replace(published, []byte(`"rate": 120`), []byte(`"rate": 220`), 1))
	for name, x := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"sound":                 {[]string{good, "--keys", receipts + "v1-keys.json"}, 0, []string{"altmarkt-17 is sound", "8.40 EUR", "of it 1.34 EUR tax", "--tariff compares"}},
		"by the published one":  {[]string{good, "--keys", receipts + "v1-keys.json", "--tariff", receipts + "v1-tariff.json"}, 0, []string{"is sound"}},
		"keys of a server":      {[]string{good, "--keys", keys.URL + "/v1-keys.json"}, 0, []string{"is sound"}},
		"another amount":        {[]string{bent, "--keys", receipts + "v1-keys.json"}, 1, []string{"bent.json: signature is not good", "the tariff makes it 8.40 EUR", "receipt_unsound"}},
		"another tariff":        {[]string{good, "--keys", receipts + "v1-keys.json", "--tariff", dearer}, 1, []string{"tariffs[0] version 3 is not the one that was published"}},
		"no receipt":            {[]string{receipts + "v1-keys.json", "--keys", receipts + "v1-keys.json"}, 1, []string{"document is not a receipt"}},
		"no keys":               {[]string{good, "--keys", good}, 1, []string{"keys_unreadable"}},
		"a server without keys": {[]string{good, "--keys", keys.URL + "/nothing"}, 1, []string{"keys_unreadable", "404"}},
		"no file":               {[]string{filepath.Join(dir, "none"), "--keys", receipts + "v1-keys.json"}, 1, []string{"file_unreadable"}},
		"no tariff":             {[]string{good, "--keys", receipts + "v1-keys.json", "--tariff", good}, 1, []string{"invalid_tariff"}},
	} {
		var out, errOut bytes.Buffer
		code := run(t.Context(), append([]string{"receipt", "verify"}, x.args...), &out, &errOut)
		if code != x.code {
			t.Errorf("%s: exit %d\n%s%s", name, code, &out, &errOut)
		}
		for _, want := range x.says {
			if !strings.Contains(out.String()+errOut.String(), want) {
				t.Errorf("%s: %q is not in\n%s%s", name, want, &out, &errOut)
			}
		}
	}
}
