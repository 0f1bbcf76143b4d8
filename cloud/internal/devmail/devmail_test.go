package devmail_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/devmail"
)

// Whoever starts the inbox may have to stop it before it has begun to serve.
func TestRunEndsWhenItIsStoppedAtOnce(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 { // the goroutine that serves is early or late
		s, err := devmail.Listen("127.0.0.1:0", nil, time.Now, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Run(over) }()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("it is still running")
		}
	}
}
