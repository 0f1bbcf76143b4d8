// Command openlot is the cloud: reservations, payments, the live listing and
// the fleet of edges.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/openlot/openlot/protocol/fault"
)

// version is set by the build.
var version = "dev"

// common is what every command understands.
type common struct {
	DataDir     string `help:"Folder for the embedded database and broker." default:"./var/cloud" type:"path" env:"OPENLOT_DATA_DIR"`
	DatabaseURL string `help:"Use this Postgres instead of an embedded one." env:"DATABASE_URL" placeholder:"URL"`
	LogLevel    string `help:"debug, info, warn or error." default:"info" enum:"debug,info,warn,error" env:"OPENLOT_LOG_LEVEL"`
}

type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run the cloud."`
	Migrate migrateCmd `cmd:"" help:"Bring the database's schema up to date."`
	Import  importCmd  `cmd:"" help:"Import car parks from a GeoJSON file: all of them, or none and the reasons."`
	Enroll  enrollCmd  `cmd:"" help:"Give a parking's edge agent its credentials, shown once. An agent enrolled before is locked out."`
	Admin   adminCmd   `cmd:"" help:"Change a parking's capacity, blocked bays, tariff and policy, and end reservations. Works while openlot serve runs."`
	Tariff  tariffCmd  `cmd:"" help:"Check tariffs and price stays. Needs no database."`
	Receipt receiptCmd `cmd:"" help:"Check receipts. Needs no database."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Evidence  evidenceCmd  `cmd:"" help:"Make and check the pack that answers a dispute."`
	Reconcile reconcileCmd `cmd:"" help:"Compare the payment providers' own books with ours. Nothing is changed; each difference goes on record as an incident, once. The exit code is 1 when the books differ."`
}

type versionCmd struct{}

// Run implements kong's command.
func (versionCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintln(out, "openlot", version)
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("openlot"), kong.Description("Parking reservations whose gates open even when the network is down."),
		kong.Writers(out, errOut), kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.UsageOnError())
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "openlot:", err) // where else could this be said
		return 2
	}
	if err := checkEnv(parser, os.Environ()); err != nil {
		_, _ = fmt.Fprintln(errOut, "openlot:", err) // where else could this be said
		return 2
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		if text, ok := belowZero(args); ok {
			err = fmt.Errorf("%s is below zero: no amount or number here is, and where one may be it is written --name=%s", text, text)
		}
		_, _ = fmt.Fprintln(errOut, "openlot:", err) // where else could this be said
		return 2
	}
	k.BindTo(ctx, (*context.Context)(nil))
	k.BindTo(out, (*io.Writer)(nil))
	k.Bind(logger(errOut, &c))
	if err := k.Run(); err != nil && !errors.Is(err, context.Canceled) {
		explain(errOut, err)
		return 1
	}
	return 0
}

// belowZero finds an argument that is a number below zero, which the parser takes for
// a flag.
func belowZero(args []string) (string, bool) {
	for _, a := range args {
		if _, err := strconv.ParseFloat(a, 64); err == nil && strings.HasPrefix(a, "-") {
			return a, true
		}
	}
	return "", false
}

// logger writes text to a terminal's reader and JSON to everything else would
// be a guess; it is text, one line per event.
func logger(w io.Writer, c *cli) *slog.Logger {
	level := slog.LevelInfo
	for _, common := range append(c.Admin.commons(), c.Serve.common, c.Migrate.common, c.Import.common, c.Enroll.common, c.Reconcile.common, c.Evidence.Pack.common) {
		if common.LogLevel != "" && common.LogLevel != "info" {
			_ = level.UnmarshalText([]byte(common.LogLevel)) // kong has checked it
		}
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// explain prints an error for a person: the sentence and code of a fault, with
// its fields and its cause.
func explain(w io.Writer, err error) {
	var text strings.Builder
	defer func() { _, _ = io.WriteString(w, text.String()) }() // where else could this be said
	var f *fault.Fault
	if !errors.As(err, &f) {
		fmt.Fprintln(&text, "openlot:", err)
		return
	}
	fmt.Fprintf(&text, "openlot: %s (%s)\n", f.Detail, f.Code)
	fields := make([]string, 0, len(f.Fields))
	for name := range f.Fields {
		fields = append(fields, name)
	}
	slices.SortFunc(fields, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b) // features[9] before features[10]
		}
		return map[bool]int{true: -1, false: 1}[a < b]
	})
	for _, name := range fields {
		fmt.Fprintf(&text, "  %s: %s\n", name, f.Fields[name])
	}
	if cause := errors.Unwrap(f); cause != nil {
		fmt.Fprintf(&text, "  because: %v\n", cause)
	}
}
