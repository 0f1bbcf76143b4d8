// Command bench-reserve-http measures how fast reservations are sold through the
// whole HTTP stack, and where the time goes; see package benchreserve. `make
// bench-reserve-http` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
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
	var o benchreserve.HTTPOptions
	quick := flag.Bool("quick", false, "one short run of each, to see that it works")
	only := flag.String("only", "", "parts to measure, with commas between: "+strings.Join(benchreserve.HTTPParts(), ","))
	flag.StringVar(&o.Program, "program", "bin/openlot", "the cloud, as make build builds it")
	flag.IntVar(&o.Rounds, "rounds", 5, "alternations")
	flag.DurationVar(&o.Each, "each", 5*time.Second, "length of one run")
	flag.IntVar(&o.Lots, "lots", 1000, "parkings of the uniform load")
	flag.StringVar(&o.Profiles, "profiles", "", "write a CPU profile of the cloud for each part into the folder")
	flag.Parse()
	if *quick {
		o.Rounds, o.Each = 1, time.Second
	}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(app.GCPercent) // as the program does
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	return benchreserve.RunHTTP(ctx, o, os.Stdout, log)
}
