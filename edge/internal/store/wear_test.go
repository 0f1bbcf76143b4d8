package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// passage is a stay: in and out, four events, each with a decision or a loop of
// its own.
func passage(t testing.TB, s *store.Store, pause time.Duration) {
	t.Helper()
	ses, r := id.New[id.Session](time.Now()), id.New[id.Reservation](time.Now())
	for _, kind := range []wire.EventKind{wire.Admitted, wire.Entered, wire.Released, wire.Exited} {
		f := admit(ses, r)
		f.Event.Kind = kind
		record(t, s, f)
		time.Sleep(pause) // this is the traffic
	}
}

// BenchmarkWear measures the bytes that a stay of one vehicle has written, with
// hundred others inside: when each event is alone in its second, when ten come in
// a second, and without the cloud.
func BenchmarkWear(b *testing.B) {
	for _, c := range []struct {
		name  string
		pause time.Duration
		stays int
		ack   bool
	}{{"quiet", 1100 * time.Millisecond, 4, true}, {"busy", 25 * time.Millisecond, 200, true}, {"offline", 25 * time.Millisecond, 200, false}} {
		b.Run(c.name, func(b *testing.B) {
			s, stop := open(b, filepath.Join(b.TempDir(), "edge.db"))
			admitSome(b, s, 100)
			settled(b, s, s.Stats().Settled+1)
			before := s.Stats()
			for b.Loop() {
				for range c.stays {
					passage(b, s, c.pause)
					if h := hashes(b, s); c.ack && len(h) > 0 {
						p := s.Position()
						if err := s.Ack(p.AckedSeq+uint64(len(h)), h[len(h)-1]); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			settled(b, s, s.Stats().Settled+1)
			after := s.Stats()
			b.ReportMetric(float64(after.Written-before.Written)/float64(b.N*c.stays), "B/stay")
			b.ReportMetric(float64(after.Copied-before.Copied), "copies")
			b.ReportMetric(0, "ns/op")
			stop()
		})
	}
}
