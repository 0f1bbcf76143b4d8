package benchsse

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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Result is the last line of a run. The ratios are medians of alternating pairs.
type Result struct {
	RSSPerConn      float64 `json:"rss_per_conn"` // bytes, of the larger crowd
	RSSVsNchan      float64 `json:"rss_vs_nchan"`
	CPUVsNchan10k   float64 `json:"cpu_vs_nchan_10k"` // for a delivery
	CPUVsNchan19k   float64 `json:"cpu_vs_nchan_19k"`
	LastVsNchan10k  float64 `json:"last_vs_nchan_10k"` // publish to the last client
	LastVsNchan19k  float64 `json:"last_vs_nchan_19k"`
	ConnectVsNchan  float64 `json:"connect_vs_nchan"` // CPU
	HotP99          int     `json:"hot_p99_ms"`
	HotCPUVsNchan   float64 `json:"hot_cpu_vs_nchan"`
	StalledOnNewest bool    `json:"stalled_on_newest"`
	StalledBytes    int64   `json:"stalled_bytes"` // the most that one got after it had stopped
}

// Options of a run.
type Options struct {
	Rounds int    // of each size
	Self   string // this program, which with --serve is the server
	Core   string // the servers'
	Only   string // "connect": connections alone; "stalled": who does not read alone
}

// target is a server that runs.
type target struct {
	cmd     *exec.Cmd
	addr    string
	path    string // of a stream
	publish func(version uint64) error
}

type bench struct {
	Options
	ctx     context.Context //nolint:containedctx // that of Run, which makes it
	dir     string
	out     io.Writer
	payload func(version uint64) string
	first   int       // bytes of our first answer
	servers []*target // that were started
}

// figures are what one crowd on one server showed.
type figures struct{ rss, connect, cpu, last float64 }

// Run measures and writes what it finds; the last line is a Result.
func Run(ctx context.Context, o Options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "openlot-bench-sse-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{Options: o, ctx: ctx, dir: dir, out: out}
	defer func() {
		for _, t := range b.servers {
			t.stop() // also after a failure
		}
	}()
	if err := prepareNchan(ctx, dir); err != nil {
		return err
	}
	if o.Only == "stalled" {
		_, err := b.stalled()
		return err
	}
	// The first crowd fills the kernel's own caches; it does not count.
	if _, err := b.crowd("openlot", largest); err != nil {
		return err
	}
	if o.Only == "connect" {
		return b.connects()
	}
	var r Result
	var rss, rssRatio, connect []float64
	for _, size := range []int{10_000, largest} {
		var cpu, last []float64
		for round := range o.Rounds {
			ours, theirs, err := inTurn(round, size, b.fan)
			if err != nil {
				return err
			}
			cpu, last = append(cpu, ours.cpu/theirs.cpu), append(last, ours.last/theirs.last)
			connect = append(connect, ours.connect/theirs.connect)
			if size > 10_000 {
				rss, rssRatio = append(rss, ours.rss), append(rssRatio, ours.rss/theirs.rss)
			}
		}
		if size == 10_000 {
			r.CPUVsNchan10k, r.LastVsNchan10k = median(cpu), median(last)
		} else {
			r.CPUVsNchan19k, r.LastVsNchan19k = median(cpu), median(last)
		}
	}
	r.RSSPerConn, r.RSSVsNchan, r.ConnectVsNchan = median(rss), median(rssRatio), median(connect)
	ours, p99, err := b.hot("openlot", "/parkings")
	if err != nil {
		return err
	}
	theirs, _, err := b.hot("nchan", "/sub")
	if err != nil {
		return err
	}
	r.HotP99, r.HotCPUVsNchan = p99, ours/theirs
	if r.StalledBytes, err = b.stalled(); err != nil {
		return err
	}
	r.StalledOnNewest = true
	line, err := json.Marshal(r)
	if err == nil {
		_, err = fmt.Fprintln(out, string(line))
	}
	return err
}

const (
	nchanPort = 18397
	largest   = 19_000 // clients; more would need more open files
)

// start runs a server on its core.
func (b *bench) start(argv ...string) (*target, io.Reader, error) {
	cmd := exec.CommandContext(b.ctx, "taskset", append([]string{"-c", b.Core}, argv...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	t := &target{cmd: cmd} // taskset becomes the server: it has its process id
	b.servers = append(b.servers, t)
	return t, out, nil
}

func (b *bench) openlot() (*target, error) {
	t, out, err := b.start(b.Self, "--serve")
	if err != nil {
		return nil, err
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, err
	}
	t.addr, t.path = strings.TrimSpace(addr), "/parking?id=bench"
	t.publish = func(version uint64) error {
		got, err := post("http://"+t.addr+"/publish", "")
		if err == nil && got != strconv.FormatUint(version, 10) {
			err = fmt.Errorf("version %s instead of %d", got, version)
		}
		return err
	}
	if b.payload != nil {
		return t, nil
	}
	// nchan is to send the same.
	a, err := http.Get("http://" + t.addr + "/parking?id=bench") //nolint:noctx // from a server of ours
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(a.Body)
	_ = a.Body.Close()
	if at := regexp.MustCompile(`"version":\d+`).FindIndex(body); at != nil {
		before, after := string(body[:at[0]])+string(mark), strings.TrimSpace(string(body[at[1]:]))
		b.payload = func(v uint64) string { return before + strconv.FormatUint(v, 10) + after }
	} else if err == nil {
		err = errors.New("no version is shown")
	}
	return t, err
}

func (b *bench) nchan() (*target, error) {
	if err := configureNchan(b.dir, nchanPort, b.first); err != nil {
		return nil, err
	}
	t, _, err := b.start(b.dir+"/root/usr/sbin/nginx", "-p", b.dir, "-c", b.dir+"/nginx.conf")
	if err != nil {
		return nil, err
	}
	t.addr, t.path = "127.0.0.1:"+strconv.Itoa(nchanPort), "/sub"
	t.publish = func(v uint64) error {
		_, err := post("http://"+t.addr+"/pub", b.payload(v))
		return err
	}
	for limit := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err = t.publish(1); err == nil || time.Now().After(limit) {
			return t, err
		}
	}
}

func post(url, body string) (string, error) {
	a, err := http.Post(url, "application/json", strings.NewReader(body)) //nolint:gosec,noctx // to a server of ours
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(a.Body)
	_ = a.Body.Close()
	if err == nil && a.StatusCode >= 300 {
		err = fmt.Errorf("publish: %s", a.Status)
	}
	return string(got), err
}

// stop ends the server, if that was not done before.
func (t *target) stop() {
	_ = t.cmd.Process.Signal(syscall.SIGTERM)
	_ = t.cmd.Wait() // it was told to end
}

// cpu is what the server has used.
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

func (t *target) rss() float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", t.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseFloat(strings.Fields(string(b))[1], 64)
	return pages * float64(os.Getpagesize())
}

// fan tells a crowd ten times.
func (b *bench) fan(name string, size int) (figures, error) {
	const publishes = 10
	var f figures
	t, c, err := b.gather(name)
	if err != nil {
		return f, err
	}
	defer t.stop()
	defer c.close()
	rss, cpu := t.rss(), t.cpu()
	if err := c.connect(t.addr, t.path, size); err != nil {
		return f, err
	}
	f.connect = (t.cpu() - cpu) / float64(size)
	b.answered(c)
	if err := c.idle(1500 * time.Millisecond); err != nil {
		return f, err
	}
	f.rss = (t.rss() - rss) / float64(size)
	var last []float64
	cpu = t.cpu()
	for v := uint64(2); v < 2+publishes; v++ {
		began, told := time.Now(), make(chan error, 1)
		go func() { told <- t.publish(v) }()
		if err := errors.Join(c.until(v, 0, 10*time.Second), <-told); err != nil {
			return f, err
		}
		last = append(last, time.Since(began).Seconds())
	}
	if err := c.idle(100 * time.Millisecond); err != nil {
		return f, err
	}
	f.cpu, f.last = (t.cpu()-cpu)/float64(size*publishes), median(last)
	_, err = fmt.Fprintf(b.out, "%-8s %6d clients: %6.0f B each, connect %5.1f µs, delivery %5.1f µs, last client %4.0f ms\n",
		name, size, f.rss, f.connect*1e6, f.cpu*1e6, f.last*1e3)
	return f, err
}

// inTurn measures both: another first each time.
func inTurn[F any](round, size int, measure func(name string, size int) (F, error)) (ours, theirs F, err error) {
	if round%2 == 0 {
		if ours, err = measure("openlot", size); err == nil {
			theirs, err = measure("nchan", size)
		}
		return ours, theirs, err
	}
	if theirs, err = measure("nchan", size); err == nil {
		ours, err = measure("openlot", size)
	}
	return ours, theirs, err
}

// connects measures what a connection costs, and nothing else.
func (b *bench) connects() error {
	var ratios []float64
	for round := range b.Rounds {
		ours, theirs, err := inTurn(round, 10_000, b.crowd)
		if err != nil {
			return err
		}
		ratios = append(ratios, ours/theirs)
	}
	_, err := fmt.Fprintf(b.out, "{\"connect_vs_nchan\":%.3f}\n", median(ratios))
	return err
}

// crowd returns what each of many connections costs.
func (b *bench) crowd(name string, size int) (connect float64, err error) {
	t, c, err := b.gather(name)
	if err != nil {
		return 0, err
	}
	defer t.stop()
	defer c.close()
	cpu := t.cpu()
	if err := c.connect(t.addr, t.path, size); err != nil {
		return 0, err
	}
	connect = (t.cpu() - cpu) / float64(size)
	first := b.answered(c)
	_, err = fmt.Fprintf(b.out, "%-8s %6d clients: connect %5.1f µs, first answer %d bytes\n", name, size, connect*1e6, first)
	return connect, err
}

// gather starts a server and makes a crowd for it.
func (b *bench) gather(name string) (*target, *crowd, error) {
	start := b.openlot
	if name == "nchan" {
		start = b.nchan
	}
	t, err := start()
	if err != nil {
		return nil, nil, err
	}
	c, err := newCrowd()
	if err != nil {
		return nil, nil, err
	}
	c.bare = name == "nchan"
	return t, c, nil
}

// answered returns how long a first answer is, in bytes, and remembers ours.
func (b *bench) answered(c *crowd) int {
	first := int(c.bytes) / len(c.open)
	if !c.bare {
		b.first = first
	}
	return first
}

func (c *crowd) idle(d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := c.poll(20); err != nil {
			return err
		}
	}
	return nil
}

// hot tells a crowd of 5,000 a hundred times a second, for four seconds.
func (b *bench) hot(name, path string) (cpu float64, p99 int, err error) {
	const size, publishes, rate = 5_000, 400, 100
	t, c, err := b.gather(name)
	if err != nil {
		return 0, 0, err
	}
	defer t.stop()
	defer c.close()
	if err := c.connect(t.addr, path, size); err != nil {
		return 0, 0, err
	}
	var sent [publishes + 2]atomic.Int64
	ages := make([]int, 120_000) // by millisecond
	c.heard = func(was, is uint64, when time.Time) {
		for v := was + 1; v <= is; v++ {
			ages[min(max((when.UnixNano()-sent[v].Load())/1e6, 0), int64(len(ages)-1))]++
		}
	}
	began, told := t.cpu(), make(chan error, 1)
	go func() {
		first := time.Now()
		for v := uint64(2); v < 2+publishes; v++ {
			due := first.Add(time.Duration(v-2) * time.Second / rate)
			time.Sleep(time.Until(due))
			sent[v].Store(due.UnixNano()) // late publishing is late news
			if err := t.publish(v); err != nil {
				told <- err
				return
			}
		}
		told <- nil
	}()
	if err := errors.Join(c.until(publishes+1, 0, 100*time.Second), <-told); err != nil {
		return 0, 0, err
	}
	cpu = t.cpu() - began
	for rest := size * publishes / 100; p99 < len(ages); p99++ {
		if rest -= ages[len(ages)-1-p99]; rest < 0 {
			break
		}
	}
	p99 = len(ages) - 1 - p99
	_, err = fmt.Fprintf(b.out, "%-8s hot list of %d at %d/s: %.2f s of CPU, 99 %% of news within %d ms of when it was due\n", name, size, rate, cpu, p99)
	return cpu, p99, err
}

// stalled lets 10 of 200 clients stop reading for 4,000 changes.
func (b *bench) stalled() (most int64, err error) {
	const size, slow, publishes = 200, 10, 4_000
	t, c, err := b.gather("openlot")
	if err != nil {
		return 0, err
	}
	defer t.stop()
	defer c.close()
	if err := c.connect(t.addr, t.path, size); err != nil {
		return 0, err
	}
	for _, fd := range c.open[:slow] {
		c.conns[fd].slow = true
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) // less is better for them only
		c.watch(fd, syscall.EPOLL_CTL_DEL)
	}
	told := make(chan error, 1)
	go func() {
		for v := uint64(2); v < 2+publishes; v++ {
			if err := t.publish(v); err != nil {
				told <- err
				return
			}
		}
		told <- nil
	}()
	if err := errors.Join(c.until(publishes+1, slow, 9*time.Second), <-told); err != nil {
		return 0, fmt.Errorf("while some stalled: %w", err)
	}
	for _, fd := range c.open[:slow] {
		c.watch(fd, syscall.EPOLL_CTL_ADD)
	}
	if err := c.until(publishes+1, 0, 10*time.Second); err != nil {
		return 0, fmt.Errorf("those who stalled: %w", err)
	}
	for _, fd := range c.open[:slow] {
		most = max(most, c.conns[fd].got)
	}
	_, err = fmt.Fprintf(b.out, "%d of %d clients stalled for %d changes: all are on the newest, after at most %d bytes\n", slow, size, publishes, most)
	return most, err
}

func median(x []float64) float64 {
	slices.Sort(x)
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}
