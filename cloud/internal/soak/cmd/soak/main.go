// Command soak runs random operations against the heart of the cloud in several
// processes that are killed all the time, on a real Postgres, and checks that
// nothing was oversold, leaked or lost. `make soak` starts it; its last line is
// JSON.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/openlot/openlot/cloud/internal/devpg"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/soak"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		signal.Ignore(os.Interrupt) // the parent ends it
		if err := soak.Work(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:gocritic // the process ends; the signal handler goes with it
		}
		return
	}
	ok, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		fmt.Println(`{"soak":"failed"}`)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context) (ok bool, err error) {
	cfg := soak.Config{Out: os.Stderr}
	flag.IntVar(&cfg.Operations, "operations", 1_000_000, "end after so many operations")
	seconds := flag.Int("seconds", 0, "end after so many seconds, whatever was done by then; 0: never")
	flag.IntVar(&cfg.Workers, "workers", 3, "processes")
	flag.IntVar(&cfg.Clients, "clients", 48, "clients at once in each process")
	flag.DurationVar(&cfg.KillEvery, "kill-every", time.Second, "kill a process so often on average; 0: never")
	flag.DurationVar(&cfg.CrashEvery, "crash-every", 45*time.Second, "kill Postgres so often on average; 0: never")
	flag.DurationVar(&cfg.CheckEvery, "check-every", 30*time.Second, "check everything so often; 0: at the end only")
	flag.Float64Var(&cfg.Speed, "speed", 60, "how much faster time passes")
	flag.Uint64Var(&cfg.Seed, "seed", uint64(time.Now().UnixNano()), "of what is random in the choice of work")
	flag.Parse()
	cfg.For = time.Duration(*seconds) * time.Second

	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if _, err := devpg.Ensure(ctx, log); err != nil {
		return false, err
	}
	// Postgres's user must be able to enter it when we are root.
	dir, err := os.MkdirTemp("", "openlot-soak-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil {
		return false, err
	}
	cluster, err := devpg.Start(ctx, devpg.Config{Dir: dir, Log: log, Settings: map[string]string{
		"shared_buffers": "512MB", "max_wal_size": "4GB",
	}})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err := cluster.EnsureDatabase(ctx, "soak"); err != nil {
		return false, err
	}
	cfg.DSN, cfg.Dir = cluster.DSN("soak"), dir
	if err := postgres.Migrate(ctx, cfg.DSN, log); err != nil {
		return false, err
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	cfg.Command = []string{self, "worker"}
	cfg.Crash = func(ctx context.Context) error {
		if err := cluster.Crash(); err != nil {
			return err
		}
		return cluster.Restart(ctx)
	}
	fmt.Fprintf(os.Stderr, "seed %d, Postgres %s, fsync on\n", cfg.Seed, cluster.Version())
	result, err := soak.Run(ctx, cfg)
	if err != nil {
		return false, err
	}
	fmt.Println(result.JSON())
	return result.OK, nil
}
