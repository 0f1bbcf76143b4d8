package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/openlot/openlot/cloud/internal/devpg"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
)

// Runtime is what a running openlot serve writes into its data directory, so
// that the other commands find it.
type Runtime struct {
	PID         int    `json:"pid"`
	DatabaseURL string `json:"database_url"`
	HTTP        string `json:"http"`
	Admin       string `json:"admin"`
	MQTT        string `json:"mqtt"`
}

const runtimeFile = "runtime.json"

func writeRuntime(dir string, r Runtime) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	// Written aside and renamed: a reader never sees half of it.
	tmp := filepath.Join(dir, runtimeFile+".new")
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, runtimeFile))
}

func readRuntime(dir string) (r Runtime, err error) {
	b, err := os.ReadFile(filepath.Join(dir, runtimeFile))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

// An embedded cluster is in clusterDir of the data directory, the database in it
// is databaseName.
const (
	clusterDir   = "pg"
	databaseName = "openlot"
)

// database is a Postgres to work on.
type database struct {
	dsn     string
	cluster *devpg.Cluster // nil when it is not ours
	log     *slog.Logger
}

// openDatabase finds the database: the one that url names, else a private
// cluster that is started below the directory.
func openDatabase(ctx context.Context, url, dir string, log *slog.Logger) (*database, error) {
	if url != "" {
		return &database{dsn: url}, nil
	}
	if _, err := devpg.Ensure(ctx, log); err != nil {
		return nil, err
	}
	cluster, err := devpg.Start(ctx, devpg.Config{Dir: filepath.Join(dir, clusterDir), Log: log})
	if err != nil {
		return nil, err
	}
	if err := cluster.EnsureDatabase(ctx, databaseName); err != nil {
		return nil, errors.Join(err, cluster.Stop())
	}
	return &database{dsn: cluster.DSN(databaseName), cluster: cluster, log: log}, nil
}

// run starts a private cluster again whenever it ends by itself.
func (d *database) run(ctx context.Context) error {
	if d.cluster == nil {
		<-ctx.Done()
		return nil
	}
	for {
		err := d.cluster.Wait(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is how it is told to stop
		}
		d.log.Error("Postgres is gone; starting it again", "component", "database", "err", err)
		if err := d.cluster.Restart(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("Postgres does not start", "component", "database", "err", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(restartPause):
			}
		}
	}
}

// restartPause is how long a cluster that does not start is left alone.
const restartPause = 2 * time.Second

// stop ends a private cluster.
func (d *database) stop() error {
	if d.cluster == nil {
		return nil
	}
	return d.cluster.Stop()
}

// CodeNoDatabase is the fault code of a data directory without a database.
const CodeNoDatabase = "no_database"

// Tools gives the commands beside serve a migrated database: that of a running
// server on the same data directory, or one that is started for them. A
// directory without a database is refused with CodeNoDatabase, because most
// likely its name is mistyped, unless one is to be created.
func Tools(ctx context.Context, url, dir string, create bool, log *slog.Logger) (_ *postgres.DB, stop func() error, err error) {
	if url == "" {
		r, err := readRuntime(dir)
		switch {
		case err == nil:
			if db, err := postgres.Open(ctx, r.DatabaseURL, log, postgres.Options{MaxConns: 4}); err == nil {
				return db, func() error { db.Close(); return nil }, nil
			}
			// The server is gone and left its file behind.
		case !errors.Is(err, fs.ErrNotExist):
			return nil, nil, fault.Wrap(err, fault.Invalid, "data_dir_unreadable", fmt.Sprintf("The data directory %s cannot be read.", dir))
		}
	}
	if _, err := os.Stat(filepath.Join(dir, clusterDir)); url == "" && !create && errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fault.Newf(fault.Invalid, CodeNoDatabase,
			"There is no database below %s. Name the --data-dir of openlot serve, or make one there with openlot migrate.", dir)
	}
	found, err := openDatabase(ctx, url, dir, log)
	if err != nil {
		return nil, nil, err
	}
	if err := migrate(ctx, found.dsn, log); err != nil {
		return nil, nil, errors.Join(err, found.stop())
	}
	db, err := postgres.Open(ctx, found.dsn, log, postgres.Options{MaxConns: 4})
	if err != nil {
		return nil, nil, errors.Join(err, found.stop())
	}
	return db, func() error { db.Close(); return found.stop() }, nil
}
