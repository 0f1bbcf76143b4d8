package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/openlot/openlot/edge/internal/checkup"
	"github.com/openlot/openlot/edge/internal/config"
)

type checkCmd struct {
	settings
	JSON bool `name:"json" help:"Print the problems as a JSON list."`
}

// Run prints what is wrong. The exit code is 0 when nothing is, 1 when there are
// only warnings, 2 otherwise.
func (c *checkCmd) Run(ctx context.Context, stdout io.Writer) error {
	cfg, problems := c.load()
	if len(problems.Errors()) == 0 {
		problems = append(problems, checkup.Look(ctx, cfg, checkup.This())...)
	}
	if err := c.print(stdout, problems); err != nil {
		return err
	}
	switch {
	case len(problems.Errors()) > 0:
		return exitCode(2)
	case len(problems) > 0:
		return exitCode(1)
	default:
		return nil
	}
}

func (c *checkCmd) print(w io.Writer, problems config.Problems) error {
	if c.JSON {
		if problems == nil {
			problems = config.Problems{}
		}
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(problems)
	}
	text := "Nothing is wrong."
	if len(problems) > 0 {
		text = problems.Error()
	}
	_, err := fmt.Fprintln(w, text)
	return err
}
