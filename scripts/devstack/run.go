package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"github.com/openlot/openlot/scripts/client"
	"github.com/openlot/openlot/scripts/stack"
	"github.com/openlot/openlot/scripts/traffic"
)

type runCmd struct {
	Data     string `help:"Folder with carparks.geojson and occupancy-*.csv, instead of the sample." type:"existingdir" placeholder:"DIR"`
	Dir      string `help:"Folder that keeps everything from one run to the next." default:"./var" type:"path"`
	Edges    int    `help:"How many of the recorded car parks get gates, an edge and traffic. 3 unless set; with --data ${data_edges}." placeholder:"N"`
	Traffic  bool   `help:"Let cars come and go as recorded." default:"true" negatable:""`
	HTTP     string `help:"Address of the API and the pages." default:"127.0.0.1:8080"`
	Admin    string `help:"Address of metrics and profiles." default:"127.0.0.1:8081"`
	MQTT     string `help:"Address of the broker." default:"127.0.0.1:1883"`
	EdgePort int    `help:"Port of the first edge. Nine follow, further ones are 10110 higher." default:"8090"`
	TwinPort int    `help:"Port of the first twin. Nine follow, further ones are 10000 higher." default:"8070"`
	CamPort  int    `name:"camera-port" help:"Port at which the first edge takes what a camera at its entry reads, and so on. No cameras unless set." placeholder:"PORT"`
}

// dataEdges is how many car parks get gates with --data unless told otherwise.
const dataEdges = 90

// named is how many live parkings have ports among the low ones, before those
// of the cloud come in the way.
const named = 10

func (c *runCmd) twinAddr(n int) string {
	if n >= named {
		n += 10000
	}
	return stack.Loopback(c.TwinPort + n)
}

func (c *runCmd) edgeAddr(n int) string {
	if n >= named {
		n += 10110
	}
	return stack.Loopback(c.EdgePort + n)
}

// cameras gives the address of each edge's camera, nil without.
func (c *runCmd) cameras() func(n int) string {
	if c.CamPort == 0 {
		return nil
	}
	return func(n int) string { return stack.Loopback(c.CamPort + n) }
}

// ports are all that will be listened on.
func (c *runCmd) ports(live []string) []stack.Port {
	out := []stack.Port{
		{Addr: c.HTTP, What: "the cloud's API", Flag: "--http", Example: "127.0.0.1:9080"},
		{Addr: c.Admin, What: "the cloud's metrics", Flag: "--admin", Example: "127.0.0.1:9081"},
		{Addr: c.MQTT, What: "the broker", Flag: "--mqtt", Example: "127.0.0.1:2883"},
	}
	for n, parking := range live {
		out = append(out,
			stack.Port{Addr: c.twinAddr(n), What: "the twin of " + parking, Flag: "--twin-port", Example: "9070"},
			stack.Port{Addr: c.edgeAddr(n), What: "the edge of " + parking, Flag: "--edge-port", Example: "9090"})
		if at := c.cameras(); at != nil {
			out = append(out, stack.Port{Addr: at(n), What: "the camera of " + parking, Flag: "--camera-port", Example: "9060"})
		}
	}
	return out
}

// choose reads the data and picks the live parkings.
func (c *runCmd) choose(e *env) (d data, live []string, err error) {
	dir, wanted := e.sample(), len(sampleLive())
	if c.Data != "" {
		dir, wanted = c.Data, dataEdges
	}
	if d, err = readData(dir); err != nil {
		return d, nil, err
	}
	live = d.live()
	switch {
	case c.Edges < 0 || c.Edges > len(live):
		return d, nil, fmt.Errorf("--edges is from 1 to %d: so many car parks in %s have a capacity and readings", len(live), dir)
	case c.Edges > 0:
		wanted = c.Edges
	}
	return d, live[:min(wanted, len(live))], nil
}

// Run runs everything until it is interrupted.
func (c *runCmd) Run(e *env) error {
	d, live, err := c.choose(e)
	if err != nil {
		return err
	}
	if err := stack.CheckPorts(e.ctx, c.ports(live)); err != nil {
		return err
	}
	log, err := openLog(filepath.Join(c.Dir, "log", "traffic.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // lines, already written
	s, err := stack.Start(e.ctx, stack.Config{
		Bin: e.bin, Dir: c.Dir, HTTP: c.HTTP, Admin: c.Admin, MQTT: c.MQTT, CarParks: d.parks.file, Live: live, Speed: 1,
		EdgeHTTP: c.edgeAddr, TwinHTTP: c.twinAddr, Cameras: c.cameras(), Kiosks: true,
	}, func(line string) { _, _ = fmt.Fprintln(e.out, line) })
	if err != nil {
		if e.ctx.Err() != nil {
			return nil // interrupted, and everything has been stopped
		}
		return err
	}
	defer s.Stop()
	o, err := demoOwner(e.ctx, s, c.Dir)
	if err != nil {
		_, _ = fmt.Fprintln(e.errs, "There is no owner to try the dashboard with:", err)
	}
	c.welcome(e.out, s, d, o)

	ctx, end := context.WithCancel(e.ctx)
	defer end()
	hurry, hurried := context.WithCancel(context.WithoutCancel(e.ctx))
	defer hurried()
	control := &errgroup.Group{}
	control.Go(func() error { return s.Control(ctx) })
	cars := &errgroup.Group{}
	if c.Traffic {
		cars = c.drive(ctx, hurry, s, d, slog.New(slog.NewTextHandler(log, nil)))
	}
	// Until the interrupt, or a program that does not stay up.
	failure := s.Keep(ctx, func(line string) { _, _ = fmt.Fprintln(e.out, line) })
	end()
	if err := control.Wait(); err != nil {
		_, _ = fmt.Fprintln(e.errs, "Parts could not be turned off and on:", err)
	}
	if failure != nil {
		hurried()
		return errors.Join(failure, cars.Wait())
	}
	_, _ = fmt.Fprintln(e.out, "\nThe cars at the gates drive on, then everything stops. Ctrl-C again stops at once.")
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	go func() {
		select {
		case <-again:
			hurried()
		case <-hurry.Done():
		}
	}()
	err = cars.Wait()
	_, _ = fmt.Fprintln(e.out, "Stopping edges, twins, and the cloud.")
	return err
}

// drive starts the traffic of every live parking.
func (c *runCmd) drive(ctx, hurry context.Context, s *stack.Stack, d data, log *slog.Logger) *errgroup.Group {
	var cars errgroup.Group
	web := client.NewHTTP()
	for _, site := range s.Sites {
		seed := fnv.New64a()
		_, _ = seed.Write([]byte(site.Parking))
		t := traffic.Site{
			Parking: site.Parking, Capacity: d.parks.capacity[site.Parking], Curve: d.curves[site.Parking],
			Cloud: &client.Cloud{URL: s.URL(), HTTP: web}, Twin: &client.Twin{URL: site.TwinURL, HTTP: web},
			File: filepath.Join(site.Dir, "cars.json"), Seed: seed.Sum64(), Log: log,
		}
		cars.Go(func() error { return t.Drive(ctx, hurry) })
	}
	return &cars
}

// welcome says where to look.
func (c *runCmd) welcome(out io.Writer, s *stack.Stack, d data, o owner) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(what, where string) { _, _ = fmt.Fprintf(w, "  %s\t%s\n", what, where) }
	line("parkings with live counts; reserve, get the pass", s.URL()+"/")
	if o.Secret != "" {
		line("owner's dashboard; sign in as "+o.Email+", password "+o.Password, s.URL()+"/owner/")
		line("its second factor", strings.Join(append([]string{"bin/devstack code"}, c.elsewhere()...), " "))
	}
	line("mail that would have been sent", s.URL()+"/dev/mail")
	line("the sandbox payment provider's own books", s.URL()+"/dev/sandbox")
	line("API description", s.URL()+"/docs")
	line("metrics", "http://"+c.Admin+"/metrics")
	for n, site := range s.Sites {
		if n == named {
			line(fmt.Sprintf("and %d more twins, from", len(s.Sites)-n), site.TwinURL+"/")
			break
		}
		line("twin: drive up to a gate of "+site.Parking, site.TwinURL+"/")
		line("its kiosk; coins by POST to /kiosk/sim/insert?value=200; staff "+stack.KioskStaff+", PIN "+stack.KioskPIN, "http://"+c.edgeAddr(n)+"/kiosk/")
	}
	_ = w.Flush() // into memory
	_, _ = fmt.Fprintf(out, `
Openlot runs: %d car parks, %d of them live%s.

%s
Everything is kept in %s; logs are in %s.
No money moves: the page offers test cards, which the API calls pm_sandbox_ok, pm_sandbox_declined and so on.
Ctrl-C stops it all.
`, len(d.parks.ids), len(s.Sites), map[bool]string{true: ", where cars come and go as recorded"}[c.Traffic], b.String(), c.Dir, filepath.Join(c.Dir, "log"))
}

// elsewhere are the flags that name the folder, if it is not the usual one.
func (c *runCmd) elsewhere() []string {
	if usual, err := filepath.Abs("var"); err == nil && usual == c.Dir {
		return nil
	}
	return []string{"--dir", c.Dir}
}

func openLog(file string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
}
