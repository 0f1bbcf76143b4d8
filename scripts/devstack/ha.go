package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/openlot/openlot/scripts/ha"
)

type haCmd struct {
	Dir string `help:"Folder for everything; the user postgres must be able to enter it. A temporary one that is removed unless set." type:"path"`
}

func (c *haCmd) config(e *env) (cfg ha.Config, done func(), err error) {
	cfg = ha.Config{
		Bin: e.bin, Dir: c.Dir, CarParks: filepath.Join(e.sample(), "carparks.geojson"), Live: sampleLive(),
		Say: func(line string) { _, _ = fmt.Fprintln(e.out, line) },
	}
	done = func() {}
	if c.Dir == "" {
		cfg.Dir, err = os.MkdirTemp("", "openlot-ha-")
		done = func() { _ = os.RemoveAll(cfg.Dir) }
	}
	return cfg, done, err
}

// Run runs everything until it is interrupted.
func (c *haCmd) Run(e *env) error {
	cfg, done, err := c.config(e)
	if err != nil {
		return err
	}
	defer done()
	cluster, err := ha.Start(e.ctx, cfg)
	if err != nil {
		if e.ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer cluster.Stop()
	cluster.Describe(e.out)
	<-e.ctx.Done()
	_, _ = fmt.Fprintln(e.out, "\nStopping everything.")
	return nil
}

type haDrillCmd struct {
	haCmd
	Only string `help:"Only what has these words in its name, such as 'cut off'."`
}

// Run kills each part once under load.
func (c *haDrillCmd) Run(e *env) error {
	return c.judge(e, 25*time.Minute, func(cluster *ha.Cluster, ctx context.Context, out io.Writer) (ha.Outcome, error) {
		return cluster.Drill(ctx, out, c.Only)
	})
}

type haSoakCmd struct {
	haCmd
	For time.Duration `help:"How long." default:"1h"`
}

// Run fails Postgres over again and again.
func (c *haSoakCmd) Run(e *env) error {
	return c.judge(e, c.For+10*time.Minute, func(cluster *ha.Cluster, ctx context.Context, out io.Writer) (ha.Outcome, error) {
		return cluster.SoakFor(ctx, out, c.For)
	})
}

// judge runs everything, torments it, and prints the outcome as the last line.
func (c *haCmd) judge(e *env, limit time.Duration, torment func(*ha.Cluster, context.Context, io.Writer) (ha.Outcome, error)) error {
	ctx, cancel := context.WithTimeout(e.ctx, limit)
	defer cancel()
	cfg, done, err := c.config(e)
	if err != nil {
		return err
	}
	if !ha.Inside() {
		// Machines that can be cut off from each other, if that can be had here.
		if err = ha.Isolate(ctx, cfg.Dir); !errors.Is(err, ha.ErrCannot) {
			if err == nil {
				done()
			}
			return err
		}
		_, _ = fmt.Fprintf(e.out, "Everything is on the loopback, and the network is not broken: %v\n", err)
	}
	cluster, err := ha.Start(ctx, cfg)
	o := ha.Outcome{HA: "failed"}
	if err == nil {
		o, err = torment(cluster, ctx, e.out)
		cluster.Stop()
	}
	if err != nil {
		o.Reason = err.Error()
		_, _ = fmt.Fprintf(e.out, "\nFAILED\n%v\nThe logs are in %s.\n", err, filepath.Join(cfg.Dir, "log"))
	} else {
		done()
	}
	if encodeErr := json.NewEncoder(e.out).Encode(o); encodeErr != nil {
		return encodeErr
	}
	if err != nil {
		return errors.New("it did not hold")
	}
	return nil
}
