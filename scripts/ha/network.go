package ha

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/openlot/openlot/scripts/stack"
)

// insideVar says to a process that it has a network of its own; see Isolate.
const insideVar = "HA_NETWORK"

// The network of machines: everything is in 10.77.0.0/16, we are its first address and
// its router.
const (
	us      = "10.77.0.1"
	subnet  = "10.77.0.0/16"
	folders = "/run/netns" // where ip keeps what it names
)

// Inside reports whether this process has a network of its own, in which machines can
// be cut off from each other.
func Inside() bool { return os.Getenv(insideVar) != "" }

// network gives each machine a name space with an address, all of them joined by us. A
// machine is cut off from another by a rule of ours that drops what goes between the
// two without a word, as a broken switch does: nobody is told, connections stay open.
type network struct{ rules int }

// machines is who has an address, and which.
type machines map[string]string

// newNetwork makes the machines. They vanish with the name space of this process.
func newNetwork(ctx context.Context, all machines) (*network, error) {
	if err := os.MkdirAll(folders, 0o755); err != nil {
		return nil, err
	}
	if err := hideNames(folders); err != nil {
		return nil, fmt.Errorf("hide the names of networks: %w", err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return nil, err
	}
	if err := ip(ctx, "link set lo up"); err != nil {
		return nil, err
	}
	n := 0
	for name, addr := range all {
		n++
		wire := "v" + strconv.Itoa(n)
		for _, do := range []string{
			"netns add " + name,
			"link add " + wire + " type veth peer name eth0 netns " + name,
			"addr add " + us + "/32 dev " + wire,
			"link set " + wire + " up",
			"route add " + addr + "/32 dev " + wire,
			"-n " + name + " link set lo up",
			"-n " + name + " addr add " + addr + "/32 dev eth0",
			"-n " + name + " link set eth0 up",
			"-n " + name + " route add " + us + "/32 dev eth0",
			"-n " + name + " route add default via " + us + " src " + addr,
		} {
			if err := ip(ctx, do); err != nil {
				return nil, err
			}
		}
	}
	return &network{}, nil
}

func ip(ctx context.Context, args string) error {
	if out, err := exec.CommandContext(ctx, "ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, out)
	}
	return nil
}

// through stands before the arguments of a program that runs on a machine, as the user
// of cred if that is not nil.
func (*network) through(machine string, cred *syscall.Credential) []string {
	argv := []string{"nsenter", "--net=" + filepath.Join(folders, machine), "--"}
	if cred != nil {
		argv = append(argv, "setpriv", "--reuid", strconv.Itoa(int(cred.Uid)), "--regid", strconv.Itoa(int(cred.Gid)), "--clear-groups", "--pdeathsig", "TERM", "--")
	}
	return argv
}

// cut drops what goes between some addresses and others, until heal is called, which
// can be done twice.
func (n *network) cut(ctx context.Context, some, others []string) (heal func() error, err error) {
	var rules []string
	for _, a := range some {
		for _, b := range others {
			rules = append(rules, "from "+a+" to "+b+" blackhole", "from "+b+" to "+a+" blackhole")
		}
	}
	n.rules++
	priority := " priority " + strconv.Itoa(n.rules)
	heal = func() error {
		var errs []error
		for _, r := range rules {
			errs = append(errs, ip(context.WithoutCancel(ctx), "rule del "+r+priority))
		}
		rules = nil
		return errors.Join(errs...)
	}
	for i, r := range rules {
		if err := ip(ctx, "rule add "+r+priority); err != nil {
			rules = rules[:i]
			return heal, errors.Join(err, heal())
		}
	}
	return heal, nil
}

// spawn runs a program on a machine until Stop or Kill. All share the processors that there
// are. A database and who chooses its leader have machines of their own in earnest, whose
// leases do not run out because clients keep a processor busy: they go first.
func (c *Cluster) spawn(machine, name string, cred *syscall.Credential, env []string, argv ...string) (*stack.Process, error) {
	if c.network == nil {
		return stack.Spawn(name, c.logs(), cred, env, argv...)
	}
	argv = append(c.network.through(machine, cred), argv...)
	if strings.HasPrefix(machine, "etcd") || strings.HasPrefix(machine, "pg") {
		argv = append([]string{"nice", "-n", "-5"}, argv...)
	}
	return stack.Spawn(name, c.logs(), nil, env, argv...)
}

// Isolate runs this program again, with the same arguments and dir, in a network of its
// own. What has to come from elsewhere is got before. Only root on Linux can; ErrCannot
// is returned otherwise.
func Isolate(ctx context.Context, dir string) error {
	for _, tool := range []string{"ip", "nsenter", "setpriv"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %w", ErrCannot, err)
		}
	}
	attr, err := ownNetwork()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if _, err := unpack(ctx, dir); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, append(slices.Clone(os.Args[1:]), "--dir", dir)...) //nolint:gosec // ourselves, as we were called
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.SysProcAttr = attr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it stops what it has started
	return cmd.Run()
}

// ErrCannot says that machines cannot be cut off from each other here.
var ErrCannot = errors.New("no network of one's own can be made here (root on Linux with iproute2 can)")
