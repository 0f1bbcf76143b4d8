// Command bench-listing measures GET /parkings against a handler that has the
// same bytes ready; see package benchlisting. `make bench-listing` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/benchlisting"
	"github.com/openlot/openlot/protocol/timerange"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	serve := flag.Bool("serve", false, "be the server under test")
	static := flag.String("static", "", "be the reference, with the answers of the server at this address")
	first := flag.Int64("first", 0, "quarter-hour since 1970 from which on a server has claims")
	rounds := flag.Int("rounds", 5, "alternations")
	each := flag.Duration("each", 2*time.Second, "of one run")
	core := flag.String("core", "0", "the servers' core; this program is to run on another")
	only := flag.String("only", "", "near, ten, window or text")
	profiles := flag.String("profiles", "", "a folder for CPU profiles of the server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *serve || *static != "" {
		debug.SetGCPercent(app.GCPercent) // as the program does
	}
	switch {
	case *serve:
		return benchlisting.Serve(ctx, timerange.Q(*first), os.Stdout)
	case *static != "":
		return benchlisting.ServeStatic(ctx, timerange.Q(*first), *static, os.Stdout)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return benchlisting.Run(ctx, benchlisting.Options{Rounds: *rounds, Each: *each, Self: self, Core: *core, Only: *only, Profiles: *profiles}, os.Stdout)
}
