package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openlot/openlot/edge/internal/pin"
)

// What the command prints stands for the PIN that it read; a PIN that everybody tries
// first makes nothing, and what was typed is not shown.
func TestAPINBecomesAHash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pin")
	read := func(typed string) (string, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(typed), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		var out, errs bytes.Buffer
		err = makePIN(f, &out, &errs)
		if strings.Contains(out.String()+errs.String(), strings.TrimSpace(typed)) {
			t.Error("the PIN is shown")
		}
		return strings.TrimSpace(out.String()), err
	}
	text, err := read("480915\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if h, err := pin.Parse(text); err != nil || !h.Is("480915") {
		t.Errorf("%s: %v", text, err)
	}
	if text, err := read("123456\n"); err == nil || text != "" {
		t.Errorf("%q %v", text, err)
	}
}
