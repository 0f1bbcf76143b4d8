package main

import (
	"bytes"
	"encoding/base32"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The vectors of RFC 6238, appendix B, for SHA-1, in their last six digits.
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("12345678901234567890"))
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got, err := totp(secret, time.Unix(at, 0)); err != nil || got != want {
			t.Errorf("at %d: %s, %v, want %s", at, got, err, want)
		}
	}
	if _, err := totp("not base32!", time.Unix(59, 0)); err == nil {
		t.Error("a secret that is none gives a code")
	}
}

func TestTheOwnersCodeIsPrinted(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"code", "--dir", dir}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "make run makes one") {
		t.Errorf("without an owner: %d, %q", code, &errs)
	}
	if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(`{"email":"owner@openlot.example","password":"pw","secret":"GEZDGNBVGY3TQOJQ"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	errs.Reset()
	if code := run(t.Context(), []string{"code", "--dir", dir}, &out, &errs); code != 0 || !regexp.MustCompile(`^\d{6}\n$`).MatchString(out.String()) || !strings.Contains(errs.String(), "owner@openlot.example with pw") {
		t.Errorf("%d, %q, %q", code, &out, &errs)
	}
}
