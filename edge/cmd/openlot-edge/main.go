// Command openlot-edge is the agent of one parking: it drives the gates and
// keeps the journal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/openlot/openlot/edge/internal/obs"
	"github.com/openlot/openlot/protocol/fault"
)

// cli is the command line.
type cli struct {
	LogLevel  string `help:"Least level that is logged: debug, info, warn, error. It goes before log_level in the file, and is info unless one is set." default:"" enum:",debug,info,warn,error" env:"OPENLOT_EDGE_LOG_LEVEL"`
	LogFormat string `help:"How log lines are written: auto, text, json, journal (for systemd: its level, no time). Auto is journal under systemd and text elsewhere." default:"auto" enum:"auto,text,json,journal" env:"OPENLOT_EDGE_LOG_FORMAT"`

	Run     runCmd     `cmd:"" help:"Run the agent."`
	Check   checkCmd   `cmd:"" help:"Say what is wrong with the configuration and this machine. Ends with 0: nothing, 1: warnings, 2: errors."`
	Lines   linesCmd   `cmd:"" help:"Show the inputs of all gates live, for whoever wires them. The agent must not be running."`
	Inspect inspectCmd `cmd:"" help:"Print what a stopped agent's store holds, as JSON."`
	Gate    gateCmd    `cmd:"" help:"Command a lane of the running agent: open it, hold it open, close it to all …"`
	Repair  repairCmd  `cmd:"" help:"Say what a start would do about a damaged store, or do it."`
	Pin     pinCmd     `cmd:"" help:"Make what stands for a PIN of the kiosk's staff in the configuration. The PIN is read from the terminal, or from the standard input."`
	Version versionCmd `cmd:"" help:"Print the version."`
	Update  updateCmd  `cmd:"" help:"Install a signed update. It is used when no vehicle is in a lane, and left again if it does not work."`
	Launch  launchCmd  `cmd:"" help:"Run the installed version of this program with the arguments that follow."`

	CheckStore checkStoreCmd `cmd:"" hidden:"" help:"Look at a store's file on behalf of another command."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := start(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// start parses the arguments and runs the command. It returns the exit code: 0,
// 1 when the command failed, 2 when it was not understood.
func start(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	code, done := 0, false
	parser, err := kong.New(&c,
		kong.Name("openlot-edge"), kong.Description("The agent of one parking: gates, journal, uplink."),
		kong.Writers(stdout, stderr), kong.Exit(func(n int) { code, done = n, true }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if err != nil {
		complain(stderr, err)
		return 2
	}
	if err := checkEnv(parser, os.Environ()); err != nil {
		complain(stderr, err)
		return 2
	}
	cmd, err := parser.Parse(args)
	if done {
		return code
	}
	if err != nil {
		if text, ok := belowZero(args); ok {
			err = usage("%s is below zero, and no number here can be", text)
		}
		complain(stderr, err)
		return 2
	}
	level := &logLevel{given: c.LogLevel != ""}
	level.set(c.LogLevel)
	log := slog.New(obs.NewHandler(stderr, obs.Format(c.LogFormat), &level.LevelVar, os.Getenv))
	if err := cmd.Run(log, level); err != nil {
		if end, ok := errors.AsType[exitCode](err); ok {
			return int(end)
		}
		complain(stderr, err)
		if errors.As(err, new(*usageError)) {
			return 2
		}
		return 1
	}
	return 0
}

// belowZero finds an argument that looks like a number below zero, which the parser
// takes for a flag.
func belowZero(args []string) (string, bool) {
	for _, a := range args {
		if _, err := strconv.ParseFloat(a, 64); err == nil && strings.HasPrefix(a, "-") {
			return a, true
		}
	}
	return "", false
}

// logLevel is the least level that is logged.
type logLevel struct {
	slog.LevelVar
	given bool // by a flag or the environment, which go before the file
}

// set sets the level to a word that has been checked; to info, if it is empty.
func (l *logLevel) set(word string) {
	if word != "" {
		_ = l.UnmarshalText([]byte(word))
	}
}

// complain prints an error; a fault's sentence has its cause behind it.
func complain(w io.Writer, err error) {
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		err = f
	}
	_, _ = fmt.Fprintln(w, "openlot-edge:", err) // where else could this be said
}

// usageError is something the caller has to say differently.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(stdout io.Writer) error {
	_, err := fmt.Fprintln(stdout, software())
	return err
}

// version is set by the build; empty: what the build itself knows.
var version string

// software names this build.
func software() string { return "openlot-edge " + release() }

// release is this build's version.
func release() string {
	if version != "" {
		return version
	}
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				version += "+" + s.Value[:12]
			}
		}
	}
	return version
}

// built is a time that has surely passed: when this source was committed, as
// far as the build knows it.
func built() time.Time {
	floor := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return floor
	}
	for _, s := range info.Settings {
		if t, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil && t.After(floor) {
			return t
		}
	}
	return floor
}
