package benchlisting

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openlot/openlot/protocol/timerange"
)

// Result is what one kind of question showed. The last line of a run is that of
// near; the line before has the others by their names.
type Result struct {
	PerCore  float64 `json:"rps_per_core"`
	VsStatic float64 `json:"vs_static"`
	P99      float64 `json:"p99_ms"` // at half that load
}

// Options of a run.
type Options struct {
	Rounds   int           // alternations
	Each     time.Duration // of one run
	Self     string        // this program, which with --serve or --static is a server
	Core     string        // the servers'
	Only     string        // one kind; empty: all
	Profiles string        // a folder for a CPU profile of each kind; empty: none
}

const clients = 32

// target is a server that runs.
type target struct {
	cmd  *exec.Cmd
	addr string
}

// Run measures and writes what it finds.
func Run(ctx context.Context, o Options, out io.Writer) (err error) {
	first := strconv.Itoa(int(timerange.Floor(time.Now())))
	ours, err := o.start(ctx, "--first", first, "--serve")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	static, err := o.start(ctx, "--first", first, "--static", ours.addr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, static.stop()) }()
	results := map[string]Result{}
	at, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	for _, kind := range kinds() {
		if o.Only != "" && o.Only != kind {
			continue
		}
		b := bench{o, out, kind, town{timerange.Q(at)}.queries(kind)}
		if results[kind], err = b.run(ours, static); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	last := results["near"]
	delete(results, "near")
	for _, x := range []any{results, last} {
		line, err := json.Marshal(x)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, string(line)); err != nil {
			return err
		}
	}
	return nil
}

// start runs a server on its core and waits for its address.
func (o Options) start(ctx context.Context, args ...string) (*target, error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", o.Core, o.Self}, args...)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // none is left behind
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start() // taskset becomes the server: it has its process id
	}
	if err != nil {
		return nil, err
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	return &target{cmd, strings.TrimSpace(addr)}, err
}

func (t *target) stop() error {
	err := errors.Join(t.signal(syscall.SIGCONT), t.signal(syscall.SIGTERM))
	_ = t.cmd.Wait() // it was told to end
	return err
}

func (t *target) signal(s syscall.Signal) error { return t.cmd.Process.Signal(s) }

// cpu is what the server has used, in seconds.
func (t *target) cpu() float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}

type bench struct {
	Options
	out     io.Writer
	kind    string
	queries []string
}

// figures of one server over all rounds.
type figures struct{ rate, cost []float64 } // requests a second; CPU µs for one

func (b bench) run(ours, static *target) (Result, error) {
	requests := make([][]byte, len(b.queries))
	for i, q := range b.queries {
		requests[i] = request(q)
	}
	bytes, err := size(ours.addr, b.queries[0])
	if err != nil {
		return Result{}, err
	}
	if err := b.profile(ours, requests); err != nil {
		return Result{}, err
	}
	pair := []*target{ours, static}
	var f [2]figures
	for range b.Rounds {
		for i, t := range pair {
			if err := errors.Join(pair[1-i].signal(syscall.SIGSTOP), t.signal(syscall.SIGCONT)); err != nil {
				return Result{}, err
			}
			began := t.cpu()
			l, err := flood(t.addr, requests, clients, b.Each)
			if err != nil {
				return Result{}, err
			}
			f[i].rate = append(f[i].rate, l.perSecond)
			f[i].cost = append(f[i].cost, (t.cpu()-began)/(l.perSecond*b.Each.Seconds())*1e6)
		}
	}
	r := Result{PerCore: round(median(f[0].rate)), VsStatic: median(f[0].rate) / median(f[1].rate)}
	var p99 [2]float64
	samples := 0
	for i, t := range pair {
		if err := errors.Join(pair[1-i].signal(syscall.SIGSTOP), t.signal(syscall.SIGCONT)); err != nil {
			return r, err
		}
		rate := median(f[i].rate) / 2
		l, err := pace(t.addr, requests, clients, rate, max(b.Each, time.Duration(12_000/rate*float64(time.Second))))
		if err != nil {
			return r, err
		}
		p99[i], samples = l.percentile(0.99), len(l.took)
	}
	r.P99 = p99[0]
	_, err = fmt.Fprintf(b.out, "%-7s %6d B, %d clients: openlot %6.0f/s, %4.1f µs of CPU each, p99 %.2f ms at half of it; static %6.0f/s, %4.1f µs, p99 %.2f ms; ratio %.2f (%d samples behind a p99)\n",
		b.kind, bytes, clients, r.PerCore, median(f[0].cost), p99[0], median(f[1].rate), median(f[1].cost), p99[1], r.VsStatic, samples)
	return r, errors.Join(err, ours.signal(syscall.SIGCONT))
}

func round(x float64) float64 { return float64(int(x + 0.5)) }

// profile writes where the server's time goes, if that is wanted.
func (b bench) profile(t *target, requests [][]byte) error {
	if b.Profiles == "" {
		return nil
	}
	told := make(chan error, 1)
	go func() {
		a, err := http.Get("http://" + t.addr + "/debug/pprof/profile?seconds=4") //nolint:noctx // from a server of ours
		if err != nil {
			told <- err
			return
		}
		f, err := os.Create(filepath.Join(b.Profiles, b.kind+".pprof"))
		if err == nil {
			_, err = io.Copy(f, a.Body)
			err = errors.Join(err, f.Close())
		}
		told <- errors.Join(err, a.Body.Close())
	}()
	_, err := flood(t.addr, requests, clients, 5*time.Second)
	return errors.Join(err, <-told)
}
