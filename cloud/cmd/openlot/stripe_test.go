package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASecretIsOneWordOfAFile(t *testing.T) {
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	got, err := stripeFlags{StripeKeyFile: write("sk_test_1\n"), StripeWebhookSecretFile: write(" whsec_1"), StripeURL: "http://localhost:1"}.stripe()
	if err != nil || got.Key != "sk_test_1" || string(got.Secret) != "whsec_1" || got.URL != "http://localhost:1" {
		t.Errorf("%+v, %v", got, err)
	}
	for name, file := range map[string]string{"nothing in it": write("\n"), "two words": write("sk_test_1 sk_test_2"), "not there": filepath.Join(t.TempDir(), "none")} {
		t.Setenv("OPENLOT_STRIPE_KEY_FILE", file)
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"reconcile"}, &out, &errs); code == 0 || !strings.Contains(errs.String(), "--stripe-key-file") || strings.Contains(errs.String(), "sk_test") {
			t.Errorf("%s: exit %d, %q", name, code, errs.String())
		}
	}
}
