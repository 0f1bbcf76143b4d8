package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/openlot/openlot/firmware-bridge/twin"
	"github.com/openlot/openlot/protocol/fault"
)

type twinCmd struct {
	PTY   string   `name:"pty" required:"" help:"Path at which the serial port appears, for example var/board-1." placeholder:"PATH"`
	HTTP  string   `name:"http" default:"127.0.0.1:8070" help:"Address of the control API and the page." placeholder:"ADDR"`
	Gates []string `required:"" help:"Gates as name:entry or name:exit, separated by commas." placeholder:"entry-1:entry,exit-1:exit"`
	Speed float64  `default:"1" help:"How fast barriers and vehicles move; 1 is real."`
	Name  string   `default:"twin" help:"Name of the board."`
}

func (c *twinCmd) Run(e *env) error {
	gates, err := parseGates(c.Gates)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.HTTP) //nolint:noctx // at start, local
	if err != nil {
		return listenError(c.HTTP, err)
	}
	t, err := twin.New(twin.Config{Name: c.Name, Port: c.PTY, Gates: gates, Speed: c.Speed}, e.log)
	if err != nil {
		_ = l.Close()
		if errors.Is(err, twin.ErrPathTaken) {
			return fmt.Errorf("--pty %s: %w", c.PTY, err)
		}
		return err
	}
	srv := &http.Server{Handler: t.Handler(), ReadHeaderTimeout: 5 * time.Second}

	ctx, cancel := context.WithCancelCause(e.ctx)
	defer cancel(nil)
	served := make(chan struct{})
	go func() {
		defer close(served)
		cancel(srv.Serve(l))
	}()
	_, _ = fmt.Fprintf(e.out, "twin %s ready: serial port %s, page http://%s/\n", c.Name, c.PTY, l.Addr())
	err = t.Run(ctx)
	// The twin has stopped, so every request under way is ending.
	grace, end := context.WithTimeout(context.WithoutCancel(e.ctx), 2*time.Second)
	defer end()
	if srv.Shutdown(grace) != nil {
		_ = srv.Close()
	}
	<-served
	if e.ctx.Err() != nil {
		return nil // asked to end
	}
	return err
}

func parseGates(args []string) ([]twin.GateConfig, error) {
	var gates []twin.GateConfig
	for _, a := range args {
		name, kind, _ := strings.Cut(a, ":")
		if kind != "entry" && kind != "exit" {
			return nil, fault.Newf(fault.Invalid, "twin_config", "--gates: %q is not name:entry or name:exit.", a)
		}
		gates = append(gates, twin.GateConfig{Name: name, Exit: kind == "exit"})
	}
	return gates, nil
}

func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fault.Wrap(err, fault.Conflict, "http_address_busy", fmt.Sprintf("--http %s: another program listens there. Give another address.", addr))
	case errors.Is(err, os.ErrPermission):
		return fault.Wrap(err, fault.Forbidden, "http_address_forbidden", fmt.Sprintf("--http %s: not allowed to listen there.", addr))
	default:
		return fmt.Errorf("--http %s: %w", addr, err)
	}
}
