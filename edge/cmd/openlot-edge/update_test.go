package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/openlot/openlot/edge/internal/store"
	"github.com/openlot/openlot/edge/internal/update"
	"github.com/openlot/openlot/firmware-bridge/twin"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

// publisher signs updates.
type publisher struct {
	t    *testing.T
	key  pass.SigningKey
	file string // of public keys
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%x\n", key.Public().Public), 0o600); err != nil {
		t.Fatal(err)
	}
	return &publisher{t, key, file}
}

// publish signs a program as a version, and returns the manifest's path.
func (p *publisher) publish(version, program string) string {
	p.t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		p.t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	writes, oldest, newest := store.Formats()
	signed, err := update.Manifest{
		Version: version, OS: runtime.GOOS, Arch: runtime.GOARCH, File: filepath.Base(program), Size: int64(len(content)),
		SHA256: hex.EncodeToString(sum[:]), Store: update.Formats{Writes: writes, Oldest: oldest, Newest: newest},
	}.Sign(p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(program+".update", signed, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return program + ".update"
}

// Real programs under a service manager: a version that crashes, one that hangs
// and one that is killed early are left for the one before; one that works is
// kept; and each of them can read what the others have journalled.
func TestAnUpdateStaysOnlyIfItWorks(t *testing.T) {
	factory, next := build(t, "v1.0.0"), build(t, "v1.1.0")
	p, s := newPublisher(t), newSite(t)
	s.walkins(100)
	trust := []string{"--data-dir", s.data, "--update-keys", p.file}
	m := newManager(t, append(append([]string{factory, "launch"}, trust...), append(s.args, "--update-confirm-after", "3s")...)...)
	install := func(manifest string) string {
		t.Helper()
		out, err := exec.Command(factory, append(append([]string{"update"}, trust...), manifest)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	runs := func(want string) {
		t.Helper()
		if !m.start() {
			t.Fatalf("%s is not ready", want)
		}
		if got := m.software(); got != want {
			t.Fatalf("%s runs, want %s", got, want)
		}
	}
	through := func() {
		t.Helper()
		if v := s.drive("entry-1", ""); v.Outcome != twin.Passed {
			t.Fatalf("a walk-in: %+v", v)
		}
	}

	runs("v1.0.0")
	s.timed()
	through()

	// One that crashes at its start.
	crash := filepath.Join(t.TempDir(), "crash")
	if err := os.WriteFile(crash, []byte("#!/bin/sh\necho agent started crashing >&2\nexit 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := install(p.publish("v1.0.1", crash)); !strings.Contains(out, "no vehicle") {
		t.Fatalf("said %q", out)
	}
	m.ended() // by itself, when the lanes had been empty
	if m.start() {
		t.Fatal("a program that crashes is ready")
	}
	m.now.logged("agent started crashing")
	runs("v1.0.0")
	through()

	// One that works at first and then hangs.
	install(p.publish("v1.1.0", next))
	m.ended()
	runs("v1.1.0")
	if err := m.now.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	m.ended()
	runs("v1.0.0")
	through()

	// The same again, killed before it has shown anything; then it may stay.
	install(p.publish("v1.1.0", next))
	m.ended()
	runs("v1.1.0")
	through()
	_ = m.now.cmd.Process.Kill()
	<-m.now.done
	runs("v1.0.0")
	install(p.publish("v1.1.0", next))
	m.ended()
	runs("v1.1.0")
	m.now.logged("has shown that it works")
	through()
	_ = m.now.cmd.Process.Kill()
	<-m.now.done
	runs("v1.1.0")
	s.applied(wire.Entered, 5)
	m.now.stop()
}
