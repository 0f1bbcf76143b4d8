package devpg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/openlot/openlot/protocol/fault"
)

// MinMajor is the oldest Postgres that Openlot runs on.
const MinMajor = 15

// Codes of the faults that callers can tell apart.
const (
	CodeMissing   = "postgres_missing"       // no Postgres on this machine
	CodeTooOld    = "postgres_too_old"       // only versions below MinMajor
	CodeVersion   = "postgres_wrong_version" // the data needs another major version
	CodeInUse     = "postgres_dir_in_use"    // another process holds the directory
	CodeNotOurs   = "postgres_dir_not_ours"  // another user's directory stands where ours must be
	CodeNoUser    = "postgres_no_user"       // root, and no user to run Postgres as
	CodeStart     = "postgres_start"         // it was there, and did not come up
	CodeNoInstall = "postgres_install"       // the package manager failed
)

// Binaries is one Postgres installation.
type Binaries struct {
	Dir     string // holds initdb and postgres
	Major   int    // 15, 16, …
	Version string // "15.18"
}

func (b Binaries) path(tool string) string { return filepath.Join(b.Dir, tool) }

// Find returns the installation that a new cluster would use: the first on PATH
// or in pg_config's directory that is new enough, else the newest in the places
// where packages put it. With dirs it looks there and nowhere else.
func Find(ctx context.Context, dirs ...string) (Binaries, error) {
	return choose(ctx, dirs, 0)
}

// choose is Find for data that insists on a major version; 0 accepts any that
// is new enough.
func choose(ctx context.Context, dirs []string, major int) (Binaries, error) {
	if len(dirs) == 0 {
		dirs = usualDirs(ctx)
	}
	var seen []string
	for _, dir := range dirs {
		b, ok := inspect(ctx, dir)
		if !ok {
			continue
		}
		seen = append(seen, b.Version+" in "+b.Dir)
		if b.Major >= MinMajor && (major == 0 || b.Major == major) {
			return b, nil
		}
	}
	found := strings.Join(seen, ", ")
	switch {
	case len(seen) == 0:
		return Binaries{}, fault.New(fault.Unavailable, CodeMissing, "No Postgres found on this machine. "+installHint())
	case major != 0:
		return Binaries{}, fault.Newf(fault.Unavailable, CodeVersion,
			"The data was made by Postgres %d; found only %s. Install Postgres %d, or move the data away to start afresh.", major, found, major)
	default:
		return Binaries{}, fault.Newf(fault.Unavailable, CodeTooOld,
			"Postgres %d or newer is needed; found only %s. %s", MinMajor, found, installHint())
	}
}

// usualDirs lists where installations are, best first.
func usualDirs(ctx context.Context) []string {
	var dirs []string
	if p, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(p))
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // the PGDG packages for Fedora and Red Hat
		filepath.Join(os.Getenv("HOMEBREW_PREFIX"), "opt/postgresql@*/bin"),
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		if !filepath.IsAbs(pattern) { // HOMEBREW_PREFIX is not set
			continue
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a malformed pattern can fail
		}
		slices.SortFunc(found, func(a, b string) int { return lastNumber(b) - lastNumber(a) })
		dirs = append(dirs, found...)
	}
	return dirs
}

var (
	numberPattern  = regexp.MustCompile(`\d+`)
	versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[^\s)]*)`)
)

// lastNumber reads the version out of a path such as /usr/lib/postgresql/16/bin.
func lastNumber(path string) int {
	all := numberPattern.FindAllString(path, -1)
	if len(all) == 0 {
		return 0
	}
	n, err := strconv.Atoi(all[len(all)-1])
	if err != nil {
		return 0
	}
	return n
}

// inspect asks the server program in dir what it is.
func inspect(ctx context.Context, dir string) (Binaries, bool) {
	// initdb on PATH is often a link; its server lies beside the target.
	if p, err := filepath.EvalSymlinks(filepath.Join(dir, "initdb")); err == nil {
		dir = filepath.Dir(p)
	}
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, false
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return Binaries{}, false
	}
	major, err := strconv.Atoi(string(m[2]))
	if err != nil {
		return Binaries{}, false
	}
	return Binaries{Dir: dir, Major: major, Version: string(m[1])}, true
}

// installHint is the one line that says what to type.
func installHint() string {
	cmd := "your system's package manager (the package is usually called postgresql or postgresql-server)"
	if runtime.GOOS == "darwin" {
		cmd = fmt.Sprintf("brew install %s", brewFormula)
	} else if _, err := exec.LookPath("apt-get"); err == nil {
		cmd = "sudo apt-get install postgresql"
	}
	return "Install it with: " + cmd
}
