package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// A pack is written for its owner's eyes, as a zip or as a folder, and checked
// from the file alone.
func TestEvidenceCommands(t *testing.T) {
	db, dsn := postgrestest.New(t)
	postgrestest.Import(t, db, time.Now(), postgrestest.Parking("north", 4))
	from := timerange.Floor(time.Now().Add(48 * time.Hour)).Time()
	s := &sale{"north", id.New[id.Reservation](time.Now()), timerange.Range{From: from, To: from.Add(2 * time.Hour)}}
	if _, err := committing(t, db, time.Now).Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	key, err := postgres.NewBooking(db).SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys.json")
	set := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":%q}]}`, base64.RawURLEncoding.EncodeToString(key.Public().Public))
	if err := os.WriteFile(keys, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	openlot := func(want int, parts []string, args ...string) {
		t.Helper()
		var out, errOut bytes.Buffer
		code := run(t.Context(), append([]string{"evidence"}, args...), &out, &errOut)
		if code != want {
			t.Errorf("openlot evidence %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, &out, &errOut)
		}
		for _, p := range parts {
			if !strings.Contains(out.String()+errOut.String(), p) {
				t.Errorf("openlot evidence %s: %q is not in:\n%s%s", strings.Join(args, " "), p, &out, &errOut)
			}
		}
	}
	file, folder := filepath.Join(dir, "pack.zip"), filepath.Join(dir, "pack")+"/"
	pack := func(r, to string) []string {
		return []string{r, "--out", to, "--database-url", dsn, "--log-level", "error"}
	}
	openlot(0, []string{"10 files about " + s.id.String()}, pack(s.id.String(), file)...)
	openlot(0, []string{"10 files"}, pack(s.id.String(), folder)...)
	openlot(1, []string{"file_unwritable"}, pack(s.id.String(), file)...)
	openlot(1, []string{"file_unwritable"}, pack(s.id.String(), folder)...)
	openlot(1, []string{"reservation_not_found"}, pack(id.New[id.Reservation](time.Now()).String(), file+"2")...)
	openlot(1, []string{"invalid_reservation_id"}, pack("rsv_1", file+"2")...)
	for name, most := range map[string]os.FileMode{file: 0o600, folder: 0o700, filepath.Join(folder, "reservation.json"): 0o600} {
		if i, err := os.Stat(name); err != nil || i.Mode().Perm() != most {
			t.Errorf("%s: %v %v", name, i.Mode(), err)
		}
	}
	if _, err := zip.OpenReader(file); err != nil {
		t.Error(err)
	}
	for _, name := range []string{file, folder} {
		openlot(0, []string{s.id.String(), "is sound: 8 files", "receipt.pdf is not in it: receipt_not_ready"}, "verify", name, "--keys", keys)
	}
	if err := os.WriteFile(filepath.Join(folder, "ledger.json"), []byte("[]\n "), 0o600); err != nil {
		t.Fatal(err)
	}
	openlot(1, []string{"ledger.json was altered", "evidence_unsound"}, "verify", folder, "--keys", keys)
	openlot(1, []string{"it is no zip"}, "verify", keys, "--keys", keys)
	openlot(1, []string{"file_unreadable"}, "verify", file+"3", "--keys", keys)
	openlot(1, []string{"keys_unreadable"}, "verify", file, "--keys", file)
}
