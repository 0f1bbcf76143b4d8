package obs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/openlot/openlot/edge/internal/obs"
)

func none(string) string { return "" }

// The journal has the time and takes the level from the line's beginning.
func TestTheJournalGetsTheLevelAndNoSecondTime(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(obs.NewHandler(&out, obs.Journal, slog.LevelDebug, none)).With("component", "lane").WithGroup("at")
	log.Debug("a")
	log.Info("b", "lane", "entry-1", "time", 3)
	log.Warn("c", "text", "two\nlines")
	log.Error("d")
	want := []string{
		`<7>msg=a component=lane`,
		`<6>msg=b component=lane at.lane=entry-1 at.time=3`,
		`<4>msg=c component=lane at.text="two\nlines"`,
		`<3>msg=d component=lane`,
	}
	if got := strings.Split(strings.TrimSpace(out.String()), "\n"); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got\n%s", out.String())
	}
}

func TestFormatsAndLevels(t *testing.T) {
	for _, format := range []obs.Format{obs.Auto, obs.Text, obs.JSON, obs.Journal} {
		var out bytes.Buffer
		log := slog.New(obs.NewHandler(&out, format, slog.LevelWarn, func(string) string { return "1:2" }))
		log.Info("quiet")
		log.Warn("loud")
		if strings.Contains(out.String(), "quiet") || !strings.Contains(out.String(), "loud") {
			t.Errorf("%s: %s", format, out.String())
		}
		if isJSON := json.Valid(out.Bytes()); isJSON != (format == obs.JSON) {
			t.Errorf("%s: %s", format, out.String())
		}
		if strings.HasPrefix(out.String(), "<4>") != (format == obs.Journal) {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}

// Auto believes the variable only about the very stream it speaks of.
func TestAutoKnowsTheJournalsStream(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	info, err := w.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := info.Sys().(*syscall.Stat_t)
	for stream, want := range map[string]string{
		fmt.Sprintf("%d:%d", s.Dev, s.Ino):   "<6>msg=hello",
		fmt.Sprintf("%d:%d", s.Dev, s.Ino+1): "time=",
		"":                                   "time=",
	} {
		slog.New(obs.NewHandler(w, obs.Auto, slog.LevelInfo, func(string) string { return stream })).Info("hello")
		line := make([]byte, 200)
		n, err := r.Read(line)
		if err != nil || !strings.HasPrefix(string(line[:n]), want) {
			t.Errorf("%q: %s %v", stream, line[:n], err)
		}
	}
	_ = w.Close()
	if _, err := io.ReadAll(r); err != nil {
		t.Error(err)
	}
}
