package sse

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// sendBuffer is what the kernel may hold for a client, which it doubles: what
	// is in there is sent, however old it has become.
	sendBuffer = 16 << 10
	// turn is how many clients are written to before others may come in.
	turn = 128
	// Each client is looked at every lookEvery ticks, of which a heartbeat has
	// beatTicks.
	beatTicks = 15
	lookEvery = 5
)

// shard holds the descriptors whose number leaves its index by the count of
// shards. All that is done to a descriptor is done under mu, and it is closed
// under mu, so that no number is written to after it has become another's.
type shard struct {
	server      *Server
	index, step int
	epoll, stop int // descriptors
	done        sync.WaitGroup

	mu    sync.Mutex
	conns []conn // by descriptor
	gen   int32  // of the newest connection
	ended bool
	tick  uint32 // counts
	first []byte // scratch for what is sent first

	thinned int     // places that thin has looked at
	owed    float64 // streams, or a part of one, that thin has still to end

	queueMu sync.Mutex
	queue   []*Topic // with news
	news    chan struct{}
}

// conn is all that a client costs beside its socket.
type conn struct {
	topic   *Topic // nil: there is no such connection
	seen    uint64 // state that was sent, or is in tail
	tail    []byte // rest of what was begun
	gen     int32  // tells apart the connections that had one number
	place   int32  // among the topic's members
	wrote   uint32 // tick
	blocked uint32 // tick since which the tail waits
}

// part is what a topic has in one shard.
type part struct {
	members []int32 // descriptors; under the shard's mu
	queued  bool    // under the shard's queueMu
}

func (s *Server) startShards() error {
	for i := range runtime.GOMAXPROCS(0) {
		h := &shard{server: s, index: i, step: runtime.GOMAXPROCS(0), news: make(chan struct{}, 1)}
		if err := h.open(); err != nil {
			s.Close()
			return fmt.Errorf("event streams: %w", err)
		}
		s.shards = append(s.shards, h)
		h.done.Go(h.watch)
		h.done.Go(h.spread)
	}
	return nil
}

func (h *shard) open() error {
	var err error
	if h.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	var ends [2]int
	if err = syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err == nil {
		h.stop = ends[1]
		// The reading end hangs up when the writing end is closed.
		err = syscall.EpollCtl(h.epoll, syscall.EPOLL_CTL_ADD, ends[0], &syscall.EpollEvent{Fd: int32(ends[0]), Events: syscall.EPOLLIN, Pad: -1})
	}
	return err
}

func (h *shard) close() {
	h.mu.Lock()
	h.ended = true
	for i := range h.conns {
		if h.conns[i].topic != nil {
			h.drop(h.fd(i))
		}
	}
	h.mu.Unlock()
	_ = syscall.Close(h.stop)
	h.done.Wait()
	_ = syscall.Close(h.epoll)
}

func (h *shard) fd(i int) int      { return i*h.step + h.index }
func (h *shard) at(fd int32) *conn { return &h.conns[int(fd)/h.step] }

// add takes a descriptor over and sends what its client sees first. It reports
// whether it did.
func (h *shard) add(fd int, t *Topic, header http.Header) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return false
	}
	for fd/h.step >= len(h.conns) {
		h.conns = append(h.conns, make([]conn, max(64, len(h.conns)/2))...)
	}
	h.gen = max(h.gen+1, 1)
	if epollCtl(h.epoll, syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLRDHUP, h.gen) != 0 {
		return false
	}
	p := &t.parts[h.index]
	c := h.at(int32(fd))
	*c = conn{topic: t, gen: h.gen, place: int32(len(p.members)), wrote: h.tick}
	p.members = append(p.members, int32(fd))
	// Registered first, asked second: a state in between is told by Wake.
	frame, newest := t.source.Since(0)
	c.seen = newest
	h.first = append(appendHead(h.first[:0], header), frame...)
	gen := h.gen
	if h.send(int32(fd), c, h.first, true); h.server.drained.Load() && c.gen == gen {
		h.drop(fd)
	}
	return true
}

// thin ends a part of the streams, of those first that were not looked at for
// longest.
func (h *shard) thin(part float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	open := 0
	for i := range h.conns {
		if h.conns[i].topic != nil {
			open++
		}
	}
	// Parts of one add up: rounding each up would end few streams much too early.
	h.owed = min(h.owed+float64(open)*part, float64(open))
	n := int(h.owed)
	if part >= 1 {
		n = open
	}
	for h.owed -= float64(n); n > 0; h.thinned++ {
		i := h.thinned % len(h.conns)
		c := &h.conns[i]
		if c.topic == nil {
			continue
		}
		n--
		gen := c.gen
		if c.tail == nil { // else the client would take it for a part of a frame
			h.send(int32(h.fd(i)), c, retry(nil), true)
		}
		if c.gen == gen {
			h.drop(h.fd(i))
		}
	}
}

// drop ends a connection.
func (h *shard) drop(fd int) {
	c := h.at(int32(fd))
	p := &c.topic.parts[h.index]
	last := len(p.members) - 1
	moved := p.members[last]
	p.members[c.place] = moved
	h.at(moved).place = c.place
	p.members = p.members[:last]
	if c.tail != nil {
		h.server.blocking.Add(-1)
	}
	t := c.topic
	*c = conn{}
	end(fd) // leaves the epoll by itself
	h.server.end(t)
}

// send writes as much as the client takes and keeps the rest; scratch says that
// the bytes will be used again.
func (h *shard) send(fd int32, c *conn, b []byte, scratch bool) {
	n, errno := sendto(int(fd), b)
	h.server.writes.Add(1)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		n = 0
	case errno != 0:
		h.drop(int(fd))
		return
	}
	h.server.bytes.Add(int64(n))
	c.wrote = h.tick
	if n == len(b) {
		if c.tail != nil {
			c.tail = nil
			h.server.blocking.Add(-1)
			h.listen(fd, c, syscall.EPOLLRDHUP)
		}
		return
	}
	rest := b[n:]
	if scratch {
		rest = append([]byte(nil), rest...)
	}
	if c.tail == nil {
		h.server.blocking.Add(1)
		h.server.blocked.Add(1)
		c.blocked = h.tick
		h.listen(fd, c, syscall.EPOLLRDHUP|syscall.EPOLLOUT)
	}
	c.tail = rest
}

func (h *shard) listen(fd int32, c *conn, events uint32) {
	// It fails for want of memory only; the look at each client makes it up.
	_ = epollCtl(h.epoll, syscall.EPOLL_CTL_MOD, int(fd), events, c.gen)
}

// advance leads a client to the newest state, as far as it takes it.
func (h *shard) advance(fd int32, c *conn) {
	if c.tail != nil {
		gen := c.gen
		if h.send(fd, c, c.tail, false); c.gen != gen || c.tail != nil {
			return
		}
	}
	frame, newest := c.topic.source.Since(c.seen)
	if frame != nil {
		c.seen = newest
		h.send(fd, c, frame, false)
	}
}

// watch hears of clients that went, or can take more.
func (h *shard) watch() {
	events := make([]syscall.EpollEvent, 256)
	for {
		n, err := syscall.EpollWait(h.epoll, events, -1)
		if err != nil && err != syscall.EINTR {
			return // closed
		}
		if !h.heed(events[:max(n, 0)]) {
			return
		}
	}
}

// heed does what events ask for. It reports whether there can be more.
func (h *shard) heed(events []syscall.EpollEvent) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		if e.Pad == -1 {
			_ = syscall.Close(int(e.Fd))
			return false
		}
		c := h.at(e.Fd)
		switch {
		case c.gen != e.Pad: // of one that had the number before
		case e.Events&^syscall.EPOLLOUT != 0:
			h.drop(int(e.Fd))
		case c.tail != nil:
			h.advance(e.Fd, c)
		}
	}
	return true
}

func (h *shard) wake(t *Topic) {
	p := &t.parts[h.index]
	h.queueMu.Lock()
	defer h.queueMu.Unlock()
	if p.queued {
		return
	}
	p.queued = true
	h.queue = append(h.queue, t)
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// spread writes news, heartbeats, and off those who are stuck.
func (h *shard) spread() {
	ticker := time.NewTicker(h.server.options.Heartbeat / beatTicks)
	defer ticker.Stop()
	for {
		select {
		case <-h.server.closed:
			return
		case <-ticker.C:
			h.look()
		case <-h.news:
			h.queueMu.Lock()
			topics := h.queue
			h.queue = nil
			for _, t := range topics {
				t.parts[h.index].queued = false
			}
			h.queueMu.Unlock()
			for _, t := range topics {
				h.publish(t)
			}
		}
	}
}

// publish goes from the last member to the first: what leaves meanwhile is
// replaced by one that was written to, and who comes is shown the newest anyway.
func (h *shard) publish(t *Topic) {
	p := &t.parts[h.index]
	h.mu.Lock()
	defer h.mu.Unlock()
	var from, newest uint64
	var frame []byte
	known := false
	for i, n := len(p.members)-1, 0; i >= 0; i-- {
		if n++; n%turn == 0 {
			h.mu.Unlock()
			runtime.Gosched()
			h.mu.Lock()
			known = false
			if i = min(i, len(p.members)-1); i < 0 {
				return
			}
		}
		fd := p.members[i]
		c := h.at(fd)
		if c.tail != nil {
			continue // it gets the newest once it has read the rest
		}
		if !known || c.seen != from {
			from, known = c.seen, true
			frame, newest = t.source.Since(from)
		}
		if frame != nil {
			c.seen = newest
			h.send(fd, c, frame, false)
		}
	}
}

// look visits one of lookEvery parts of the table. Who has been silent for so
// long that the next visit would be too late gets a heartbeat.
func (h *shard) look() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tick++
	stuck := uint32(h.server.options.Stuck * beatTicks / h.server.options.Heartbeat)
	for i := int(h.tick) % lookEvery; i < len(h.conns); i += lookEvery {
		c, fd := &h.conns[i], int32(h.fd(i))
		switch {
		case c.topic == nil:
		case c.tail != nil && h.tick-c.blocked >= stuck:
			h.server.evicted.Add(1)
			h.drop(int(fd))
		case c.tail != nil:
			h.listen(fd, c, syscall.EPOLLRDHUP|syscall.EPOLLOUT)
		case h.tick-c.wrote >= beatTicks-lookEvery:
			h.send(fd, c, []byte(beat), false)
		}
	}
}
