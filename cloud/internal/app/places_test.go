package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openlot/openlot/protocol/fault"
)

// A gazetteer that cannot be used ends the start, with which file and where in it.
func TestAGazetteerThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.txt")
	if err := os.WriteFile(bad, []byte("1\tDresden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	good := filepath.Join("..", "places", "testdata", "places.txt")
	for _, files := range [][]string{{bad}, {good, bad}, {filepath.Join(t.TempDir(), "none.txt")}} {
		d, err := directory(nil, files, log)
		if d != nil || fault.Code(err) != CodePlacesInvalid || !strings.Contains(err.Error(), filepath.Base(files[len(files)-1])) {
			t.Errorf("%v: %v", files, err)
		}
	}
	for files, has := range map[string]bool{"": false, good: true, good + "," + filepath.Join("..", "places", "testdata", "postcodes.txt"): true} {
		d, err := directory(nil, strings.FieldsFunc(files, func(r rune) bool { return r == ',' }), log)
		if err != nil || d.Gazetteer() != has {
			t.Errorf("%q: %v", files, err)
		}
	}
}
