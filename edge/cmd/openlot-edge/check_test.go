package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openlot/openlot/edge/internal/config"
	"github.com/openlot/openlot/protocol/id"
)

// nobody is a user without any rights.
const nobody = 65534

// build makes the program, in a directory that everybody may use.
func buildForAll(t *testing.T) (dir, program string) {
	t.Helper()
	dir = t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program = filepath.Join(dir, "openlot-edge")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir, program
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// The real program as a user who may do nothing: it names what and how to get it.
func TestCheckNamesTheGroupToJoin(t *testing.T) {
	dir, program := buildForAll(t)
	write(t, filepath.Join(dir, "secret"), "s3cret", 0o600)
	write(t, filepath.Join(dir, "ttyACM0"), "", 0o660)
	user := &syscall.Credential{Uid: nobody, Gid: nobody}
	group := os.Getgid()
	if os.Getuid() == 0 {
		group = 12345
		if err := os.Chown(filepath.Join(dir, "ttyACM0"), 0, group); err != nil {
			t.Fatal(err)
		}
	} else { // the files are ours, and closed to us
		user = nil
		for _, name := range []string{"secret", "ttyACM0"} {
			if err := os.Chmod(filepath.Join(dir, name), 0o040); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := filepath.Join(dir, "edge.yaml")
	write(t, file, fmt.Sprintf("parking: dresden-altmarkt\nedge_id: %s\nsecret_file: %s/secret\ndata_dir: /openlot-of-nobody\nmqtt: tcp://127.0.0.1:1\nboard: %s/ttyACM0\n",
		id.New[id.Edge](time.Now()), dir, dir), 0o644)
	cmd := exec.Command(program, "check", "--config", file, "--json")
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: user}
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("it ended with %v", err)
	}
	var problems []config.Problem
	if err := json.Unmarshal(out, &problems); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := map[config.Code]config.Problem{}
	for _, p := range problems {
		said[p.Code] = p
	}
	if p := said["port_denied"]; p.Line != 6 || p.File != file || !strings.Contains(p.Fix, fmt.Sprintf("usermod -aG %s", groupName(group))) {
		t.Errorf("the port: %+v", p)
	}
	if p := said["secret_unreadable"]; p.Line != 3 {
		t.Errorf("the secret: %+v", p)
	}
	if p := said["data_dir"]; p.Line != 4 {
		t.Errorf("the data directory: %+v", p)
	}
	if p := said["broker_unreachable"]; p.Severity != config.Warning {
		t.Errorf("the broker: %+v", p)
	}
}

func groupName(gid int) string {
	text, _ := os.ReadFile("/etc/group")
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == fmt.Sprint(gid) {
			return f[0]
		}
	}
	return fmt.Sprint(gid)
}

func TestCheckEndsWithWhatItFound(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "s3cret", 0o600)
	write(t, filepath.Join(dir, "port"), "", 0o600)
	args := func(more ...string) []string {
		return append([]string{
			"check", "--parking", "dresden-altmarkt", "--edge-id", id.New[id.Edge](time.Now()).String(), "--secret-file", filepath.Join(dir, "secret"),
			"--data-dir", dir, "--board", filepath.Join(dir, "port"), "--mqtt", "tcp://127.0.0.1:1",
		}, more...)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"warnings":       {args(), 1, "[broker_unreachable]"},
		"a wrong file":   {args("--lanes", "entry-1:in:0"), 2, "--lanes"},
		"a wrong port":   {args("--board", filepath.Join(dir, "nothing")), 2, "[port_missing]"},
		"a missing file": {args("--config", filepath.Join(dir, "nothing.yaml")), 2, "nothing.yaml"},
	} {
		var out bytes.Buffer
		if code := start(context.Background(), c.args, &out, io.Discard); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %d, %s", name, code, out.String())
		}
	}
}
