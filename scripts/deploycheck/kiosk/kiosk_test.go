package kiosk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/api/androidmanagement/v1"
)

// kioskUnits are the units of a kiosk's machine.
var kioskUnits = []string{"openlot-kiosk.service", "openlot-kiosk-screen.service"}

// unitKeys are the keys that our units may have, by section, as systemd.unit(5),
// systemd.exec(5) and systemd.service(5) spell them.
var unitKeys = map[string]string{
	"Unit": "Description Documentation After Before Wants Conflicts StartLimitIntervalSec ConditionPathExists",
	"Service": "Type User Group PAMName TTYPath TTYReset TTYVHangup TTYVTDisallocate StandardInput StandardOutput StandardError UtmpIdentifier UtmpMode " +
		"EnvironmentFile Environment RuntimeDirectory RuntimeDirectoryMode ExecStartPre ExecStart TimeoutStartSec TimeoutStopSec Restart RestartSec RemainAfterExit " +
		"OOMScoreAdjust MemoryMax ProtectSystem ProtectHome PrivateTmp NoNewPrivileges CapabilityBoundingSet AmbientCapabilities ProtectClock ProtectControlGroups " +
		"ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables RestrictRealtime RestrictSUIDSGID LockPersonality LimitCORE SystemCallArchitectures",
	"Install": "WantedBy Alias",
}

// parseUnit reads a unit strictly: every line is a comment, a section or a key that
// there is in it.
func parseUnit(text string) (map[string][]string, error) {
	out, section := map[string][]string{}, ""
	for n, line := range strings.Split(text, "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
			if unitKeys[section] == "" {
				return nil, fmt.Errorf("line %d: there is no section %q", n+1, section)
			}
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || !slices.Contains(strings.Fields(unitKeys[section]), key) {
				return nil, fmt.Errorf("line %d: %q is no key of %q", n+1, key, section)
			}
			out[section+"."+key] = append(out[section+"."+key], value)
		}
	}
	return out, nil
}

// notThere is what systemd says of a program of a package that this machine lacks.
var notThere = regexp.MustCompile(`Command /usr/(s?bin/(cage|setterm|sysctl|curl)|lib/openlot/openlot-kiosk-browser) is not executable`)

// The units are units, run as a user of their own, come back for ever and never let go of
// the screen.
func TestTheKiosksUnitsAreUnits(t *testing.T) {
	for _, name := range kioskUnits {
		u, err := parseUnit(string(read(t, "kiosk/linux/"+name)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name != kioskUnits[0] {
			continue
		}
		for key, want := range map[string]string{
			"Service.User": "openlot-kiosk", "Service.Restart": "always", "Unit.StartLimitIntervalSec": "0", "Service.NoNewPrivileges": "yes", "Service.CapabilityBoundingSet": "",
			"Service.ExecStart": "/usr/bin/cage -d -- /usr/lib/openlot/openlot-kiosk-browser",
		} {
			if got := u[key]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
	}
	if _, err := parseUnit("[Service]\nRestrat=always\n"); err == nil {
		t.Error("a misspelled key is taken")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd is not here: only our own parser has looked at the units")
		return
	}
	for _, name := range kioskUnits {
		path, err := filepath.Abs(filepath.Join("../../../deploy/kiosk/linux", name))
		if err != nil {
			t.Fatal(err)
		}
		out, _ := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", path).CombinedOutput() // ends with 1 where a program is not there
		for line := range strings.Lines(string(out)) {
			if strings.TrimSpace(line) != "" && !notThere.MatchString(line) {
				t.Errorf("%s: systemd says: %s", name, line)
			}
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// strict decodes JSON that has nothing unknown, nothing twice and nothing behind it.
func strict(t *testing.T, raw []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatal("there is something behind it")
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  "(\w+)":`).FindAllSubmatch(raw, -1) {
		if name := string(m[1]); seen[name] {
			t.Errorf("%s is there twice", name)
		} else {
			seen[name] = true
		}
	}
}

// chromium is the machine's browser, with what its program is.
func chromium(t *testing.T) (start, program string) {
	t.Helper()
	for _, name := range []string{"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"} {
		if _, err := os.Stat(name); err == nil {
			start = name
			break
		}
	}
	for _, name := range []string{"/usr/lib/chromium/chromium", "/usr/lib/chromium-browser/chromium-browser", "/opt/google/chrome/chrome"} {
		if _, err := os.Stat(name); err == nil {
			return start, name
		}
	}
	t.Fatal("install chromium: the kiosk's policy is tried with it (make test does)")
	return "", ""
}

// Every policy for the browser is one that the browser knows by that name, and the
// Android device's policy one that Google's own types have.
func TestThePoliciesAreSpelledAsTheyAreRead(t *testing.T) {
	var policies map[string]any
	strict(t, read(t, "kiosk/linux/policy.json"), &policies)
	_, program := chromium(t)
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	known := func(name string) bool {
		return bytes.Contains(text, append([]byte(name), 0)) || bytes.Contains(text, []byte("."+name))
	}
	for name := range policies {
		if !known(name) {
			t.Errorf("the browser knows no policy %q", name)
		}
	}
	if known("URLBlocklistt") || len(policies) < 20 {
		t.Error("this would not find a misspelled name")
	}
	var device androidmanagement.Policy
	strict(t, read(t, "kiosk/android/policy.json"), &device)
	if len(device.Applications) != 1 || device.Applications[0].InstallType != "KIOSK" || device.KioskCustomization == nil || device.KioskCustomization.SystemNavigation != "NAVIGATION_DISABLED" {
		t.Errorf("%+v", device)
	}
	var app map[string]any
	strict(t, device.Applications[0].ManagedConfiguration, &app)
	for name := range app {
		if !known(name) {
			t.Errorf("the browser knows no policy %q", name)
		}
	}
}

// A real browser, started by our script with our policy, shows the kiosk's page and goes
// to no other address, neither by a start nor by a page. What it did is told by the
// server, since nobody can look into a browser whose tools are shut. The same browser
// without the policy goes there: so this is no test of nothing.
func TestTheLockedBrowserShowsTheKioskAndNothingElse(t *testing.T) {
	locked := browse(t, func(host string) string {
		return strings.ReplaceAll(string(read(t, "kiosk/linux/policy.json")), "127.0.0.1:8090", host)
	})
	if !slices.Contains(locked, "GET /kiosk/") || !slices.Contains(locked, "GET /kiosk/looked") {
		t.Errorf("the kiosk's page is not shown: %q", locked)
	}
	for _, got := range locked {
		if _, path, _ := strings.Cut(got, " "); !strings.HasPrefix(path, "/kiosk/") {
			t.Errorf("the locked browser went to %q", got)
		}
	}
	open := browse(t, func(string) string { return "{}" })
	for _, want := range []string{"GET /kiosk/looked", "GET /start", "GET /frame"} {
		if !slices.Contains(open, want) {
			t.Errorf("an open browser did not go to %q: %q", want, open)
		}
	}
}

// browse starts the kiosk's browser with a policy, at a page that shows another one inside
// it and then goes there. It returns what the browser asked for until that page was left.
func browse(t *testing.T, policy func(host string) string) []string {
	t.Helper()
	asked, seen := make(chan string, 100), []string(nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.Path
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/kiosk/" {
			_, _ = io.WriteString(w, `<!doctype html><link rel=icon href="data:,"><script>addEventListener('pagehide', () => navigator.sendBeacon('/kiosk/left'))</script>
				<iframe onload="fetch('/kiosk/looked').then(() => { location.href = '/start' })" src="/frame"></iframe>`)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "openlot-kiosk.json"), []byte(policy(host)), 0o644); err != nil { //nolint:gosec // no secret
		t.Fatal(err)
	}
	script, err := filepath.Abs("../../../deploy/kiosk/linux/openlot-kiosk-browser")
	if err != nil {
		t.Fatal(err)
	}
	start, _ := chromium(t)
	// The browser reads its policies from one place only: there, for this process alone,
	// is our folder.
	inside := `for d in /etc/chromium /etc/chromium-browser /etc/opt/chrome; do
		if [ -d $d ]; then mount -t tmpfs none $d && mkdir -p $d/policies/managed && cp "$1"/openlot-kiosk.json $d/policies/managed/; fi; done
		exec "$2" --headless=new --no-sandbox --disable-gpu `
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", inside, "sh", dir, script)
	cmd.Env = append(os.Environ(), "KIOSK_CHROMIUM="+start, "KIOSK_URL="+server.URL+"/kiosk/", "KIOSK_PROFILE="+filepath.Join(dir, "profile"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with all that it has started
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // it was ended
	}()
	for {
		select {
		case got := <-asked:
			seen = append(seen, got)
			if got == "POST /kiosk/left" {
				for {
					select {
					case got := <-asked:
						seen = append(seen, got)
					default:
						return seen
					}
				}
			}
		case <-ctx.Done():
			t.Fatalf("the kiosk's page did not come to its end: %q", seen)
		}
	}
}
