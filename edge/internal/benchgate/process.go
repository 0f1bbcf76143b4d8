package benchgate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openlot/openlot/firmware-bridge/twin"
	"github.com/openlot/openlot/protocol/id"
)

// machine is the built program, with the twin as its board.
type machine struct {
	binary, dir string
	twin        *httptest.Server
	stop        func() error
}

func newMachine(binary, dir string) (*machine, error) {
	tw, err := twin.New(twin.Config{
		Name: "twin", Port: filepath.Join(dir, "board"), Speed: 10,
		Gates: []twin.GateConfig{{Name: "entry-1"}, {Name: "exit-1", Exit: true}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- tw.Run(ctx) }()
	m := &machine{binary: binary, dir: dir, twin: httptest.NewServer(tw.Handler())}
	m.stop = func() error {
		m.twin.Close()
		cancel()
		if err := <-ran; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	return m, os.WriteFile(filepath.Join(dir, "secret"), []byte("bench\n"), 0o600)
}

func (m *machine) ask(ctx context.Context, method, path, body string) (v twin.Vehicle, err error) {
	q, err := http.NewRequestWithContext(ctx, method, m.twin.URL+path, strings.NewReader(body))
	if err != nil {
		return v, err
	}
	q.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, r.Body.Close()) }()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", r.Status, b)
	}
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(b, &v)
}

// drive sends a car with a pass to the entry and waits until its visit is over.
func (m *machine) drive(ctx context.Context, text string) error {
	v, err := m.come(ctx, text)
	if err == nil {
		v, err = m.ask(ctx, http.MethodGet, "/vehicles/"+v.ID+"?wait=30s", "")
	}
	if err == nil && v.Outcome != twin.Passed {
		err = fmt.Errorf("a guest was not let in: %s %s", v.Outcome, v.Display)
	}
	return err
}

func (m *machine) come(ctx context.Context, text string) (twin.Vehicle, error) {
	return m.ask(ctx, http.MethodPost, "/gates/entry-1/vehicles", fmt.Sprintf(`{"credential":%q,"patience_ms":60000}`, text))
}

// process is one life of the program.
type process struct {
	cmd     *exec.Cmd
	began   time.Time
	decided chan time.Time // of each line that says so
	output  bytes.Buffer   // to be read after ended
	ended   chan struct{}
}

func (m *machine) run(ctx context.Context) (*process, error) {
	p := &process{decided: make(chan time.Time, 1024), ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, m.binary, "run", "--parking", string(parking), "--edge-id", id.New[id.Edge](time.Now()).String(),
		"--secret-file", filepath.Join(m.dir, "secret"), "--mqtt", "tcp://127.0.0.1:1", "--data-dir", m.dir, "--http", "127.0.0.1:0",
		"--board", filepath.Join(m.dir, "board"), "--lanes", "entry-1:entry:0,exit-1:exit:1")
	said, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			at := time.Now()
			p.output.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "msg=decided") {
				p.decided <- at
			}
		}
	}()
	return p, nil
}

// first is how long the program took from its start to its first decision.
func (p *process) first() (time.Duration, error) {
	select {
	case at := <-p.decided:
		return at.Sub(p.began), nil
	case <-p.ended:
		return 0, fmt.Errorf("the agent ended: %s", p.output.String())
	case <-time.After(patience):
		return 0, errors.New("the agent decides nothing")
	}
}

func (p *process) end() error {
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.ended
	return errors.Join(err, p.cmd.Wait())
}

// status is a line of /proc/PID/FILE whose value is a number, in what the kernel
// counts it in.
func (p *process) status(file, key string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("no %s in %s", key, file)
}

// written is how many bytes the program has given to write calls, and how many the
// kernel counts as dirtied for it. The latter are whole folios, which may be far
// larger than what was written to them.
func (p *process) written() (out [2]float64, err error) {
	for i, key := range []string{"wchar", "write_bytes"} {
		if out[i], err = p.status("io", key); err != nil {
			return out, err
		}
	}
	return out, nil
}

// size is what the program takes.
type size struct {
	start              time.Duration // median of the starts
	rss, anon, highest float64       // MiB
	bytes              float64       // given to write calls for each passage, the log and the serial line included
	dirtied            float64       // the same as the kernel counts it, in whole folios
	passages           int
}

// measure starts the program several times, lets a guest wait at the gate before
// each, then lets guests in one after the other.
func measure(ctx context.Context, binary, dir string, g *guests, starts, passages int) (out size, err error) {
	m, err := newMachine(binary, dir)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	var took []time.Duration
	for i := range starts {
		texts, err := g.passes(1)
		if err != nil {
			return out, err
		}
		v, err := m.come(ctx, texts[0])
		if err != nil {
			return out, err
		}
		time.Sleep(time.Second) // until he has shown his pass to a board that nobody listens to
		p, err := m.run(ctx)
		if err != nil {
			return out, err
		}
		one, err := p.first()
		if err != nil {
			return out, errors.Join(err, p.end())
		}
		took = append(took, one)
		if _, err := m.ask(ctx, http.MethodGet, "/vehicles/"+v.ID+"?wait=30s", ""); err != nil {
			return out, errors.Join(err, p.end())
		}
		if i == starts-1 {
			err = m.weigh(ctx, p, g, passages, &out)
		}
		if err = errors.Join(err, p.end()); err != nil {
			return out, fmt.Errorf("%w\n%s", err, p.output.String())
		}
	}
	out.start, out.passages = rank(took, .5), passages
	return out, nil
}

func (m *machine) weigh(ctx context.Context, p *process, g *guests, passages int, out *size) error {
	texts, err := g.passes(passages)
	if err != nil {
		return err
	}
	before, err := p.written()
	if err != nil {
		return err
	}
	for _, text := range texts {
		if err := m.drive(ctx, text); err != nil {
			return err
		}
	}
	time.Sleep(2 * time.Second) // bbolt takes over what the log holds within a second
	after, err := p.written()
	if err != nil {
		return err
	}
	out.bytes, out.dirtied = (after[0]-before[0])/float64(passages), (after[1]-before[1])/float64(passages)
	for key, into := range map[string]*float64{"VmRSS": &out.rss, "RssAnon": &out.anon, "VmHWM": &out.highest} {
		kib, err := p.status("status", key)
		if err != nil {
			return err
		}
		*into = kib / 1024
	}
	return nil
}
