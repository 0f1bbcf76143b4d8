package stripetest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Mock is stripe-mock: a program of Stripe's that keeps no state and answers any
// request that its published description of the API allows.
type Mock struct {
	host   string
	client *http.Client

	mu   sync.Mutex
	seen map[string]int
}

// mockModule is what scripts/tools names the version of.
const mockModule = "github.com/stripe/stripe-mock"

var listening = regexp.MustCompile(`Listening for HTTP at address: \S*:(\d+)`)

// StartMock builds stripe-mock at the version of scripts/tools, starts it on a free
// port, and returns how to end it.
func StartMock(ctx context.Context) (*Mock, func() error, error) {
	binary, err := buildMock(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(ctx, binary, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	stop := func() error {
		transport.CloseIdleConnections()
		cancel()
		if err := cmd.Wait(); err != nil && ctx.Err() == nil {
			return err
		}
		return nil
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if at := listening.FindStringSubmatch(lines.Text()); at != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the program
			return &Mock{host: "127.0.0.1:" + at[1], client: &http.Client{Transport: transport, Timeout: time.Minute}, seen: map[string]int{}}, stop, nil
		}
	}
	return nil, nil, fmt.Errorf("stripe-mock does not listen: %w\n%s", stop(), said.String())
}

// buildMock builds the program into .cache/tools, where make keeps its tools.
func buildMock(ctx context.Context) (string, error) {
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "../../../../..")
	into := filepath.Join(root, ".cache", "tools")
	if err := os.MkdirAll(into, 0o755); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(into, "stripe-mock-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	made, binary := filepath.Join(temp, "stripe-mock"), filepath.Join(into, "stripe-mock")
	build := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join(root, "scripts", "tools"), "-o", made, mockModule)
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build stripe-mock: %w\n%s", err, out)
	}
	return binary, os.Rename(made, binary) // whoever runs an older one goes on with it
}

// Through is a transport that sends every request to stripe-mock first, and then on.
// wrong is told what stripe-mock finds wrong.
func (m *Mock) Through(next http.RoundTripper, wrong func(...any)) http.RoundTripper {
	return through{m, next, wrong}
}

type through struct {
	mock  *Mock
	next  http.RoundTripper
	wrong func(...any)
}

// RoundTrip implements http.RoundTripper.
func (t through) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	if r.Context().Err() == nil {
		call := r.Method + " " + names.ReplaceAllString(r.URL.Path, "/{id}")
		if err := t.mock.check(r, call, body); err != nil {
			t.wrong("stripe-mock does not take", call, err)
		}
	}
	on := r.Clone(r.Context())
	on.Body = io.NopCloser(bytes.NewReader(body))
	return t.next.RoundTrip(on)
}

var names = regexp.MustCompile(`/(pi|seti|pm|cus|re)_\w+|/no-such-\w+`)

// check asks stripe-mock about a request. It has a context of its own: the one that
// it came with may end because its caller gives up.
func (m *Mock) check(r *http.Request, call string, body []byte) error {
	ctx := context.WithoutCancel(r.Context())
	at := url.URL{Scheme: "http", Host: m.host, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	copied, err := http.NewRequestWithContext(ctx, r.Method, at.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	copied.Header = r.Header.Clone()
	resp, err := m.client.Do(copied) //nolint:gosec // to the process that was started here
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[call]++
	return err
}

// Seen tells how often each call was checked.
func (m *Mock) Seen() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.seen)
}
