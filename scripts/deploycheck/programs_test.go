package deploycheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// deploy is where the files are, seen from here.
const deploy = "../../deploy"

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// programs are a cloud and an edge that run, with one reservation made.
type programs struct {
	dir, bin    string
	http        string // of the cloud's API
	cloud, edge string // where their metrics are
	procs       []*exec.Cmd
}

// One pair for all tests: TestMain ends it.
var (
	startOnce sync.Once
	started   *programs
	startErr  error
)

func running(t *testing.T) *programs {
	t.Helper()
	startOnce.Do(func() { started, startErr = start() })
	if startErr != nil {
		t.Fatal(startErr)
	}
	return started
}

func TestMain(m *testing.M) {
	code := m.Run()
	if started != nil {
		started.stop()
	}
	os.Exit(code)
}

// build makes a program of the workspace.
func build(module, name, to string) error {
	cmd := exec.Command("go", "build", "-o", to, "./cmd/"+name)
	cmd.Dir = filepath.Join("..", "..", module)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return nil
}

const park = `{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[13.74,51.05]},
	"properties":{"id":"dresden-altmarkt","name":"Altmarkt","city":"Dresden","kind":"underground","capacity":20,"tz":"Europe/Berlin"}}]}`

func start() (_ *programs, err error) {
	dir, err := os.MkdirTemp("", "openlot-deploy-")
	if err != nil {
		return nil, err
	}
	p := &programs{dir: dir, bin: filepath.Join(dir, "bin")}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	// Postgres runs as somebody else, who must be able to enter it.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	for module, name := range map[string]string{"cloud": "openlot", "edge": "openlot-edge", "firmware-bridge": "openlot-board"} {
		if err := build(module, name, filepath.Join(p.bin, name)); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "cloud")
	if err := p.run("openlot", "serve", "--data-dir", data, "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	var at struct{ HTTP, Admin, MQTT string }
	if err := wait(func() error {
		b, err := os.ReadFile(filepath.Join(data, "runtime.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &at); err != nil {
			return err
		}
		return p.ok("http://" + at.HTTP + "/readyz")
	}); err != nil {
		return nil, p.failed("the cloud", err)
	}
	p.http, p.cloud = "http://"+at.HTTP, "http://"+at.Admin
	if err := os.WriteFile(filepath.Join(dir, "park.geojson"), []byte(park), 0o600); err != nil {
		return nil, err
	}
	if _, err := p.tool("import", "--data-dir", data, filepath.Join(dir, "park.geojson")); err != nil {
		return nil, err
	}
	enrolled, err := p.tool("enroll", "--data-dir", data, "dresden-altmarkt")
	if err != nil {
		return nil, err
	}
	var c struct {
		Edge   string `json:"edge_id"`
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(enrolled, &c); err != nil {
		return nil, fmt.Errorf("%w: %s", err, enrolled)
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(c.Secret), 0o600); err != nil {
		return nil, err
	}
	board := filepath.Join(dir, "board")
	var edge, twin string
	for _, addr := range []*string{&edge, &twin} {
		if *addr, err = freePort(); err != nil {
			return nil, err
		}
	}
	if err := p.run("openlot-board", "twin", "--pty", board, "--http", twin, "--gates", "entry-1:entry,exit-1:exit", "--name", "deploycheck"); err != nil {
		return nil, err
	}
	if err := wait(func() error { return p.ok("http://" + twin + "/state") }); err != nil {
		return nil, p.failed("the board", err)
	}
	p.edge = "http://" + edge
	if err := p.run("openlot-edge", "run", "--parking", "dresden-altmarkt", "--edge-id", c.Edge, "--secret-file", secret,
		"--mqtt", "tcp://"+at.MQTT, "--data-dir", filepath.Join(dir, "edge"), "--http", edge, "--board", board,
		"--lanes", "entry-1:entry:0,exit-1:exit:1", "--timezone", "Europe/Berlin"); err != nil {
		return nil, err
	}
	if err := wait(func() error { return p.ok(p.edge + "/metrics") }); err != nil {
		return nil, p.failed("the edge", err)
	}
	if err := p.reserve(); err != nil {
		return nil, err
	}
	// Addresses with ids in them, for TestNoLabelNamesAnybody.
	if err := wait(func() error { return p.ok(p.http + "/parkings/dresden-altmarkt") }); err != nil {
		return nil, err
	}
	if err := p.ok(p.http + "/reservations/rsv_01kt134r00fay8vvr000000021"); err == nil {
		return nil, errors.New("a reservation that there is not is shown")
	}
	// The mail about it is a job, the clock ticks, and the edge is welcomed.
	if err := wait(func() error {
		for want, url := range map[string]string{"openlot_jobs_total{": p.cloud, "openlot_clock_runs_total{": p.cloud, `cloud_link{state="online"} 1`: p.edge} {
			if s, err := p.body(url + "/metrics"); err != nil || !strings.Contains(s, want) {
				return fmt.Errorf("%s has no %s (%w)", url, want, err)
			}
		}
		return nil
	}); err != nil {
		return nil, p.failed("what follows from a reservation", err)
	}
	return p, nil
}

// freePort is an address on which nobody listened a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// wait tries until it works; the programs have no other way to say that they are
// there than to answer.
func wait(try func() error) error {
	end := time.Now().Add(within)
	for {
		err := try()
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *programs) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	log, err := os.Create(filepath.Join(p.dir, name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = clean()
	if err := cmd.Start(); err != nil {
		return err
	}
	p.procs = append(p.procs, cmd)
	return nil
}

// clean is the environment without what would change the programs.
func clean() (out []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OPENLOT_") && !strings.HasPrefix(v, "DATABASE_URL=") && !strings.HasPrefix(v, "OTEL_") {
			out = append(out, v)
		}
	}
	return out
}

func (p *programs) tool(args ...string) ([]byte, error) {
	cmd := exec.Command(filepath.Join(p.bin, "openlot"), args...)
	cmd.Env = clean()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("openlot %v: %w\n%s", args, err, stderr.String())
	}
	return out, nil
}

func (p *programs) failed(what string, err error) error {
	text := fmt.Sprintf("%s: %v", what, err)
	for _, name := range []string{"openlot", "openlot-board", "openlot-edge"} {
		b, _ := os.ReadFile(filepath.Join(p.dir, name+".log"))
		if len(b) > 2000 {
			b = b[len(b)-2000:]
		}
		text += "\n-- " + name + "\n" + string(b)
	}
	return fmt.Errorf("%s", text)
}

func (p *programs) stop() {
	for i := len(p.procs) - 1; i >= 0; i-- {
		_ = p.procs[i].Process.Signal(syscall.SIGTERM)
		_ = p.procs[i].Wait()
	}
	_ = os.RemoveAll(p.dir)
}

func (p *programs) reserve() error {
	from := time.Now().UTC().Add(time.Hour).Truncate(time.Hour)
	body := fmt.Sprintf(`{"parking_id":"dresden-altmarkt","space_type":"standard","from":%q,"to":%q,"payment_method":"pm_sandbox_ok","contact":{"email":"driver@example.org"}}`,
		from.Format(time.RFC3339), from.Add(2*time.Hour).Format(time.RFC3339))
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.http+"/reserve", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "deploycheck-0001")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("the reservation was answered with %d: %s %w", res.StatusCode, b, err)
	}
	return nil
}

func (p *programs) ok(url string) error {
	_, err := p.body(url)
	return err
}

func (p *programs) get(t *testing.T, url string) string {
	t.Helper()
	s, err := p.body(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p *programs) body(url string) (string, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", url, res.StatusCode, b)
	}
	return string(b), err
}
