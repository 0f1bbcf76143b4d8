package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/openlot/openlot/edge/internal/app"
	"github.com/openlot/openlot/edge/internal/store"
)

// storeAt names the store of a data directory.
type storeAt struct {
	DataDir string `help:"Directory of the store." required:"" env:"OPENLOT_EDGE_DATA_DIR" placeholder:"DIR"`
}

func (s storeAt) path() (string, error) {
	path := filepath.Join(s.DataDir, app.StoreFile)
	found, err := filepath.Glob(path + "*")
	if len(found) == 0 {
		return "", fmt.Errorf("no store at %s", path)
	}
	return path, err
}

type inspectCmd struct{ storeAt }

// Run prints the store.
func (c *inspectCmd) Run(stdout io.Writer, log *slog.Logger) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	in, err := store.Inspect(path, store.WithCheck(checkStore(log)))
	if err != nil {
		return err
	}
	return printJSON(stdout, in)
}

type repairCmd struct {
	storeAt
	Apply bool `help:"Do it. Without this it is only said."`
}

// Run prints what was damaged and what becomes of it.
func (c *repairCmd) Run(stdout io.Writer, log *slog.Logger) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	r, err := store.Repair(path, c.Apply, store.WithCheck(checkStore(log)))
	switch {
	case err != nil:
		return err
	case len(r.Damage) == 0:
		_, err = fmt.Fprintln(stdout, "The store is whole. There is nothing to repair.")
		return err
	}
	if err := printJSON(stdout, r); err != nil || c.Apply {
		return err
	}
	_, err = fmt.Fprintln(stdout, "Nothing was changed. The next start does this by itself; to do it now: openlot-edge repair --apply --data-dir", c.DataDir)
	return err
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

type checkStoreCmd struct {
	Path string `arg:""`
}

// exitCode ends the program without a word.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Run is what checkStore runs.
func (c *checkStoreCmd) Run() error {
	if code := store.CheckMain(c.Path); code != 0 {
		return exitCode(code)
	}
	return nil
}

// checkStore has this program look at a store's file in a process of its own.
func checkStore(log *slog.Logger) store.Check {
	return store.CheckBy(func(ctx context.Context, path string) *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			self = os.Args[0]
		}
		return exec.CommandContext(ctx, self, "check-store", path) //nolint:gosec // this program itself
	}, log)
}
