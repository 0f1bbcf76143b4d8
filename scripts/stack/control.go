package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The parts of a stack can be ended and started again by name, to see what the others
// do without them: "cloud", and "twin-" or "edge-" with a parking.

// socket is where a stack is told to, in its directory.
const socket = "control.sock"

// Off ends a part as its end by the machine would, or at once and without a word as when
// its power goes. Nothing starts it again but On.
func (s *Stack) Off(part string, hard bool) error {
	g, err := s.part(part)
	if err != nil {
		return err
	}
	end := (*Process).Stop
	if hard {
		end = (*Process).Kill
	}
	g.off(end)
	return nil
}

// On starts a part that is off, and returns when it answers.
func (s *Stack) On(ctx context.Context, part string) error {
	g, err := s.part(part)
	if err != nil {
		return err
	}
	return g.on(ctx)
}

func (s *Stack) part(name string) (*program, error) {
	var names []string
	for _, g := range s.programs() {
		if g.name == name {
			return g, nil
		}
		names = append(names, g.name)
	}
	return nil, fmt.Errorf("there is no %s; there are %s", name, strings.Join(names, ", "))
}

// Control takes Tell's words until ctx ends.
func (s *Stack) Control(ctx context.Context) error {
	file := filepath.Join(s.cfg.Dir, socket)
	_ = os.Remove(file) // of a run that was ended without warning
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", file)
	if err != nil {
		return err
	}
	if err := os.Chmod(file, 0o600); err != nil {
		return errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	handle := func(pattern string, f func(*http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := f(r); err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
			}
		})
	}
	handle("POST /off/{part}", func(r *http.Request) error { return s.Off(r.PathValue("part"), r.URL.Query().Has("hard")) })
	handle("POST /on/{part}", func(r *http.Request) error { return s.On(r.Context(), r.PathValue("part")) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() {
		<-ctx.Done()
		_ = server.Close() // removes the socket
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Tell has the stack that runs in a directory do something: "on" or "off" with a part.
func Tell(ctx context.Context, dir, what, part string, hard bool) error {
	file := filepath.Join(dir, socket)
	var d net.Dialer
	web := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", file) }}}
	defer web.CloseIdleConnections()
	at := "http://stack/" + what + "/" + url.PathEscape(part)
	if hard {
		at += "?hard"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, nil)
	if err != nil {
		return err
	}
	resp, err := web.Do(req)
	if err != nil {
		return fmt.Errorf("nothing runs in %s that can be told: %w", dir, err)
	}
	defer func() { _ = resp.Body.Close() }() // read
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	var b strings.Builder
	if _, err := io.Copy(&b, io.LimitReader(resp.Body, 16<<10)); err != nil {
		return err
	}
	return errors.New(strings.TrimSpace(b.String()))
}
