package benchlisting

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/timerange"
)

// serving runs a server until the test ends and returns its address.
func serving(t *testing.T, serve func(context.Context, io.Writer) error) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := serve(ctx, out)
		_ = out.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	addr, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(addr)
}

// The reference answers every question with what the server under test answered,
// and both send it in the same way.
func TestTheReferenceSendsTheSame(t *testing.T) {
	first := timerange.Floor(time.Now())
	ours := serving(t, func(ctx context.Context, out io.Writer) error { return Serve(ctx, first, out) })
	static := serving(t, func(ctx context.Context, out io.Writer) error { return ServeStatic(ctx, first, ours, out) })
	moving := regexp.MustCompile(`"(as_of|status|next_cursor)":"[^"]*"|"(available_now|version|available)":[0-9a-z]+`)
	for _, kind := range kinds() {
		found := 0
		for _, q := range (town{first}).queries(kind)[:50] {
			var bodies [2]string
			for i, addr := range []string{ours, static} {
				a, err := http.Get("http://" + addr + "/parkings?" + q)
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(a.Body)
				_ = a.Body.Close()
				if err != nil || a.StatusCode != http.StatusOK || a.ContentLength != int64(len(b)) {
					t.Fatalf("%s: %s, %d bytes of %d: %v", q, a.Status, len(b), a.ContentLength, err)
				}
				if own := len(a.Header) - 1; i == 0 && own > 8 { // Date is net/http's
					t.Fatalf("%s: %d headers: a map of more than 8 costs each answer a twentieth of its time", q, own)
				}
				bodies[i] = moving.ReplaceAllString(string(b), "")
				found += strings.Count(bodies[i], `"id":`)
			}
			if bodies[0] != bodies[1] {
				t.Errorf("%s: %s\nand\n%s", q, bodies[0], bodies[1])
			}
		}
		if found < 50*2*10 {
			t.Errorf("%s: %d parkings are found by 50 questions", kind, found/2)
		}
	}
	requests := [][]byte{request("near=51.05,13.74"), request("q=dresden")}
	if l, err := flood(ours, requests, 4, 100*time.Millisecond); err != nil || l.perSecond <= 0 {
		t.Errorf("%v: %+v", err, l)
	}
	l, err := pace(ours, requests, 4, 500, 200*time.Millisecond)
	if err != nil || len(l.took) != 100 || l.percentile(0.99) <= 0 {
		t.Errorf("%v: %d answers", err, len(l.took))
	}
}
