package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/update"
)

// trust is where updates are kept and who may sign them.
type trust struct {
	DataDir    string `help:"Directory of the store; updates are kept below it." default:"/var/lib/openlot-edge" env:"OPENLOT_EDGE_DATA_DIR" placeholder:"DIR"`
	UpdateKeys string `help:"File with the public keys that may sign updates, 64 hexadecimal digits a line." default:"/etc/openlot/update-keys" env:"OPENLOT_EDGE_UPDATE_KEYS" placeholder:"FILE"`
}

func (t trust) keys() (update.Keys, error) {
	text, err := os.ReadFile(t.UpdateKeys)
	if err != nil {
		return update.Keys{}, fmt.Errorf("--update-keys: %w", err)
	}
	keys, err := update.ParseKeys(string(text))
	if err != nil {
		return update.Keys{}, usage("--update-keys %s: %v", t.UpdateKeys, err)
	}
	return keys, nil
}

type updateCmd struct {
	trust
	From string `arg:"" help:"The update's manifest: a file that the agent's user may read, or an https address. The program lies beside it." placeholder:"MANIFEST"`
}

// Run installs an update.
func (c *updateCmd) Run(ctx context.Context, stdout io.Writer, log *slog.Logger) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	if err := becomeOwner(c.DataDir); err != nil {
		return err
	}
	writes, oldest, newest := store.Formats()
	on := update.Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, ARM: armVersion(), Version: release(),
		Store: update.Formats{Writes: writes, Oldest: oldest, Newest: newest},
	}
	installer := update.Installer{Tree: update.In(c.DataDir), Keys: keys, Machine: on, Factory: release(), Fetch: update.NewFetcher()}
	if err := installer.Now(); err != nil {
		return err
	}
	done, err := installer.Install(ctx, c.From)
	if err != nil {
		return err
	}
	log.Info("update installed", "version", done.Version, "waits", done.Waiting)
	text := "is used from the next start on"
	if done.Waiting {
		text = "is used as soon as no vehicle is in a lane"
	}
	_, err = fmt.Fprintf(stdout, "%s is installed and %s.\n", done.Version, text)
	return err
}

// becomeOwner lets root go on as the owner of the data directory: what it would
// write there as root the agent could not change.
func becomeOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || s.Uid == 0 {
		return nil
	}
	err = errors.Join(syscall.Setgroups([]int{int(s.Gid)}), syscall.Setgid(int(s.Gid)))
	if err == nil {
		err = syscall.Setuid(int(s.Uid))
	}
	if err != nil {
		return fmt.Errorf("go on as the owner of %s: %w", dir, err)
	}
	return nil
}

type launchCmd struct {
	trust
	Args []string `arg:"" passthrough:"" help:"Command and flags of the version that runs, such as run --config FILE."`
}

// Run becomes the installed version, or this one if none is installed.
func (c *launchCmd) Run(log *slog.Logger) error {
	keys, err := c.keys()
	if err != nil {
		// Without keys nothing installed is trusted, and the gate works all the same.
		log.Error("no key is trusted to sign updates", "err", err)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	path := update.In(c.DataDir).Choose(keys, release(), log)
	if path == "" {
		path = exe
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	args := append([]string{"openlot-edge"}, c.Args...)
	err = syscall.Exec(path, args, os.Environ()) // it has just been checked against its signature
	if path == exe {
		return fmt.Errorf("start %s: %w", path, err)
	}
	// It counts as tried, so the next start goes back. Now the gate needs somebody.
	log.Error("the installed version cannot be started; the package's is", "path", path, "err", err)
	return syscall.Exec(exe, args, os.Environ())
}

// armVersion is the version of the ARM processor below a 32-bit program, as the
// kernel says; 6 when it does not say.
func armVersion() int {
	if runtime.GOARCH != "arm" {
		return 0
	}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return 6
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "CPU architecture" && strings.TrimSpace(value) >= "7" {
			return 7
		}
	}
	return 6
}
