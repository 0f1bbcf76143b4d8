package app_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/notify/email"
)

// running is a cloud that a test stops by itself.
type running struct {
	app.Runtime
	cancel context.CancelFunc
	ended  chan error
}

func run(t *testing.T, dir, addr string, drain time.Duration) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, started := &running{cancel: cancel, ended: make(chan error, 1)}, make(chan app.Runtime, 1)
	go func() {
		r.ended <- app.Serve(ctx, app.Config{
			DataDir: dir, HTTP: addr, Admin: "127.0.0.1:0", MQTT: "127.0.0.1:0", PaymentTimeout: 2 * time.Second, Drain: drain,
			Mail: email.Config{From: "Openlot <parking@openlot.example>"},
		}, quiet(), func(r app.Runtime) { started <- r })
	}()
	t.Cleanup(cancel)
	select {
	case r.Runtime = <-started:
	case err := <-r.ended:
		t.Fatal(err)
	case <-time.After(2 * time.Minute):
		t.Fatal("not started in time")
	}
	return r
}

// viewer is a client of a parking's stream.
type viewer struct {
	conn    net.Conn
	in      *bufio.Reader
	last    string // Last-Event-ID
	version uint64
}

// connect asks for the stream, with what was seen last.
func (v *viewer) connect(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	v.conn, v.in = conn, bufio.NewReaderSize(conn, 2<<10)
	last := ""
	if v.last != "" {
		last = "Last-Event-ID: " + v.last + "\r\n"
	}
	_, err = io.WriteString(conn, "GET /parking?id=dresden-altmarkt HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"+last+"\r\n")
	return err
}

// until reads to a version, or to the end of the stream.
func (v *viewer) until(t *testing.T, version uint64) error {
	for v.version < version {
		line, err := v.in.ReadString('\n')
		if err != nil {
			return err
		}
		if last, ok := strings.CutPrefix(line, "id: "); ok {
			v.last = strings.TrimSpace(last)
			n, err := strconv.ParseUint(v.last, 10, 64)
			if err != nil || n < v.version {
				t.Errorf("version %s after %d", v.last, v.version)
			}
			v.version = n
		}
	}
	return nil
}

// version is what the parking shows.
func version(t *testing.T, base string) uint64 {
	t.Helper()
	a, err := http.Get(base + "/parking?id=dresden-altmarkt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(b, []byte(`"version":`))
	digits, _, _ := bytes.Cut(rest, []byte(","))
	n, err := strconv.ParseUint(strings.TrimRight(string(digits), "}\n"), 10, 64)
	if err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return n
}

// TestAStopIsSeenBeforeAnythingEnds has clients of streams, and a balancer that
// asks whether the process is ready.
func TestAStopIsSeenBeforeAnythingEnds(t *testing.T) {
	const clients, drain = 100, 4 * time.Second
	dir := home(t)
	r := run(t, dir, "127.0.0.1:0", drain)
	base := "http://" + r.HTTP
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the imported parking is listed", func() bool { return availableNow(t, base) == "2" })
	_, held := reserve(t, base, "a-key-of-the-viewer-01", "pm_sandbox_ok")
	watching, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/reservations/"+held.Reservation.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	watching.Header.Set("Authorization", "Bearer "+held.Reservation.Token)
	watching.Header.Set("Accept", "text/event-stream")
	watched, err := http.DefaultClient.Do(watching)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watched.Body.Close() }()

	var all sync.WaitGroup
	ends := make(chan time.Time, clients)
	for range clients {
		v := &viewer{}
		if err := v.connect(r.HTTP); err != nil {
			t.Fatal(err)
		}
		if err := v.until(t, 1); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			_ = v.until(t, 1<<60) // its end
			ends <- time.Now()
			_ = v.conn.Close()
		})
	}
	began := time.Now()
	r.cancel()
	eventually(t, "it is not ready", func() bool {
		a, err := http.Get(base + "/readyz")
		if err != nil {
			t.Fatalf("refused before it said that it stops: %v", err)
		}
		_ = a.Body.Close()
		return a.StatusCode == http.StatusServiceUnavailable
	})
	if red := time.Since(began); red > drain/2 {
		t.Errorf("not ready after %s only", red)
	}
	if len(ends) > 0 {
		t.Errorf("%d streams ended before that", len(ends))
	}
	for time.Since(began) < drain/2 { // requests that are on their way are served
		if got := availableNow(t, base); got != "1" {
			t.Errorf("while it drains: %q", got)
		}
	}
	if _, err := io.ReadAll(watched.Body); err != nil {
		t.Errorf("the reservation's stream is cut off: %v", err)
	}
	all.Wait()
	close(ends)
	first, last := drain, time.Duration(0)
	for at := range ends {
		first, last = min(first, at.Sub(began)), max(last, at.Sub(began))
	}
	if first < drain/4 || last < drain*3/4 || last > drain+10*time.Second {
		t.Errorf("streams ended between %s and %s", first, last)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > drain+20*time.Second {
		t.Errorf("it held on for %s", took)
	}
}

// TestTwoThousandComeBackAtOnce restarts a cloud under its clients: each asks again
// as soon as it is refused, with what it has seen last.
func TestTwoThousandComeBackAtOnce(t *testing.T) {
	const clients = 2_000
	dir := home(t)
	r := run(t, dir, "127.0.0.1:0", 0)
	base := "http://" + r.HTTP
	if _, err := importPark(t, dir, park); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the imported parking is listed", func() bool { return availableNow(t, base) == "2" })
	viewers := make([]viewer, clients)
	for i := range viewers {
		if err := viewers[i].connect(r.HTTP); err != nil {
			t.Fatal(err)
		}
		if err := viewers[i].until(t, 1); err != nil {
			t.Fatal(err)
		}
	}
	if status, _ := reserve(t, base, "a-key-before-the-end-01", "pm_sandbox_ok"); status != http.StatusCreated {
		t.Fatal(status)
	}
	r.cancel()
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	target := make(chan struct{})
	var want uint64
	fresh := make(chan time.Time, clients)
	for i := range viewers {
		all.Go(func() {
			v := &viewers[i]
			_ = v.until(t, 1<<60) // what was still sent, and the end
			back := func() {
				_ = v.conn.Close()
				for v.connect(r.HTTP) != nil { // refused: nobody listens yet
					time.Sleep(50 * time.Millisecond)
				}
			}
			back()
			<-target
			for v.until(t, want) != nil {
				back()
			}
			fresh <- time.Now()
		})
	}
	again := run(t, dir, r.HTTP, 0)
	began := time.Now()
	if status, _ := reserve(t, base, "a-key-after-the-start-1", "cash"); status != http.StatusCreated {
		t.Fatal(status)
	}
	want = version(t, base)
	close(target)
	all.Wait()
	close(fresh)
	var waits []time.Duration
	for at := range fresh {
		waits = append(waits, at.Sub(began))
	}
	slices.Sort(waits)
	last := waits[clients-1]
	t.Logf("the last of %d clients was up to date %s after the start", clients, last.Round(time.Millisecond))
	if usual := waits[clients/2]; usual > 10*time.Second || last > time.Minute {
		t.Errorf("half of them after %s only, the last after %s", usual, last)
	}
	for i := range viewers {
		_ = viewers[i].conn.Close()
	}
	again.cancel()
	if err := <-again.ended; err != nil {
		t.Error(err)
	}
}
