package benchlisting

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// asker is one connection that is kept.
type asker struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(addr string) (*asker, error) {
	c, err := net.Dial("tcp", addr) //nolint:noctx // to a server of ours
	if err != nil {
		return nil, err
	}
	return &asker{c, bufio.NewReaderSize(c, 64<<10)}, nil
}

// request is what is sent for a query.
func request(query string) []byte {
	return fmt.Appendf(nil, "GET /parkings?%s HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n\r\n", query)
}

// ask sends a request and reads the answer, which must be whole and good.
func (a *asker) ask(request []byte) error {
	if _, err := a.conn.Write(request); err != nil {
		return err
	}
	size := -1
	for first := true; ; first = false {
		line, err := a.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return errors.New(string(line))
		}
		if len(line) == 0 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
			if size, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
	if size < 0 {
		return a.chunks()
	}
	_, err := a.in.Discard(size)
	return err
}

// chunks reads a body whose length was not told.
func (a *asker) chunks() error {
	for {
		line, err := a.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := a.in.Discard(int(n) + 2); err != nil || n == 0 {
			return err
		}
	}
}

// load is what one run showed.
type load struct {
	perSecond float64
	took      []time.Duration
}

// flood asks over n connections without a pause.
func flood(addr string, requests [][]byte, n int, d time.Duration) (load, error) {
	began := time.Now()
	end := began.Add(d)
	return drive(addr, n, func(a *asker, next *atomic.Int64) ([]time.Duration, int, error) {
		count := 0
		for time.Now().Before(end) {
			if err := a.ask(requests[int(next.Add(1))%len(requests)]); err != nil {
				return nil, count, err
			}
			count++
		}
		return nil, count, nil
	})
}

// pace asks at a rate, whatever the answers: a request that is due while all
// connections wait is sent late, and its time counts from when it was due.
func pace(addr string, requests [][]byte, n int, rate float64, d time.Duration) (load, error) {
	began, total := time.Now(), int64(rate*d.Seconds())
	return drive(addr, n, func(a *asker, next *atomic.Int64) ([]time.Duration, int, error) {
		var took []time.Duration
		for {
			i := next.Add(1)
			if i > total {
				return took, len(took), nil
			}
			due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			time.Sleep(time.Until(due))
			if err := a.ask(requests[int(i)%len(requests)]); err != nil {
				return took, len(took), err
			}
			took = append(took, time.Since(due))
		}
	})
}

func drive(addr string, n int, run func(a *asker, next *atomic.Int64) ([]time.Duration, int, error)) (load, error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var next atomic.Int64
	var failed error
	var out load
	count, began := 0, time.Now()
	for range n {
		wg.Go(func() {
			a, err := dial(addr)
			var took []time.Duration
			mine := 0
			if err == nil {
				took, mine, err = run(a, &next)
				_ = a.conn.Close()
			}
			mu.Lock()
			defer mu.Unlock()
			out.took, count = append(out.took, took...), count+mine
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	out.perSecond = float64(count) / time.Since(began).Seconds()
	return out, failed
}

func (l load) percentile(p float64) float64 {
	if len(l.took) == 0 {
		return 0
	}
	slices.Sort(l.took)
	return float64(l.took[min(int(float64(len(l.took))*p), len(l.took)-1)].Microseconds()) / 1000
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// size is how long the answer to a query is.
func size(addr, query string) (int, error) {
	a, err := http.Get("http://" + addr + "/parkings?" + query) //nolint:noctx // from a server of ours
	if err != nil {
		return 0, err
	}
	defer a.Body.Close() //nolint:errcheck // it was read
	var b bytes.Buffer
	n, err := b.ReadFrom(a.Body)
	return int(n), err
}
