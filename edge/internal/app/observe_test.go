package app

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openlot/openlot/protocol/wire"
)

// answer is an answer that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) get(path string) answer {
	s.t.Helper()
	r, err := http.Get("http://" + s.agent.Addr() + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{r.StatusCode, r.Header, string(b)}
}

// busy lets a guest in, refuses a plate and a forged pass, and lets a walk-in in.
// It returns what nobody who reads metrics or the page may learn.
func (s *site) busy() (private []string) {
	s.t.Helper()
	guest := s.pass(s.guest.Reservation, 5)
	s.board.arrive(entry1)
	s.board.show(entry1, guest)
	s.board.opened(entry1)
	<-s.board.tells
	s.board.driveThrough(entry1)
	const plate = "DD-AB 1234"
	s.board.arrive(entry2)
	s.board.show(entry2, plate)
	<-s.board.tells
	s.board.show(entry2, "")
	ticket := (<-s.board.tells).ticket
	s.board.opened(entry2)
	s.board.driveThrough(entry2)
	in := s.applied(wire.Entered, 2)
	return []string{guest, plate, "1234", ticket, secret, s.guest.Reservation.String(), in[0].Session.String(), in[1].Session.String(), s.edge.String()}
}

// Whoever reads the metrics learns how the lanes do, and nothing about people.
func TestNobodyIsInTheMetrics(t *testing.T) {
	s := newSite(t)
	s.start(true)
	private := s.busy()
	scrape := s.get("/metrics")
	if scrape.status != http.StatusOK {
		t.Fatal(scrape.status)
	}
	text := scrape.body
	for _, want := range []string{
		`openlot_edge_decisions_total{lane="entry-1",reason="ADMIT_RESERVATION"} 1`,
		`openlot_edge_decisions_total{lane="entry-2",reason="ADMIT_WALKIN"} 1`,
		`openlot_edge_decision_seconds_count 3`,
		`openlot_edge_journal_write_errors_total 0`,
		`openlot_edge_lane_phase{lane="exit-1",phase="idle"} 1`,
		`openlot_edge_lane_phase{lane="exit-1",phase="opening"} 0`,
		`openlot_edge_cloud_link{state="online"} 1`,
		`openlot_edge_board_connected 1`,
		`openlot_edge_sessions_inside 2`,
		`openlot_edge_spans_dropped_total 0`,
		`openlot_edge_store_failed 0`,
		`openlot_edge_clock_known 1`,
		`openlot_edge_build_info{goversion="go`,
		"openlot_edge_journal_write_seconds_bucket", "openlot_edge_journal_unacknowledged", "openlot_edge_journal_ack_age_seconds",
		"openlot_edge_store_bytes", "openlot_edge_clock_uncertainty_seconds", "process_resident_memory_bytes",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	page := s.get("/").body
	for _, p := range private {
		if strings.Contains(text, p) || strings.Contains(page, p) {
			t.Errorf("%q is there for everybody", p)
		}
	}
	allowed := []string{"lane", "reason", "phase", "fault", "state", "version", "goversion", "le", "quantile"}
	for _, m := range regexp.MustCompile(`[{,]([a-z_]+)="`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(allowed, m[1]) {
			t.Errorf("a label %s", m[1])
		}
	}
}

// The page is whole without anything from elsewhere, and what changes comes by
// itself.
func TestThePageLives(t *testing.T) {
	s := newSite(t)
	s.start(true)
	answered := s.get("/")
	page := answered.body
	if policy := answered.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	if out := regexp.MustCompile(`(src|href)="(https?:)?//`).FindString(page); out != "" {
		t.Errorf("from elsewhere: %s", out)
	}
	for _, want := range []string{string(parking), "entry-1", "exit-1", "idle", "connected", "openlot"} {
		if !strings.Contains(strings.ToLower(page), want) {
			t.Errorf("no %s on the page", want)
		}
	}
	for _, path := range []string{"/status.css", "/status.js"} {
		if r := s.get(path); r.status != http.StatusOK {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	live, err := http.Get("http://" + s.agent.Addr() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = live.Body.Close() }()
	lines, until := bufio.NewScanner(live.Body), func(lines *bufio.Scanner, event, want string) {
		t.Helper()
		for is := false; lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				is = name == event
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && is {
				var html string
				if err := json.Unmarshal([]byte(data), &html); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(html, want) {
					return
				}
			}
		}
		t.Fatalf("the stream ended before %s was %s", event, want)
	}
	until(lines, "version", "test")
	s.board.arrive(exit1)
	until(lines, "lanes", "armed")
	close(s.board.broken)
	until(lines, "alarm", "board does not answer")
	s.stop() // and the stream ends
	for lines.Scan() {
	}
}

// Streams are bounded: whoever opens too many does not cost the gate its memory.
func TestStreamsAreBounded(t *testing.T) {
	s := newSite(t)
	s.start(false)
	for range 16 {
		r, err := http.Get("http://" + s.agent.Addr() + "/live")
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatal(r, err)
		}
		t.Cleanup(func() { _ = r.Body.Close() })
	}
	if r := s.get("/live"); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("the seventeenth: %d", r.status)
	}
}
