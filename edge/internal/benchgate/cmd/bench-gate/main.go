// Command bench-gate measures a gate; see package benchgate and `make bench-gate`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/openlot/openlot/edge/internal/benchgate"
)

func main() {
	o := benchgate.Options{Out: os.Stdout}
	flag.StringVar(&o.Binary, "agent", "bin/openlot-edge", "the agent, built as it is packaged")
	parent := flag.String("dir", "", "a directory on the disk to be measured; ./var unless set")
	flag.BoolVar(&o.Quick, "quick", false, "fewer samples, for a first look")
	flag.Parse()
	if err := run(&o, *parent); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench-gate:", err)
		os.Exit(1)
	}
}

func run(o *benchgate.Options, parent string) (err error) {
	if parent == "" {
		parent = "var"
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	if o.Dir, err = os.MkdirTemp(parent, "bench-gate-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(o.Dir) }() // nothing in it is needed again
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return benchgate.Run(ctx, *o)
}
