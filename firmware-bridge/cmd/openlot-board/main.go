// Command openlot-board runs the digital twin of a board, and looks at real
// ones.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/openlot/openlot/protocol/fault"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// cli is the command line.
type cli struct {
	Log     slog.Level `help:"How much to log to standard error: debug, info, warn or error." default:"warn"`
	Twin    twinCmd    `cmd:"" help:"Run a digital twin: a board, its barriers, loops and vehicles, on a pseudo-terminal."`
	Probe   probeCmd   `cmd:"" help:"Say hello to a board and show its events until interrupted."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// version is set by the build.
var version = "dev"

type versionCmd struct{}

// Run implements kong's command.
func (versionCmd) Run(e *env) error {
	_, err := fmt.Fprintln(e.out, "openlot-board", version)
	return err
}

// env is what commands work with.
type env struct {
	ctx context.Context //nolint:containedctx // of one command, from main
	out io.Writer
	log *slog.Logger
}

// run is main without the process: 0 is success, 1 a failure, 2 wrong usage.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("openlot-board"), kong.Description("Boards that carry the gates' inputs and outputs."),
		kong.UsageOnError(), kong.Writers(out, errs), kong.Exit(func(n int) { code = n }))
	if err != nil {
		_, _ = fmt.Fprintln(errs, "openlot-board:", err)
		return 1
	}
	k, err := parser.Parse(args)
	if code >= 0 {
		return code // help was asked for
	}
	if err != nil {
		_, _ = fmt.Fprintf(errs, "openlot-board: %v\nTry openlot-board --help.\n", err)
		return 2
	}
	log := slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: c.Log}))
	if err := k.Run(&env{ctx: ctx, out: out, log: log}); err != nil {
		_, _ = fmt.Fprintln(errs, "openlot-board:", sentence(err))
		return 1
	}
	return 0
}

// sentence is what a person at the command line should read of an error.
func sentence(err error) string {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return err.Error()
	}
	where := strings.TrimSuffix(err.Error(), f.Error()) // the flag that it is about
	if cause := f.Unwrap(); cause != nil {
		return fmt.Sprintf("%s%s (%s: %v)", where, f.Detail, f.Code, cause)
	}
	return fmt.Sprintf("%s%s (%s)", where, f.Detail, f.Code)
}
