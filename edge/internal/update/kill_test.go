package update

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// killEnv tells a child of this test to install an update and to be killed at a
// step: data directory, manifest, file of keys, number of the step, and what to
// do: install, or switch as the running agent does.
const killEnv = "OPENLOT_TEST_KILL_INSTALL"

func TestMain(m *testing.M) {
	if spec := os.Getenv(killEnv); spec != "" {
		child(strings.Split(spec, ","))
		return
	}
	os.Exit(m.Run())
}

func child(spec []string) {
	data, manifest, keyFile := spec[0], spec[1], spec[2]
	left, _ := strconv.Atoi(spec[3])
	text, err := os.ReadFile(keyFile)
	if err != nil {
		panic(err)
	}
	keys, err := ParseKeys(string(text))
	if err != nil {
		panic(err)
	}
	tree := In(data)
	tree.step = func(name string) {
		if left--; left < 0 {
			_, _ = fmt.Fprintln(os.Stdout, name)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	i := Installer{
		Tree: tree, Keys: keys, Factory: "v1.0.0", Fetch: NewFetcher(),
		Machine: Machine{OS: "linux", Arch: "amd64", Version: "v1.0.0", Store: formats},
	}
	if err := i.Now(); err != nil {
		panic(err)
	}
	if _, err := i.Install(context.Background(), manifest); err != nil {
		panic(err)
	}
	os.Exit(42) // came to the end
}

// An installation that is killed at any of its steps leaves what was there
// before, or the new version complete; and it can be done again.
func TestKilledAtEachStepOfInstalling(t *testing.T) {
	for _, from := range []string{"the factory version", "an installed version"} {
		t.Run(from, func(t *testing.T) {
			steps, news := map[string]bool{}, 0
			for n := range 100 {
				d, data := newDepot(t), t.TempDir()
				want := Factory
				if from != "the factory version" {
					want = "one"
					if _, err := d.installer(data).Install(t.Context(), d.publish("v1.1.0", "one", nil)); err != nil {
						t.Fatal(err)
					}
					if now := d.starts(data, "v1.0.0"); now != "one" {
						t.Fatal(now)
					}
					name, _ := In(data).link("current")
					d.confirm(data, name)
				}
				manifest := d.publish("v1.2.0", "two", nil)
				keyFile := filepath.Join(d.dir, "keys")
				d.write(keyFile, fmt.Sprintf("%x\n", d.key.Public().Public))
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), killEnv+"="+strings.Join([]string{data, manifest, keyFile, strconv.Itoa(n)}, ","))
				out, err := cmd.CombinedOutput()
				if cmd.ProcessState.ExitCode() == 42 {
					if n < 15 || news == 0 || now(d, data) != "two" {
						t.Fatalf("%d steps, %d with the new version", n, news)
					}
					t.Logf("killed at %d steps: %v", n, len(steps))
					return
				}
				if cmd.ProcessState.ExitCode() != -1 {
					t.Fatalf("step %d: %v %s", n, err, out)
				}
				step := strings.TrimSpace(string(out))
				steps[step] = true
				switch got := now(d, data); got {
				case want:
					// Nothing happened as far as a start can see. It works the second time.
					if _, err := d.installer(data).Install(t.Context(), manifest); err != nil {
						t.Fatalf("again after %q: %v", step, err)
					}
					if got := now(d, data); got != "two" {
						t.Fatalf("again after %q: %q starts", step, got)
					}
				case "two":
					news++
				default:
					t.Fatalf("killed at %q: %q starts", step, got)
				}
				if got := now(d, data); got != want {
					t.Fatalf("killed at %q: a version that was not confirmed is gone back from to %q, not %q", step, got, want)
				}
			}
			t.Fatal("it has no end")
		})
	}
}

func now(d *depot, data string) string { return d.starts(data, "v1.0.0") }

// A start that is killed while it chooses has not tried the new version, or
// counts as its one try; it never goes around.
func TestKilledWhileChoosing(t *testing.T) {
	d, data := newDepot(t), t.TempDir()
	if _, err := d.installer(data).Install(t.Context(), d.publish("v1.1.0", "one", nil)); err != nil {
		t.Fatal(err)
	}
	tries := 0
	for range 8 {
		tree := In(data)
		died := func() (died bool) {
			defer func() { died = recover() != nil }()
			tree.step = func(name string) {
				if name == "try" {
					panic("killed") // after the mark, before the start
				}
			}
			return tree.Choose(d.keys, "v1.0.0", discard()) == "never"
		}()
		if died {
			tries++
		}
	}
	if tries != 1 || now(d, data) != Factory {
		t.Errorf("tried %d times; %q starts", tries, now(d, data))
	}
}
