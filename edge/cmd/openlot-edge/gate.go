package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/edge/internal/app"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

type gateCmd struct {
	DataDir string `help:"Directory of the running agent." required:"" env:"OPENLOT_EDGE_DATA_DIR" placeholder:"DIR"`
	Lane    string `help:"Which lane." required:"" placeholder:"LANE"`
	By      string `help:"Who commands it. It goes into the journal and to the cloud." required:"" placeholder:"NAME"`
	Why     string `help:"What for. It goes into the journal and to the cloud." required:"" placeholder:"TEXT"`
	Command string `arg:"" help:"open, hold-open, let-go, alarm, reset, halt, resume, take-out, put-back, turn, mode-open, mode-full, mode-closed, mode-closed-to-all, or count. Underscores do as well as hyphens."`
	Count   *int   `arg:"" optional:"" help:"With count, and needed there: how many are inside. It may be 250 more or less than is known; walk-ins are corrected, and reservations stay."`
}

// corrected says what a count has changed.
func corrected(n *int, c *app.Counted) string {
	if n == nil || c == nil {
		return ""
	}
	text := fmt.Sprintf(" %d: %d were known to be inside, %d are now", *n, c.Was, c.Is)
	if c.Is > *n {
		text += fmt.Sprintf("; a count takes away walk-ins only, and %d have reservations", c.Reserved)
	} else if c.Reserved > 0 {
		text += fmt.Sprintf(", %d of them with reservations, which stay as they are", c.Reserved)
	}
	return text
}

// Run has a running agent's lane carry out a command. It is journalled before it is
// carried out.
func (c *gateCmd) Run(ctx context.Context, stdout io.Writer) error {
	command := strings.ReplaceAll(c.Command, "-", "_")
	if !slices.Contains(app.Commands(), command) {
		return usage("%q is no command: %s", c.Command, strings.ReplaceAll(strings.Join(app.Commands(), ", "), "_", "-"))
	}
	body, err := json.Marshal(app.Order{Lane: id.Lane(c.Lane), Command: command, Count: c.Count, By: c.By, Why: c.Why})
	if err != nil {
		return err
	}
	path := filepath.Join(c.DataDir, app.StaffSocket)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 15 * time.Second}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://edge/orders", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no agent takes orders at %s; does it run, and may you write there: %w", path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK {
		var done app.Done
		if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&done); err != nil {
			return fmt.Errorf("the lane did it, and the answer cannot be read: %w", err)
		}
		_, err = fmt.Fprintf(stdout, "%s: %s%s\n", c.Lane, c.Command, corrected(c.Count, done.Count))
		return err
	}
	var said struct {
		Code, Detail string
		Fields       map[string]string
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&said); err != nil {
		return fmt.Errorf("the agent answered with status %d", resp.StatusCode)
	}
	for field, says := range said.Fields {
		said.Detail += " " + field + ": " + says + "."
	}
	return fault.New(fault.Conflict, said.Code, said.Detail)
}
