// Command ensure makes sure that Postgres is on this machine, installing it
// when the system's package manager can do so without questions. `make test`
// runs it first.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/openlot/openlot/cloud/internal/devpg"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := devpg.Ensure(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the process ends; the signal handler goes with it
	}
	fmt.Printf("Postgres %s in %s\n", b.Version, b.Dir)
}
