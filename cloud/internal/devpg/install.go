package devpg

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/openlot/openlot/protocol/fault"
)

const brewFormula = "postgresql@17"

// aptScript installs the newest server package of at least version $1. A
// Debian package would also create and start a cluster called main; we must not
// leave a server running that nobody asked for, so a drop-in forbids it while
// the script runs and is gone afterwards. Clusters and settings that exist
// already stay as they are.
const aptScript = `set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=120 update
pkg=$(apt-cache pkgnames postgresql- | sed -n 's/^postgresql-\([0-9][0-9]*\)$/\1/p' |
	sort -rn | while read -r v; do
		[ "$v" -ge "$1" ] || continue
		apt-cache policy "postgresql-$v" | grep -q 'Candidate: [0-9]' || continue
		echo "postgresql-$v"
		break
	done)
if [ -z "$pkg" ]; then
	echo "the package sources offer no Postgres $1 or newer" >&2
	exit 1
fi
dir=/etc/postgresql-common/createcluster.d
mkdir -p "$dir"
trap 'rm -f "$dir/openlot.conf"' EXIT
trap 'exit 1' HUP INT TERM
echo 'create_main_cluster = false' > "$dir/openlot.conf"
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$pkg"
`

// Ensure finds an installation and, when there is none, installs one with the
// system's package manager if that needs no questions asked: apt-get as root or
// with passwordless sudo, or Homebrew. Otherwise the fault says what to type.
func Ensure(ctx context.Context, log *slog.Logger) (Binaries, error) {
	b, err := Find(ctx)
	if code := fault.Code(err); code != CodeMissing && code != CodeTooOld {
		return b, err
	}
	argv := installer(ctx)
	if argv == nil {
		return Binaries{}, err
	}
	log.InfoContext(ctx, "installing Postgres; this happens once", "with", argv[0])
	if err := runInstaller(ctx, argv); err != nil {
		return Binaries{}, err
	}
	return Find(ctx)
}

// installer is the command that installs Postgres unattended, or nil.
func installer(ctx context.Context) []string {
	if runtime.GOOS == "darwin" {
		if _, err := exec.LookPath("brew"); err == nil {
			return []string{"brew", "install", brewFormula}
		}
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil
	}
	script := []string{"sh", "-c", aptScript, "openlot-install-postgres", strconv.Itoa(MinMajor)}
	if os.Geteuid() == 0 {
		return script
	}
	if exec.CommandContext(ctx, "sudo", "-n", "true").Run() == nil {
		return append([]string{"sudo", "-n"}, script...)
	}
	return nil
}

func runInstaller(ctx context.Context, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	return fault.Wrap(errors.Join(err, errors.New(lastLines(out, 15))), fault.Unavailable, CodeNoInstall,
		"Postgres could not be installed. "+installHint())
}

// lastLines keeps the end of a program's output, where the reason usually is.
func lastLines(out []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
