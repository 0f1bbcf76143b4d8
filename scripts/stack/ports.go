package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Port is an address that a program is about to listen on.
type Port struct {
	Addr string
	What string // who listens there
	Flag string // that chooses another

	Example string // of what may follow the flag
}

// CheckPorts reports the first port that somebody else listens on, and what to
// do about it.
func CheckPorts(ctx context.Context, ports []Port) error {
	var lc net.ListenConfig
	for _, p := range ports {
		l, err := lc.Listen(ctx, "tcp", p.Addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			_, port, splitErr := net.SplitHostPort(p.Addr)
			if splitErr != nil {
				port = p.Addr
			}
			return fmt.Errorf("port %s is busy, %s needs it: stop the program that listens there (lsof -i :%s shows it) or choose another: make run ARGS='%s %s'", port, p.What, port, p.Flag, p.Example)
		}
		if err != nil {
			return fmt.Errorf("%s cannot listen on %s: %w; choose another: make run ARGS='%s %s'", p.What, p.Addr, err, p.Flag, p.Example)
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

// FreePorts finds addresses on loopback that nobody listens on, all different.
func FreePorts(ctx context.Context, n int) ([]string, error) {
	var lc net.ListenConfig
	var out []string
	for range n {
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// Kept until all are found, so that none comes twice.
		defer func() { _ = l.Close() }() //nolint:revive // n is small
		out = append(out, l.Addr().String())
	}
	return out, nil
}

// Loopback is the address of a port on this machine alone.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
