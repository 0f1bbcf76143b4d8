package uplink_test

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"testing"
)

// lines counts what is logged at info and above, by its words.
type lines struct {
	mu   sync.Mutex
	seen map[string]int
}

func (l *lines) Enabled(_ context.Context, at slog.Level) bool { return at >= slog.LevelInfo }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler            { return l }
func (l *lines) WithGroup(string) slog.Handler                 { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[r.Level.String()+" "+r.Message]++
	return nil
}

// An edge may be without its cloud for days: that is one line, not one a retry.
func TestALostLinkIsSaidOnce(t *testing.T) {
	t.Parallel()
	log := &lines{seen: map[string]int{}}
	e := start(t, secret, func(e *edge) { e.log = log })
	e.settled(0)
	<-e.net.Attempts // the first
	for range 2 {
		e.net.Cut()
		for range 4 {
			e.attempt()
		}
		e.record(1)
		e.net.Heal()
		e.acked()
	}
	const lost, up = "WARN link to the cloud lost; the gates go on without it", "INFO link to the cloud is up"
	log.mu.Lock()
	defer log.mu.Unlock()
	if want := map[string]int{lost: 2, up: 3}; !maps.Equal(log.seen, want) {
		t.Errorf("logged %v, want %v", log.seen, want)
	}
}
