// Command bench-reserve measures how fast reservations are sold; see package
// benchreserve. `make bench-reserve` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/benchreserve"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	quick := flag.Bool("quick", false, "one short run of each, to see that it works")
	only := flag.String("only", "", "parts to measure, with commas between: "+strings.Join(benchreserve.Parts(), ","))
	rounds := flag.Int("rounds", 5, "alternations")
	each := flag.Duration("each", 2*time.Second, "length of one run")
	profile := flag.String("cpuprofile", "", "write a CPU profile of this program to the file")
	flag.Parse()
	o := benchreserve.Options{Rounds: *rounds, Each: *each, Lots: 10_000}
	if *quick {
		o.Rounds, o.Each = 1, time.Second
	}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // a profile that is cut short says so itself
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(app.GCPercent) // as the program does
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	return benchreserve.Run(ctx, o, os.Stdout, log)
}
