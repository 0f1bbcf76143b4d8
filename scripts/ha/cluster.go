package ha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/scripts/stack"
)

// startLimit bounds the start of any part.
const startLimit = 90 * time.Second

// rejoinLimit bounds how long a Postgres takes to follow again. One that was deposed
// rewinds first, while drivers are served by the other: only its disk has to hurry.
const rejoinLimit = 3 * time.Minute

// drain is how long an instance goes on when it is asked to end: a quarter of it is
// more than the balancer takes to see that it is not ready.
const drain = "4s"

// Config says what to run.
type Config struct {
	Bin      string   // folder of openlot, openlot-edge, openlot-board and nats-server
	Dir      string   // everything is kept below it; the user postgres must be able to enter
	CarParks string   // GeoJSON to import
	Live     []string // parkings that get an edge and a twin
	Say      func(string)
}

// Cluster is all of it, running.
type Cluster struct {
	cfg      Config
	layout   layout
	tools    tools
	network  *network            // nil: all is on the loopback
	postgres *syscall.Credential // whom Postgres runs as; nil: us

	Etcd, Databases, NATS, Clouds []*member
	Balancer                      *member
	sales                         func() int // what drivers were told of so far; set under load
	Sites                         []*stack.Site
}

// URL is the balancer.
func (c *Cluster) URL() string { return "http://" + c.layout.balancer }

// Start starts everything and returns when all of it answers. On failure what was
// started is stopped.
func Start(ctx context.Context, cfg Config) (_ *Cluster, err error) {
	c := &Cluster{cfg: cfg}
	defer func() {
		if err != nil {
			c.Stop()
		}
	}()
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.Chmod(cfg.Dir, 0o755); err != nil { // the user postgres must come through
		return nil, err
	}
	if c.layout, err = newLayout(ctx, len(cfg.Live), Inside()); err != nil {
		return nil, err
	}
	if len(c.layout.at) > 0 {
		if c.network, err = newNetwork(ctx, c.layout.at); err != nil {
			return nil, err
		}
	}
	if c.postgres, err = unprivileged(); err != nil {
		return nil, err
	}
	cfg.Say("unpacking patroni, etcd and haproxy")
	if c.tools, err = unpack(ctx, cfg.Dir); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		say string
		do  func(context.Context) error
	}{
		{"starting etcd", c.startEtcd},
		{"starting Postgres: a primary, a synchronous standby, a read replica", c.startPostgres},
		{"making the database", c.makeDatabase},
		{"starting the broker", c.startNATS},
		{"starting the balancer and three instances", c.startClouds},
		{"starting the edges", c.linkSites},
	} {
		cfg.Say(step.say)
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.say, err)
		}
	}
	return c, nil
}

// Stop ends everything, what depends on others first.
func (c *Cluster) Stop() {
	for _, s := range c.Sites {
		s.Stop()
	}
	for _, m := range c.Clouds {
		m.Stop()
	}
	if c.Balancer != nil {
		c.Balancer.Kill()
	}
	for _, all := range [][]*member{c.NATS, c.Databases, c.Etcd} {
		for _, m := range all {
			m.Stop()
		}
	}
}

func (c *Cluster) logs() string            { return filepath.Join(c.cfg.Dir, "log") }
func (c *Cluster) file(name string) string { return filepath.Join(c.cfg.Dir, name) }

func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("postgres does not run as root: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

// folder makes a folder that Postgres's user owns.
func (c *Cluster) folder(name string) (string, error) {
	dir := c.file(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dir, err
	}
	if c.postgres != nil {
		return dir, os.Chown(dir, int(c.postgres.Uid), int(c.postgres.Gid))
	}
	return dir, nil
}

// all starts members side by side.
func all(ctx context.Context, members []*member) error {
	failed := make(chan error, len(members))
	for _, m := range members {
		go func() { failed <- m.Start(ctx) }()
	}
	var err error
	for range members {
		err = errors.Join(err, <-failed)
	}
	return err
}

func (c *Cluster) startEtcd(ctx context.Context) error {
	var peers []string
	for n, p := range c.layout.etcdPeer {
		peers = append(peers, fmt.Sprintf("etcd%d=http://%s", n+1, p))
	}
	for n := range nodes {
		name, addr, peer := fmt.Sprintf("etcd%d", n+1), "http://"+c.layout.etcd[n], "http://"+c.layout.etcdPeer[n]
		c.Etcd = append(c.Etcd, &member{
			name: name,
			start: func(context.Context) (*stack.Process, error) {
				return c.spawn(name, name, nil, nil, c.tools.program("bin/etcd"), "--enable-v2", "--name", name, "--data-dir", c.file(name),
					"--listen-client-urls", addr, "--advertise-client-urls", addr, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
					"--initial-cluster", strings.Join(peers, ","), "--initial-cluster-state", "new", "--heartbeat-interval", "100", "--election-timeout", "1000")
			},
			ready: answers(addr + "/health"),
		})
	}
	return all(ctx, c.Etcd)
}

func (c *Cluster) startPostgres(ctx context.Context) error {
	for n := range nodes {
		dir, err := c.folder(pgName(n))
		if err != nil {
			return err
		}
		config, err := c.layout.patroniConfig(n, c.tools.pg, dir)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, "patroni.json")
		if err := os.WriteFile(file, config, 0o600); err != nil {
			return err
		}
		if c.postgres != nil {
			if err := os.Chown(file, int(c.postgres.Uid), int(c.postgres.Gid)); err != nil {
				return err
			}
		}
		c.Databases = append(c.Databases, &member{
			name: pgName(n),
			start: func(context.Context) (*stack.Process, error) {
				return c.spawn(pgName(n), pgName(n), c.postgres, append(c.tools.python(), "HOME="+dir), "/usr/bin/python3", c.tools.program("bin/patroni"), file)
			},
			ready: answers("http://" + c.layout.patroni[n] + "/health"),
			dies:  func() { killServer(dir) },
		})
	}
	return all(ctx, c.Databases)
}

// killServer ends a Postgres that its Patroni has left behind; a machine that dies
// takes both.
func killServer(dir string) {
	if pid := serverPID(dir); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // or it has ended
	}
}

// Primary is the number of the Postgres that leads.
func (c *Cluster) Primary(ctx context.Context) (int, error) {
	for n, addr := range c.layout.patroni {
		if answers("http://"+addr+"/primary")(ctx) == nil {
			return n, nil
		}
	}
	return 0, errors.New("no Postgres leads")
}

// Synchronous returns when the primary has its standby, and the replica follows.
func (c *Cluster) Synchronous(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.layout.dsn("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // only read
	var sync, async int
	err = conn.QueryRow(ctx, `select count(*) filter (where sync_state = 'sync'), count(*) filter (where sync_state = 'async')
		from pg_stat_replication where state = 'streaming'`).Scan(&sync, &async)
	if err == nil && (sync != 1 || async != 1) {
		err = fmt.Errorf("%d synchronous standbys and %d replicas follow", sync, async)
	}
	return err
}

func (c *Cluster) makeDatabase(ctx context.Context) error {
	if err := await(ctx, startLimit, c.Synchronous); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, c.layout.dsn("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // everything was answered
	for _, sql := range []string{
		"create role " + owner + " login createrole password '" + c.layout.password + "'",
		"create database " + database + " owner " + owner,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	// A standby that has not heard of the database yet answers that there is none, and
	// who asks it first asks nobody else.
	if err := await(ctx, startLimit, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, c.layout.dsn(owner, database))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}); err != nil {
		return err
	}
	for _, args := range [][]string{{"migrate"}, {"import", c.cfg.CarParks}} {
		if _, err := c.openlot(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// openlot runs one of the program's commands on the database.
func (c *Cluster) openlot(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.cfg.Bin, "openlot"), args...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+c.layout.dsn(owner, database), "OPENLOT_DATA_DIR="+c.file("tools"))
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("openlot %s: %w: %s", args[0], err, errOut.String())
	}
	return out, nil
}

func (c *Cluster) startNATS(ctx context.Context) error {
	var edges []edgeLogin
	for _, p := range c.cfg.Live {
		b, err := c.openlot(ctx, "enroll", p)
		if err != nil {
			return err
		}
		var e edgeLogin
		if err := json.Unmarshal(b, &e); err != nil {
			return err
		}
		edges = append(edges, e)
		dir := c.siteDir(p)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(e.Secret), 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "edge-id"), []byte(e.Edge), 0o600); err != nil {
			return err
		}
	}
	for n := range nodes {
		name := fmt.Sprintf("nats%d", n+1)
		config, err := c.layout.natsConfig(n, c.file(name), edges)
		if err != nil {
			return err
		}
		file := c.file(name + ".conf")
		if err := os.WriteFile(file, config, 0o600); err != nil {
			return err
		}
		c.NATS = append(c.NATS, &member{
			name: name,
			start: func(context.Context) (*stack.Process, error) {
				return c.spawn(name, name, nil, nil, filepath.Join(c.cfg.Bin, "nats-server"), "-c", file)
			},
			ready: answers("http://" + c.layout.natsHTTP[n] + "/healthz"),
		})
	}
	return all(ctx, c.NATS)
}

func (c *Cluster) siteDir(parking string) string { return filepath.Join(c.cfg.Dir, "edges", parking) }

func (c *Cluster) startClouds(ctx context.Context) error {
	socket, config := c.file("haproxy.sock"), c.file("haproxy.cfg")
	if err := os.WriteFile(config, []byte(c.layout.haproxyConfig(socket)), 0o600); err != nil {
		return err
	}
	c.Balancer = &member{
		name: "haproxy",
		start: func(context.Context) (*stack.Process, error) {
			return c.spawn("balancer", "haproxy", nil, c.tools.libraries(), c.tools.program("sbin/haproxy"), "-db", "-f", config)
		},
		ready: func(ctx context.Context) error {
			conn, err := dial(ctx, c.layout.balancer)
			if err != nil {
				return err
			}
			return conn.Close()
		},
	}
	if err := c.Balancer.Start(ctx); err != nil {
		return err
	}
	for n := range instances {
		name := fmt.Sprintf("cloud%d", n+1)
		c.Clouds = append(c.Clouds, &member{
			name: name,
			start: func(context.Context) (*stack.Process, error) {
				return c.spawn(name, name, nil, c.cloudEnv(), filepath.Join(c.cfg.Bin, "openlot"), "serve", "--data-dir", c.file(name),
					"--http", c.layout.cloud[n], "--admin", c.layout.admin[n], "--public-url", c.URL(), "--drain", drain, "--trusted-proxies", c.layout.proxy(), "--caller-rate", "0") // all drivers of the drill are one caller
			},
			ready: answers("http://" + c.layout.cloud[n] + "/readyz"),
		})
	}
	return all(ctx, c.Clouds)
}

func (c *Cluster) cloudEnv() []string {
	return []string{"DATABASE_URL=" + c.layout.dsn(owner, database), "OPENLOT_MQTT_URL=" + c.layout.mqttURL(), "OPENLOT_REPLICA_URL=" + c.layout.replicaDSN()}
}

func (c *Cluster) linkSites(ctx context.Context) error {
	for n, p := range c.cfg.Live {
		edge, err := os.ReadFile(filepath.Join(c.siteDir(p), "edge-id"))
		if err != nil {
			return err
		}
		var through []string
		if c.network != nil {
			through = c.network.through(siteName(n), nil)
		}
		site, err := stack.StartSite(ctx, stack.SiteConfig{
			Through: through,
			Bin:     c.cfg.Bin, Dir: c.siteDir(p), Logs: c.logs(), Parking: p, Timezone: "Europe/Berlin", EdgeID: string(edge),
			Broker: "tcp://" + c.layout.mqtt, EdgeHTTP: c.layout.edge[n], TwinHTTP: c.layout.twin[n], Speed: 10,
		})
		c.Sites = append(c.Sites, site)
		if err != nil {
			return err
		}
	}
	for _, s := range c.Sites {
		if err := s.WaitLinked(ctx); err != nil {
			return err
		}
	}
	return nil
}

// answers asks an address that says 200 when it is ready.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error { return get(ctx, url, nil) }
}
