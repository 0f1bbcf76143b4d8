// Command devstack runs all of Openlot on one machine: for trying it out, as a
// story that tells itself, and under load.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/openlot/openlot/scripts/bench"
	"github.com/openlot/openlot/scripts/story"
)

type cli struct {
	Bin string `help:"Folder of openlot, openlot-edge and openlot-board. The project's bin unless set." placeholder:"DIR"`

	Run        runCmd     `cmd:"" help:"Run everything on this machine until interrupted."`
	Code       codeCmd    `cmd:"" help:"Print the code that the demo owner's authenticator shows now."`
	Off        offCmd     `cmd:"" help:"End a part of what run has started, and leave it ended."`
	On         onCmd      `cmd:"" help:"Start a part again that is off."`
	Demo       demoCmd    `cmd:"" help:"Tell the whole story by itself, with checks and measured times."`
	BenchStory benchCmd   `cmd:"" help:"Measure the times that matter, under load."`
	HA         haCmd      `cmd:"" name:"ha" help:"Run several instances, a Postgres that fails over, a broker of several nodes and edges until interrupted."`
	HADrill    haDrillCmd `cmd:"" name:"ha-drill" help:"Run the same, kill each part once under load, and check."`
	HASoak     haSoakCmd  `cmd:"" name:"ha-soak" help:"Run the same and fail Postgres over again and again under load."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// env is what commands work with.
type env struct {
	ctx  context.Context //nolint:containedctx // of one command, from main
	out  io.Writer
	errs io.Writer
	root string // of the project
	bin  string
}

// run is main without the process: 0 is success, 1 a failure, 2 wrong usage.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("devstack"), kong.Description("All of Openlot on one machine."),
		kong.UsageOnError(), kong.Vars{"data_edges": strconv.Itoa(dataEdges)}, kong.Writers(out, errs), kong.Exit(func(n int) { code = n }))
	if err != nil {
		_, _ = fmt.Fprintln(errs, "devstack:", err)
		return 1
	}
	k, err := parser.Parse(args)
	if code >= 0 {
		return code // help was asked for
	}
	if err != nil {
		_, _ = fmt.Fprintf(errs, "devstack: %v\nTry devstack --help.\n", err)
		return 2
	}
	root, err := projectRoot()
	if err == nil {
		e := &env{ctx: ctx, out: out, errs: errs, root: root, bin: c.Bin}
		if e.bin == "" {
			e.bin = filepath.Join(root, "bin")
		}
		err = k.Run(e)
	}
	if err != nil {
		_, _ = fmt.Fprintln(errs, "devstack:", err)
		return 1
	}
	return 0
}

// projectRoot is the folder at or above the current one that holds go.work.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("run it in a clone of the project: there is no go.work here or above")
		}
		dir = up
	}
}

// sample is the data that ships with the project.
func (e *env) sample() string { return filepath.Join(e.root, "scripts", "sample") }

type demoCmd struct {
	Speed float64 `help:"How fast barriers and vehicles of the twins move; 1 is real." default:"4"`
}

// Run tells the story.
func (c *demoCmd) Run(e *env) error {
	// It takes less than a minute. What takes much longer hangs.
	ctx, cancel := context.WithTimeout(e.ctx, 3*time.Minute)
	defer cancel()
	began := time.Now()
	parks, err := readCarParks(filepath.Join(e.sample(), "carparks.geojson"))
	if err != nil {
		return err
	}
	f, err := story.Tell(ctx, story.Config{
		Bin: e.bin, CarParks: parks.file, Live: sampleLive(), Capacity: parks.capacity[sampleLive()[0]], Speed: c.Speed, Out: e.out,
	})
	f.Demo = "ok"
	if err != nil {
		f.Demo, f.Failed = "failed", err.Error()
		_, _ = fmt.Fprintf(e.out, "\nFAILED\n%v\n", err)
	} else {
		_, _ = fmt.Fprintf(e.out, "\nThat was the whole story, in %.1f s.\n", time.Since(began).Seconds())
	}
	if encodeErr := json.NewEncoder(e.out).Encode(f); encodeErr != nil {
		return encodeErr
	}
	if err != nil {
		return errors.New("the demo failed")
	}
	return nil
}

type benchCmd struct {
	Quick     bool          `help:"A smoke test with few samples: its figures say little."`
	Parkings  int           `help:"Parkings under measured load, each with an edge." default:"9"`
	Rate      float64       `help:"Reservations a second over all of them." default:"10"`
	Driving   float64       `help:"Share of the reservations that drive in and out at once; the others are for another day." default:"0.5"`
	Walkins   float64       `help:"Walk-ins a second over all of them." default:"1.5"`
	Speed     float64       `help:"How fast barriers and vehicles of the twins move; 1 is real." default:"20"`
	Lists     int           `help:"Streams of /parkings." default:"20"`
	Details   int           `help:"Streams of /parking." default:"20"`
	KillEvery time.Duration `help:"How often the edge of one more parking is killed." default:"5s"`
	Samples   int           `help:"Samples of each kind." default:"10000"`
	Limit     time.Duration `help:"End the load after this long, whatever there is." default:"25m"`
}

// Run measures.
func (c *benchCmd) Run(e *env) error {
	if c.Quick {
		c.Samples = min(c.Samples, 300)
		_, _ = fmt.Fprintf(e.out, "quick: %d samples of each kind instead of 10000; the figures say little\n", c.Samples)
	}
	parks, err := readCarParks(filepath.Join(e.sample(), "carparks.geojson"))
	if err != nil {
		return err
	}
	live := parks.sold()
	if c.Parkings < 1 || c.Parkings > len(live)-1 {
		return fmt.Errorf("--parkings is from 1 to %d: the sample has that many beside the one whose edge is killed", len(live)-1)
	}
	f, err := bench.Run(e.ctx, bench.Config{
		Bin: e.bin, CarParks: parks.file, Live: live[:c.Parkings+1], Speed: c.Speed, Rate: c.Rate, Driving: c.Driving, Walkins: c.Walkins,
		Lists: c.Lists, Details: c.Details, KillEvery: c.KillEvery, Target: c.Samples, Limit: c.Limit, Out: e.out,
	})
	if err == nil && f.Samples < c.Samples {
		err = fmt.Errorf("expected %d samples of each kind within %s, got %d", c.Samples, c.Limit, f.Samples)
	}
	// The figures come last whatever happened.
	if err != nil {
		_, _ = fmt.Fprintf(e.out, "\nFAILED\n%v\n", err)
	}
	if encodeErr := json.NewEncoder(e.out).Encode(f); encodeErr != nil {
		return encodeErr
	}
	if err != nil {
		return errors.New("the benchmark failed")
	}
	return nil
}
