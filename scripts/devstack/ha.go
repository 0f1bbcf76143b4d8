package main

import (
	"fmt"
	"os"
	"path/filepath"

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
