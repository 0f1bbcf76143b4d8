package stack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/scripts/stack"
)

// control is somebody of the staff in front of the dashboard.
type control struct {
	t    *testing.T
	url  string
	http *http.Client
	keys int
}

func (c *control) do(method, path, body string, header ...string) (int, map[string]any) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var got map[string]any
	if len(b) > 0 {
		if err := json.Unmarshal(b, &got); err != nil {
			c.t.Fatalf("%s %s: %s", method, path, b)
		}
	}
	return resp.StatusCode, got
}

// staff signs somebody up and makes him staff of the operator.
func staff(t *testing.T, s *stack.Stack, dir string) *control {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &control{t: t, url: s.URL(), http: &http.Client{Jar: jar}}
	const email, password = "staff@posteo.example", "parken mit Vergnuegen"
	if status, got := c.do("POST", "/users", fmt.Sprintf(`{"email":%q}`, email)); status != http.StatusAccepted {
		t.Fatalf("%d %v", status, got)
	}
	token := ""
	for end := time.Now().Add(20 * time.Second); token == ""; {
		if time.Now().After(end) {
			t.Fatal("no mail")
		}
		time.Sleep(50 * time.Millisecond) // polls the inbox
		_, inbox := c.do("GET", "/dev/mail", "", "Accept", "application/json")
		list, err := json.Marshal(inbox)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`"id":"?(\d+)"?`).FindAllSubmatch(list, -1) {
			_, mail := c.do("GET", "/dev/mail/"+string(name[1]), "", "Accept", "application/json")
			text, _ := mail["text"].(string)
			if m := regexp.MustCompile(`token=([a-z2-7]+)`).FindStringSubmatch(text); m != nil {
				token = m[1]
			}
		}
	}
	if status, got := c.do("POST", "/users/verify", fmt.Sprintf(`{"token":%q,"password":%q}`, token, password)); status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "bin", "openlot"), "admin", "user", "--data-dir", filepath.Join(dir, "cloud"), email, "--role", "staff", "--operator", "Demo operator").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if status, got := c.do("POST", "/login", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password)); status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	return c
}

// command gives one and returns the answer.
func (c *control) command(lane, command string) (int, map[string]any) {
	c.t.Helper()
	c.keys++
	return c.do("POST", "/owner/parkings/dresden-altmarkt/lanes/"+lane+"/commands", fmt.Sprintf(`{"command":%q,"why":"ticket lost"}`, command), "Idempotency-Key", fmt.Sprintf("a-key-of-the-gate-%d", c.keys))
}

// becomes gives a command and follows the parking's stream until it is settled.
func (c *control) becomes(lane, command string) (state, code string) {
	c.t.Helper()
	status, got := c.command(lane, command)
	if status != http.StatusAccepted {
		c.t.Fatalf("%s: %d %v", command, status, got)
	}
	own := got["order"].(map[string]any)["id"].(string)
	c.look("the answer to "+command, func(now map[string]any) bool {
		for _, o := range now["orders"].([]any) {
			if o := o.(map[string]any); o["id"] == own && o["state"] != "sent" {
				state, _ = o["state"].(string)
				code, _ = o["code"].(string)
			}
		}
		return state != ""
	})
	return state, code
}

// look follows the parking's stream until it shows something.
func (c *control) look(what string, ok func(map[string]any) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 90*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/owner/parkings/dresden-altmarkt/now", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is {
			continue
		}
		var now map[string]any
		if err := json.Unmarshal([]byte(data), &now); err != nil {
			c.t.Fatal(err)
		}
		if ok(now) {
			return
		}
	}
	c.t.Fatalf("waited in vain for %s: %v", what, lines.Err())
}

func lane(now map[string]any, name string) map[string]any {
	for _, l := range now["lanes"].([]any) {
		if l := l.(map[string]any); l["id"] == name {
			return l
		}
	}
	return map[string]any{}
}

// twinGate is a gate of the twin.
type twinGate struct {
	Name   string  `json:"name"`
	Arm    float64 `json:"arm"`
	Opens  uint64  `json:"open_commands"`
	Closes uint64  `json:"close_commands"`
}

func (c *control) twin(url, gate string) (g twinGate) {
	c.t.Helper()
	resp, err := http.Get(url + "/state") // a test's own address
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var state struct {
		Gates []twinGate `json:"gates"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
		c.t.Fatal(err)
	}
	for _, g := range state.Gates {
		if g.Name == gate {
			return g
		}
	}
	c.t.Fatalf("no gate %s", gate)
	return g
}

func (c *control) conditions(url, gate, body string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPut, url+"/gates/"+gate+"/conditions", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		c.t.Fatalf("%s", resp.Status)
	}
}

// From the dashboard to the arm and back, with the real programs: an opening is carried
// out once and is in the audit; an arm is not let down where the loop under it says
// nothing good; and what is asked while the edge is away never happens.
func TestACommandFromTheDashboardMovesTheArm(t *testing.T) {
	s, _ := start(t)
	site := s.Sites[0]
	dir := site.Dir // somewhere below what the stack is in
	for _, err := os.Stat(filepath.Join(dir, "bin")); err != nil && dir != "/"; _, err = os.Stat(filepath.Join(dir, "bin", "openlot")) {
		dir = filepath.Dir(dir)
	}
	c := staff(t, s, dir)
	c.look("the lanes", func(now map[string]any) bool {
		return lane(now, "exit-1")["arm"] == "down" && lane(now, "entry-1")["direction"] == "entry" && lane(now, "exit-1")["linked"] == true
	})

	if state, code := c.becomes("exit-1", "open"); state != "done" || code != "" {
		t.Fatalf("open: %s %s", state, code)
	}
	c.look("the arm", func(map[string]any) bool { return c.twin(site.TwinURL, "exit-1").Opens > 0 })
	opens := c.twin(site.TwinURL, "exit-1").Opens
	status, again := c.do("POST", "/owner/parkings/dresden-altmarkt/lanes/exit-1/commands", `{"command":"open","why":"ticket lost"}`, "Idempotency-Key", fmt.Sprintf("a-key-of-the-gate-%d", c.keys))
	if status != http.StatusAccepted || again["order"].(map[string]any)["state"] != "done" {
		t.Fatalf("the same key: %d %v", status, again)
	}
	// Nobody drives through, so that the authorisation ends by itself; another command shows
	// that the first is not carried out again.
	c.look("the arm down again", func(now map[string]any) bool { return lane(now, "exit-1")["arm"] == "down" })
	if got := c.twin(site.TwinURL, "exit-1").Opens; got != opens {
		t.Errorf("%d openings, want %d", got, opens)
	}

	if state, code := c.becomes("exit-1", "hold_open"); state != "done" {
		t.Fatalf("hold open: %s %s", state, code)
	}
	c.look("the arm held up", func(now map[string]any) bool {
		l := lane(now, "exit-1")
		return l["arm"] == "up" && l["held_open"] == true
	})
	c.conditions(site.TwinURL, "exit-1", `{"safety_fault":true}`)
	c.look("the loop", func(now map[string]any) bool { return lane(now, "exit-1")["safety"] != "clear" })
	closes := c.twin(site.TwinURL, "exit-1").Closes
	if state, code := c.becomes("exit-1", "let_go"); state != "refused" || code != "loop_occupied" && code != "loop_unknown" {
		t.Fatalf("let go over what cannot be seen: %s %s", state, code)
	}
	if g := c.twin(site.TwinURL, "exit-1"); g.Closes != closes || g.Arm < 1 {
		t.Errorf("the arm was moved: %+v", g)
	}
	c.conditions(site.TwinURL, "exit-1", `{"safety_fault":false}`)
	c.look("the loop", func(now map[string]any) bool { return lane(now, "exit-1")["safety"] == "clear" })
	if state, code := c.becomes("exit-1", "let_go"); state != "done" {
		t.Fatalf("let go: %s %s", state, code)
	}
	c.look("the arm down", func(now map[string]any) bool { return lane(now, "exit-1")["arm"] == "down" })

	opens = c.twin(site.TwinURL, "exit-1").Opens
	site.Edge().Stop()
	c.look("the edge away", func(now map[string]any) bool {
		return now["parking"].(map[string]any)["edge"].(map[string]any)["state"] == "away"
	})
	if status, got := c.command("exit-1", "open"); status != http.StatusConflict || got["code"] != "edge_away" {
		t.Fatalf("away: %d %v", status, got)
	}
	if err := site.StartEdge(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.look("the edge back", func(now map[string]any) bool {
		return now["parking"].(map[string]any)["edge"].(map[string]any)["state"] == "live" && lane(now, "exit-1")["linked"] == true
	})
	if state, code := c.becomes("exit-1", "take_out"); state != "done" { // behind whatever might have waited
		t.Fatalf("take out: %s %s", state, code)
	}
	if got := c.twin(site.TwinURL, "exit-1").Opens; got != opens {
		t.Errorf("%d openings, want %d: what was asked while it was away has happened", got, opens)
	}

	_, audit := c.do("GET", "/owner/commands?parking=dresden-altmarkt", "")
	var told []string
	for _, o := range audit["commands"].([]any) {
		o := o.(map[string]any)
		told = append(told, fmt.Sprint(o["command"], " ", o["state"], " ", o["by"], " ", o["why"]))
	}
	want := []string{"take_out done", "let_go done", "let_go refused", "hold_open done", "open done"}
	if len(told) != len(want) {
		t.Fatalf("%q", told)
	}
	for i := range want {
		if told[i] != want[i]+" staff@posteo.example ticket lost" {
			t.Errorf("%q, want %q", told[i], want[i])
		}
	}
	// Out of service is an incident, unread until somebody has read it.
	_, got := c.do("GET", "/owner/incidents?state=unread&class=lane", "")
	incidents := got["incidents"].([]any)
	if len(incidents) == 0 {
		t.Fatalf("%v", got)
	}
	own := incidents[0].(map[string]any)["id"].(string)
	if status, got := c.do("POST", "/owner/parkings/dresden-altmarkt/incidents/"+own+"/read", ""); status != http.StatusOK || got["incident"].(map[string]any)["read_by"] != "staff@posteo.example" {
		t.Errorf("%d %v", status, got)
	}
	if status, got := c.do("GET", "/owner/parkings/dresden-altmarkt/incidents/"+own, ""); status != http.StatusOK || len(got["timeline"].([]any)) < 2 || got["money"] != nil {
		t.Errorf("%d %v", status, got)
	}
	if status, got := c.do("GET", "/owner/edges", ""); status != http.StatusOK || got["edges"].([]any)[0].(map[string]any)["lanes"] != 2.0 {
		t.Errorf("%d %v", status, got)
	}
}
