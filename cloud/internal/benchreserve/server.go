package benchreserve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/openlot/openlot/cloud/internal/devpg"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/benchref"
)

const database = "bench"

// server is the private Postgres of a run.
type server struct {
	cluster *devpg.Cluster
	dsn     string
	dir     string
	bin     devpg.Binaries
}

func settings() map[string]string {
	return map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "wal_level": "replica",
	}
}

// startServer makes a cluster in an empty folder that its user can enter.
func startServer(ctx context.Context, log *slog.Logger) (*server, error) {
	dir, err := os.MkdirTemp("/var/tmp", "openlot-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if err := s.start(ctx, log); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) start(ctx context.Context, log *slog.Logger) error {
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	var err error
	if s.bin, err = devpg.Find(ctx); err != nil {
		return err
	}
	if s.cluster, err = devpg.Start(ctx, devpg.Config{Dir: filepath.Join(s.dir, "primary"), Settings: settings()}); err != nil {
		return err
	}
	if err := s.cluster.EnsureDatabase(ctx, database); err != nil {
		return err
	}
	s.dsn = s.cluster.DSN(database)
	return postgres.Migrate(ctx, s.dsn, log)
}

func (s *server) stop() error {
	var err error
	if s.cluster != nil {
		err = s.cluster.Stop()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// standby copies the server and starts the copy, which follows it.
func (s *server) standby(ctx context.Context) (*devpg.Cluster, error) {
	copier, err := tool(s.bin, "pg_basebackup")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s.dsn)
	if err != nil {
		return nil, err
	}
	home := filepath.Join(s.dir, "standby")
	data := filepath.Join(home, "data")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, copier, "-h", u.Query().Get("host"), "-p", "5432", "-U", "postgres",
		"-D", data, "-R", "-X", "stream", "--checkpoint=fast").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w: %s", err, tail(out))
	}
	if err := sameOwner(filepath.Join(s.dir, "primary", "data"), data); err != nil {
		return nil, err
	}
	copied, err := devpg.Start(ctx, devpg.Config{Dir: home, Settings: settings()})
	if err != nil {
		return nil, err
	}
	for range 300 {
		state, err := benchref.Text(ctx, s.dsn, "select string_agg(state, ',') from pg_stat_replication")
		if err == nil && state == "streaming" {
			return copied, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), copied.Stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil, errors.Join(errors.New("the standby does not follow"), copied.Stop())
}

// sameOwner gives a tree to the owner of another, when we are root.
func sameOwner(model, tree string) error {
	st, err := os.Stat(model)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return filepath.WalkDir(tree, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(sys.Uid), int(sys.Gid)) //nolint:gosec // the folder is ours, and nobody else writes to it
	})
}
