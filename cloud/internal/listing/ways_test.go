package listing_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// everyWay runs a test with real connections on each way to keep streams.
func everyWay(t *testing.T, test func(t *testing.T, serve func(*model, sse.Options) *served)) {
	t.Parallel()
	for _, way := range []string{"early", "handed", "plain"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			test(t, func(m *model, o sse.Options) *served { return serve(t, way, m, o) })
		})
	}
}

// served is a listing with an HTTP server.
type served struct {
	bed
	streams *sse.Server
	addr    string
}

func serve(t *testing.T, way string, m *model, o sse.Options) *served {
	t.Helper()
	streams, err := sse.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if way == "plain" {
		streams.Close()
		streams = sse.NewPlain(o)
	}
	s := &served{bed: start(t, m, listing.Options{Streams: streams}), streams: streams}
	mux := http.NewServeMux()
	mux.HandleFunc("/parkings", s.Parkings)
	mux.HandleFunc("/parking", s.Parking)
	h := httptest.NewUnstartedServer(mux)
	h.Config.ConnContext = sse.ConnContext
	if way == "early" {
		h.Listener = streams.Front(h.Listener, "/parking", mux)
	}
	h.Start()
	t.Cleanup(h.Close)
	t.Cleanup(s.stop)
	s.addr = h.Listener.Addr().String()
	return s
}

// change claims, or gives back, a place of a parking now.
func (s *served) change(m *model, p id.Parking, n int16) {
	from := timerange.Floor(time.Now())
	s.Handle([]feed.Event{m.event(p, time.Now(), feed.ReservationHeld, feed.Body{Claims: []inventory.Delta{
		{Type: id.Standard, From: from, To: from + 8, N: n},
	}})})
}

// live is a client of a stream.
type live struct {
	*watcher
	conn  net.Conn
	heard chan struct{} // a token after each reading
	ended chan struct{}
}

// ask opens a connection and asks for a stream; nothing reads it yet.
func (s *served) ask(t *testing.T, path, lastID string) (*live, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		lastID = "Last-Event-ID: " + lastID + "\r\n"
	}
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"+lastID+"\r\n"); err != nil {
		t.Fatal(err)
	}
	return &live{
		watcher: &watcher{t: t, lots: map[string]shown{}}, conn: conn, heard: make(chan struct{}, 1), ended: make(chan struct{}),
	}, bufio.NewReader(conn)
}

// open reads a stream until it ends.
func (s *served) open(t *testing.T, path, lastID string) *live {
	t.Helper()
	return s.resume(t, path, lastID, map[string]shown{})
}

// resume opens a stream as a client that has seen something already, so that a
// version that goes back is noticed.
func (s *served) resume(t *testing.T, path, lastID string, lots map[string]shown) *live {
	t.Helper()
	c, r := s.ask(t, path, lastID)
	c.lots = lots
	go c.read(r)
	return c
}

func (c *live) read(r *bufio.Reader) {
	defer close(c.ended)
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		return // ended before it began
	}
	defer func() { _ = a.Body.Close() }()
	c.mu.Lock()
	c.status, c.header = a.StatusCode, a.Header
	c.mu.Unlock()
	b := make([]byte, 64<<10)
	for {
		n, err := a.Body.Read(b)
		if n > 0 {
			_, _ = c.Write(b[:n]) // into memory
		}
		select {
		case c.heard <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// until waits for what the client has been told.
func (c *live) until(what string, told func() bool) {
	c.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		c.mu.Lock()
		ok := told()
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-c.heard:
		case <-c.ended:
			c.mu.Lock()
			ok := told()
			c.mu.Unlock()
			if !ok {
				c.t.Fatalf("ended before %s", what)
			}
			return
		case <-limit:
			c.t.Fatalf("not in time: %s", what)
		}
	}
}

func (c *live) at(p string, version uint64) {
	c.t.Helper()
	c.until(fmt.Sprintf("%s at version %d", p, version), func() bool { return c.lots[p].Version >= version })
}

// TestWhoSeesWhatAndWhen has lists of two areas and a detail stream while one
// parking changes all the time.
func TestWhoSeesWhatAndWhen(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(*model, sse.Options) *served) {
		far := garage("beta", 500)
		far.Latitude, far.Longitude = 48.14, 11.58
		m := newModel(garage("alpha", 500), far)
		s := serve(m, sse.Options{})
		all, here := s.open(t, "/parkings", ""), s.open(t, "/parkings?near=51.05,13.74&radius=1000", "")
		there, one := s.open(t, "/parkings?near=48.14,11.58&radius=1000", ""), s.open(t, "/parking?id=alpha", "")
		for c, p := range map[*live]string{all: "alpha", here: "alpha", there: "beta", one: "alpha"} {
			c.at(p, 1)
		}
		const changes = 60
		began := time.Now()
		waits := make([]time.Duration, changes)
		for i := range changes {
			changed := time.Now()
			s.change(m, "alpha", 1)
			one.at("alpha", uint64(i+2)) // at once: each is seen before the next
			waits[i] = time.Since(changed)
			time.Sleep(10 * time.Millisecond)
		}
		all.at("alpha", changes+1)
		here.at("alpha", changes+1)
		took := time.Since(began)
		slices.Sort(waits)
		if usual := waits[changes/2]; usual > 75*time.Millisecond { // a list's tick is twice that
			t.Errorf("a change is seen after %s", usual)
		}
		if n := len(one.events()); n != changes+1 {
			t.Errorf("the detail stream was told %d times of %d changes", n-1, changes)
		}
		for name, c := range map[string]*live{"all": all, "here": here} {
			n := time.Duration(len(c.events()) - 1)
			if n > took/(100*time.Millisecond)+2 || n < took/time.Second {
				t.Errorf("the list %s was told %d times in %s", name, n, took)
			}
			if s := c.seen()["alpha"]; *s.AvailableNow != 502-changes {
				t.Errorf("the list %s shows %d free", name, *s.AvailableNow)
			}
		}
		all.mu.Lock()
		if all.told["alpha"] == 0 || all.told["beta"] != 0 {
			t.Errorf("changes told: %v", all.told)
		}
		all.mu.Unlock()
		if e := there.events(); len(e) != 1 {
			t.Errorf("a list where nothing happened was told %v", e)
		}
	})
}

func TestASilentListingStreamIsAlive(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(*model, sse.Options) *served) {
		s := serve(newModel(garage("alpha", 1)), sse.Options{Heartbeat: 200 * time.Millisecond})
		for _, path := range []string{"/parkings", "/parking?id=alpha"} {
			c := s.open(t, path, "")
			c.until("three signs of life", func() bool { return c.comments >= 3 })
			if len(c.seen()) != 1 || c.retries != 1 {
				t.Errorf("%s: %v, %d retries", path, c.seen(), c.retries)
			}
		}
	})
}

func TestAStreamTooManyIsToldWhenToComeBack(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(*model, sse.Options) *served) {
		s := serve(newModel(garage("alpha", 1)), sse.Options{Max: 1})
		first := s.open(t, "/parkings", "")
		first.at("alpha", 1)
		_, r := s.ask(t, "/parking?id=alpha", "")
		a, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		var p struct{ Code string }
		if err := json.NewDecoder(a.Body).Decode(&p); err != nil {
			t.Error(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || p.Code != listing.CodeTooManyStreams {
			t.Errorf("%d %v %q", a.StatusCode, a.Header, p.Code)
		}
		_ = first.conn.Close()
		<-first.ended
		s.place(t, func() {})
	})
}

// place waits until there is one for a further stream, while something happens.
func (s *served) place(t *testing.T, meanwhile func()) {
	t.Helper()
	for limit := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		meanwhile()
		c := s.open(t, "/parking?id=alpha", "")
		c.until("an answer", func() bool { return c.status == http.StatusServiceUnavailable || len(c.lots) == 1 })
		_ = c.conn.Close()
		if <-c.ended; len(c.seen()) == 1 {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("no place is given back")
		}
	}
}

// TestWhoDoesNotReadLosesThePlaceOrEndsOnTheNewest lets one client read again in
// time and another never.
func TestWhoDoesNotReadLosesThePlaceOrEndsOnTheNewest(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(*model, sse.Options) *served) {
		const changes = 6_000
		big := garage("alpha", 30_000)
		big.Name = strings.Repeat("a long name ", 1500) // so that little fits the kernel's buffers
		m := newModel(big)
		s := serve(m, sse.Options{Max: 3, Heartbeat: 1500 * time.Millisecond, Stuck: time.Second})
		quick := s.open(t, "/parking?id=alpha", "")
		quick.at("alpha", 1)
		slow, r := s.ask(t, "/parking?id=alpha", "")
		stuck, _ := s.ask(t, "/parking?id=alpha", "")
		_ = stuck.conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		for range changes / 2 {
			s.change(m, "alpha", 1)
		}
		go slow.read(r)
		for range changes / 2 {
			s.change(m, "alpha", 1)
		}
		quick.at("alpha", changes+1)
		slow.at("alpha", changes+1)
		s.place(t, func() { s.change(m, "alpha", 1) }) // that of the stuck one
	})
}

// TestNothingIsLostBetweenTwoProcesses drains one while its parking changes. Its
// clients come to the other, which hears of the changes later, with what they have
// seen last.
func TestNothingIsLostBetweenTwoProcesses(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(*model, sse.Options) *served) {
		const clients, changes = 40, 100
		m := newModel(garage("alpha", 500))
		one, other := serve(m, sse.Options{}), serve(m, sse.Options{})
		open := make([]*live, clients)
		for i := range open {
			path := "/parking?id=alpha"
			if i%2 == 1 {
				path = "/parkings"
			}
			open[i] = one.open(t, path, "")
			open[i].at("alpha", 1)
		}
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			one.streams.Drain(context.Background(), time.Second)
		}()
		late := make(chan feed.Event, changes)
		go func() { // the other's feed
			for e := range late {
				time.Sleep(3 * time.Millisecond)
				other.Handle([]feed.Event{e})
			}
		}()
		for range changes {
			from := timerange.Floor(time.Now())
			e := m.event("alpha", time.Now(), feed.ReservationHeld, feed.Body{Claims: []inventory.Delta{{Type: id.Standard, From: from, To: from + 8, N: 1}}})
			one.Handle([]feed.Event{e})
			late <- e
			time.Sleep(10 * time.Millisecond)
		}
		close(late)
		<-drained
		for i, c := range open {
			<-c.ended
			if c.retries != 2 {
				t.Fatalf("client %d was told %d times when to come back", i, c.retries)
			}
			path := "/parking?id=alpha"
			if i%2 == 1 {
				path = "/parkings"
			}
			again := other.resume(t, path, c.id, c.seen())
			again.until("the newest", func() bool { return again.lots["alpha"].Version == changes+1 })
			if free := again.seen()["alpha"].AvailableNow; *free != 502-changes {
				t.Errorf("client %d sees %d free", i, *free)
			}
		}
	})
}

// TestWhoIsAheadIsNotSentBack asks a process that has not heard yet of what the
// client has seen, and then one that stops without ever hearing of it.
func TestWhoIsAheadIsNotSentBack(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(*model, sse.Options) *served) {
		m := newModel(garage("alpha", 500))
		s := serve(m, sse.Options{})
		c := s.open(t, "/parking?id=alpha", "3")
		for range 2 {
			s.change(m, "alpha", 1)
		}
		c.at("alpha", 3)
		if n := len(c.events()); n != 1 {
			t.Errorf("%d events: it was sent an older state", n)
		}
		ahead := s.open(t, "/parking?id=alpha", "9")
		s.open(t, "/parkings", "").at("alpha", 3)
		s.streams.Drain(context.Background(), 0)
		ahead.until("an answer", func() bool { return ahead.status != 0 })
		if ahead.status != http.StatusServiceUnavailable || ahead.header.Get("Retry-After") == "" {
			t.Errorf("%d %v", ahead.status, ahead.header)
		}
	})
}
