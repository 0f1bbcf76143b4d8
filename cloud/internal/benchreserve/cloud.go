package benchreserve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// cloud is a whole cloud in a process of its own, and a client for it.
type cloud struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	api    string
	admin  string
	client *http.Client
}

// startCloud starts openlot serve on a database and waits until it takes
// requests.
func startCloud(ctx context.Context, program, dsn, dir string) (*cloud, error) {
	data := filepath.Join(dir, "serve")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process writes it, not we
	c := &cloud{ended: make(chan struct{}), client: &http.Client{
		Transport: &http.Transport{MaxIdleConns: clients, MaxIdleConnsPerHost: clients, DisableCompression: true}, Timeout: time.Minute,
	}}
	// It is told to end by stop, and not cut off by the context.
	c.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, "serve", "--data-dir", data, "--database-url", dsn,
		"--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--caller-rate", "0")
	c.cmd.Stderr = log
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = c.cmd.Wait() // stop looks at how it ended
		close(c.ended)
	}()
	for {
		var at struct{ HTTP, Admin string }
		content, err := os.ReadFile(filepath.Join(data, "runtime.json"))
		if err == nil && json.Unmarshal(content, &at) == nil {
			c.api, c.admin = "http://"+at.HTTP, "http://"+at.Admin
			if _, _, err := c.get(ctx, c.api+"/readyz"); err == nil {
				return c, nil
			}
		}
		select {
		case <-c.ended:
			said, err := os.ReadFile(log.Name())
			return nil, errors.Join(fmt.Errorf("openlot serve ended: %s", tail(said)), err)
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), c.stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (c *cloud) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.ended:
	case <-time.After(time.Minute):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("openlot serve ended with %d", code)
	}
	return nil
}

// get is the body of a page that is there.
func (c *cloud) get(ctx context.Context, url string) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	return c.do(r, http.StatusOK)
}

// statusError is an answer with a status that was not asked for.
type statusError struct {
	status int
	body   []byte
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, tail(e.body)) }

func (c *cloud) do(r *http.Request, want int) ([]byte, http.Header, error) {
	resp, err := c.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode != want {
		return nil, nil, &statusError{resp.StatusCode, body}
	}
	return body, resp.Header, nil
}

func (c *cloud) post(ctx context.Context, path, key string, body any) ([]byte, http.Header, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return nil, nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.api+path, bytes.NewReader(content))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return c.do(r, http.StatusCreated)
}

// reserving sells over HTTP, on request by a quote.
func (c *cloud) reserving(quoted bool, p *phases) seller {
	return func(ctx context.Context, at id.Parking, w timerange.Range, rnd *rand.Rand) (bool, error) {
		want := map[string]any{"parking_id": at, "space_type": id.Standard, "from": w.From.Format(time.RFC3339), "to": w.To.Format(time.RFC3339)}
		began := time.Now()
		if quoted {
			answer, _, err := c.post(ctx, "/quotes", "", want)
			if err != nil {
				return false, err
			}
			var got struct{ Quote struct{ ID string } }
			if err := json.Unmarshal(answer, &got); err != nil || got.Quote.ID == "" {
				return false, fmt.Errorf("a quote is answered with %s", answer)
			}
			want["quote_id"] = got.Quote.ID
		}
		want["payment_method"] = "pm_sandbox_ok"
		want["contact"] = map[string]string{"email": "driver@example.org"}
		key := "bench-" + strconv.FormatUint(rnd.Uint64(), 36) + strconv.FormatUint(rnd.Uint64(), 36)
		_, header, err := c.post(ctx, "/reserve", key, want)
		var s *statusError
		if errors.As(err, &s) && s.status == http.StatusConflict && bytes.Contains(s.body, []byte(`"sold_out"`)) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return true, p.note(time.Since(began), header.Get("Server-Timing"))
	}
}

var cpuPattern = regexp.MustCompile(`(?m)^process_cpu_seconds_total ([0-9.e+-]+)$`)

// cpu is the processor time that the cloud's process has used.
func (c *cloud) cpu(ctx context.Context) (time.Duration, error) {
	page, _, err := c.get(ctx, c.admin+"/metrics")
	if err != nil {
		return 0, err
	}
	m := cpuPattern.FindSubmatch(page)
	if m == nil {
		return 0, errors.New("the cloud's metrics do not tell its processor time")
	}
	seconds, err := strconv.ParseFloat(string(m[1]), 64)
	return time.Duration(seconds * float64(time.Second)), err
}

// profile writes a CPU profile of the cloud.
func (c *cloud) profile(ctx context.Context, dir, part string, d time.Duration) error {
	page, _, err := c.get(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", c.admin, max(1, int(d.Seconds()))))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, part+".pprof"), page, 0o600)
}
