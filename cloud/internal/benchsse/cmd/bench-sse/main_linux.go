// Command bench-sse measures the live listing's streams against nchan; see
// package benchsse. `make bench-sse` runs it. Linux only.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/benchsse"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	serve := flag.Bool("serve", false, "be the server under test")
	rounds := flag.Int("rounds", 2, "alternations for each size")
	core := flag.String("core", "0", "the servers' core; this program is to run on another")
	only := flag.String("only", "", "connect: what a connection costs; stalled: who does not read; and nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *serve {
		debug.SetGCPercent(app.GCPercent) // as the program does
		return benchsse.Serve(ctx, os.Stdout)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return benchsse.Run(ctx, benchsse.Options{Rounds: *rounds, Self: self, Core: *core, Only: *only}, os.Stdout)
}
