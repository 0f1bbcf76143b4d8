package update

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/pass"
)

var formats = Formats{Writes: 2, Oldest: 1, Newest: 2}

// depot is where updates come from, with a key.
type depot struct {
	t    testing.TB
	key  pass.SigningKey
	keys Keys
	dir  string
}

func newDepot(t testing.TB) *depot {
	t.Helper()
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeys("# ours\n" + hex.EncodeToString(key.Public().Public) + " # 2026\n")
	if err != nil {
		t.Fatal(err)
	}
	return &depot{t, key, keys, t.TempDir()}
}

// publish lays out a program and its manifest, and returns the manifest's path.
func (d *depot) publish(version, content string, change func(*Manifest)) string {
	d.t.Helper()
	sum := sha256.Sum256([]byte(content))
	m := Manifest{
		Version: version, OS: "linux", Arch: "amd64", File: "openlot-edge-" + version, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Store: formats,
	}
	if change != nil {
		change(&m)
	}
	signed, err := m.Sign(d.key)
	if err != nil {
		d.t.Fatal(err)
	}
	path := filepath.Join(d.dir, version+".update")
	d.write(path, string(signed))
	d.write(filepath.Join(d.dir, "openlot-edge-"+version), content)
	return path
}

func (d *depot) write(path, content string) {
	d.t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d *depot) installer(data string) Installer {
	i := Installer{
		Tree: In(data), Keys: d.keys, Factory: "v1.0.0", Fetch: NewFetcher(),
		Machine: Machine{OS: "linux", Arch: "amd64", Version: "v1.0.0", Store: formats},
	}
	if err := i.Now(); err != nil {
		d.t.Fatal(err)
	}
	return i
}

// starts is what the next start of the program would choose: a version, or
// Factory.
func (d *depot) starts(data, factory string) string {
	d.t.Helper()
	path := In(data).Choose(d.keys, factory, discard())
	if path == "" {
		return Factory
	}
	content, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(content)
}

func (d *depot) confirm(data, name string) {
	d.t.Helper()
	own := &Own{tree: In(data), name: name}
	if err := own.Confirm(); err != nil {
		d.t.Fatal(err)
	}
}

// What is forged, truncated, foreign, older or without a way back is refused by
// its name, and the next start is as before.
func TestWhatIsNotForThisEdgeIsRefused(t *testing.T) {
	d := newDepot(t)
	good, err := os.ReadFile(d.publish("v1.1.0", "new", nil))
	if err != nil {
		t.Fatal(err)
	}
	stranger := newDepot(t)
	strangers, err := os.ReadFile(stranger.publish("v1.1.0", "new", nil))
	if err != nil {
		t.Fatal(err)
	}
	manifest := func(change func(*Manifest)) string {
		b, err := os.ReadFile(d.publish("v1.1.0", "new", change))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"altered":                          {strings.Replace(string(good), "v1.1.0", "v1.2.0", 1), ErrForged},
		"another's":                        {string(strangers), ErrForged},
		"empty":                            {"", ErrMalformed},
		"no signature":                     {string(good[:bytes.LastIndexByte(good[:len(good)-1], '\n')+1]), ErrMalformed},
		"cut off":                          {string(good[:len(good)-20]), ErrMalformed},
		"huge":                             {strings.Repeat(" ", MaxManifest) + string(good), ErrMalformed},
		"another machine":                  {manifest(func(m *Manifest) { m.Arch = "arm64" }), ErrForeign},
		"another system":                   {manifest(func(m *Manifest) { m.OS = "darwin" }), ErrForeign},
		"older":                            {manifest(func(m *Manifest) { m.Version = "v0.9.0" }), ErrDowngrade},
		"a pre-release of it":              {manifest(func(m *Manifest) { m.Version = "v1.0.0-rc.1" }), ErrDowngrade},
		"the same":                         {manifest(func(m *Manifest) { m.Version = "v1.0.0" }), ErrSameAsNow},
		"a step too far":                   {manifest(func(m *Manifest) { m.From = "v1.0.1" }), ErrTooOld},
		"writes what this one cannot read": {manifest(func(m *Manifest) { m.Store = Formats{3, 1, 3} }), ErrFormat},
		"cannot read what is there":        {manifest(func(m *Manifest) { m.Store = Formats{1, 1, 1} }), ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			path := filepath.Join(d.dir, "x.update")
			d.write(path, c.text)
			if _, err := d.installer(data).Install(t.Context(), path); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if now := d.starts(data, "v1.0.0"); now != Factory {
				t.Errorf("%q starts", now)
			}
		})
	}
	t.Run("a signed way back", func(t *testing.T) {
		data := t.TempDir()
		if _, err := d.installer(data).Install(t.Context(), d.publish("v0.9.0", "old", func(m *Manifest) { m.Downgrade = true })); err != nil {
			t.Fatal(err)
		}
		if now := d.starts(data, "v1.0.0"); now != "old" {
			t.Errorf("%q starts", now)
		}
	})
	t.Run("32-bit ARM", func(t *testing.T) {
		m := Manifest{Version: "v1.1.0", OS: "linux", Arch: "arm", ARM: 7, Store: formats}
		zero := Machine{OS: "linux", Arch: "arm", ARM: 6, Version: "v1.0.0", Store: formats}
		if err := m.Fits(zero); !errors.Is(err, ErrForeign) {
			t.Errorf("ARM version 7 on a Pi Zero: %v", err)
		}
		if m.ARM = 6; m.Fits(zero) != nil {
			t.Error(m.Fits(zero))
		}
	})
	t.Run("not what makes a manifest", func(t *testing.T) {
		for _, change := range []func(*Manifest){
			func(m *Manifest) { m.Version = "1.1.0" },
			func(m *Manifest) { m.Version = "v1.1.0-../../x" },
			func(m *Manifest) { m.File = "../openlot-edge" },
			func(m *Manifest) { m.Size = MaxProgram + 1 },
			func(m *Manifest) { m.SHA256 = "../" },
			func(m *Manifest) { m.Store = Formats{} },
		} {
			m := Manifest{Version: "v1.1.0", OS: "linux", Arch: "amd64", File: "x", Size: 1, SHA256: strings.Repeat("0", 64), Store: formats}
			change(&m)
			if _, err := m.Sign(d.key); !errors.Is(err, ErrMalformed) {
				t.Errorf("%+v: %v", m, err)
			}
		}
	})
}

// A program that is not what was signed is not installed, and one that was
// altered later is not started.
func TestOnlyWhatWasSignedRuns(t *testing.T) {
	d, data := newDepot(t), t.TempDir()
	path := d.publish("v1.1.0", "new", nil)
	d.write(filepath.Join(d.dir, "openlot-edge-v1.1.0"), "bad")
	if _, err := d.installer(data).Install(t.Context(), path); !errors.Is(err, ErrForged) {
		t.Fatal(err)
	}
	d.write(filepath.Join(d.dir, "openlot-edge-v1.1.0"), "new")
	if _, err := d.installer(data).Install(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	name, err := In(data).link("current")
	if err != nil {
		t.Fatal(err)
	}
	d.confirm(data, name)
	if now := d.starts(data, "v1.0.0"); now != "new" {
		t.Fatalf("%q starts", now)
	}
	if err := os.WriteFile(In(data).version(name, program), []byte("nEw"), 0o755); err != nil {
		t.Fatal(err)
	}
	if now := d.starts(data, "v1.0.0"); now != Factory {
		t.Errorf("%q starts", now)
	}
	if err := os.Symlink("/usr/bin", filepath.Join(data, "update", "current")); err != nil {
		t.Fatal(err)
	}
	if now := d.starts(data, "v1.0.0"); now != Factory {
		t.Errorf("%q starts", now)
	}
}

// A new version is started once; unless it confirms itself, the start after that
// goes back, and only what was signed and confirmed is gone back to.
func TestOneStartDecides(t *testing.T) {
	d, data := newDepot(t), t.TempDir()
	install := func(version, content string) string {
		t.Helper()
		if _, err := d.installer(data).Install(t.Context(), d.publish(version, content, nil)); err != nil {
			t.Fatal(err)
		}
		name, err := In(data).link("current")
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	expect := func(factory string, want ...string) {
		t.Helper()
		for i, w := range want {
			if got := d.starts(data, factory); got != w {
				t.Fatalf("start %d: %q, want %q", i, got, w)
			}
		}
	}
	expect("v1.0.0", Factory)
	bad := install("v1.1.0", "one")
	expect("v1.0.0", "one", Factory, Factory)
	if why, ok := In(data).noted(bad, "failed"); !ok || !strings.Contains(why, "healthy") {
		t.Errorf("why it failed: %q", why)
	}
	one := install("v1.1.0", "one") // again, by hand
	expect("v1.0.0", "one")
	d.confirm(data, one)
	expect("v1.0.0", "one", "one")
	install("v1.2.0", "two")
	expect("v1.0.0", "two", "one", "one")
	two := install("v1.2.0", "two")
	expect("v1.0.0", "two")
	d.confirm(data, two)
	expect("v1.0.0", "two")
	// The package catches up.
	expect("v1.1.5", "two")
	expect("v1.2.0", Factory)
	expect("v1.0.0", Factory)
}

// Two versions are kept, and no more: the disk is small.
func TestOldVersionsGo(t *testing.T) {
	d, data := newDepot(t), t.TempDir()
	for n := range 5 {
		if _, err := d.installer(data).Install(t.Context(), d.publish(fmt.Sprintf("v1.1.%d", n), strconv.Itoa(n), nil)); err != nil {
			t.Fatal(err)
		}
		if now := d.starts(data, "v1.0.0"); now != strconv.Itoa(n) {
			t.Fatalf("%q starts", now)
		}
		name, _ := In(data).link("current")
		d.confirm(data, name)
	}
	left, err := os.ReadDir(In(data).path("versions"))
	if err != nil || len(left) != 2 {
		t.Errorf("%v %v", left, err)
	}
}

// While an agent runs, an update waits for it.
func TestARunningAgentDecidesWhen(t *testing.T) {
	d, data := newDepot(t), filepath.Join(t.TempDir(), "data")
	own, err := Adopt(data)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(data); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("the journal's directory: %v %v", info.Mode(), err)
	}
	done, err := d.installer(data).Install(t.Context(), d.publish("v1.1.0", "new", nil))
	if err != nil || !done.Waiting || own.Staged() == "" {
		t.Fatalf("%+v %v, staged %q", done, err, own.Staged())
	}
	if now := d.starts(data, "v1.0.0"); now != Factory {
		t.Fatalf("%q starts", now)
	}
	if err := own.Activate(); err != nil {
		t.Fatal(err)
	}
	own.Close()
	if now := d.starts(data, "v1.0.0"); now != "new" {
		t.Fatalf("%q starts", now)
	}
}

// A fetch that breaks off is gone on from where it was, also with a server that
// cannot do that; nothing longer than signed is kept.
func TestAFetchGoesOnAndHasAnEnd(t *testing.T) {
	content := strings.Repeat("0123456789", 10_000)
	for _, ranges := range []bool{true, false} {
		d, data := newDepot(t), t.TempDir()
		d.publish("v1.1.0", content, nil)
		sent, cut := 0, true
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".update") {
				http.ServeFile(w, r, filepath.Join(d.dir, "v1.1.0.update"))
				return
			}
			if !ranges {
				r.Header.Del("Range")
			}
			if cut {
				cut = false
				w.Header().Set("Content-Length", strconv.Itoa(len(content)))
				n, _ := w.Write([]byte(content[:30_000]))
				sent += n
				panic(http.ErrAbortHandler)
			}
			from := strings.TrimSuffix(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
			n, _ := strconv.Atoi(from)
			sent += len(content) - n
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content+"and more"))
		}))
		i := d.installer(data)
		if _, err := i.Install(t.Context(), srv.URL+"/v1.1.0.update"); !errors.Is(err, ErrIncomplete) {
			t.Fatalf("a fetch that broke off: %v", err)
		}
		if now := d.starts(data, "v1.0.0"); now != Factory {
			t.Fatalf("%q starts", now)
		}
		if _, err := i.Install(t.Context(), srv.URL+"/v1.1.0.update"); err != nil {
			t.Fatal(err)
		}
		if now := d.starts(data, "v1.0.0"); now != content {
			t.Fatalf("%d bytes start", len(now))
		}
		if ranges && sent > len(content)+30_000 {
			t.Errorf("%d bytes sent for %d", sent, len(content))
		}
		srv.Close()
	}
}

func TestUpdatesAreFetchedOverHTTPS(t *testing.T) {
	d := newDepot(t)
	plain := "http://updates.example/v1.1.0.update"
	if _, err := d.installer(t.TempDir()).Install(t.Context(), plain); err == nil || !strings.Contains(err.Error(), "https") {
		t.Error(err)
	}
	srv := httptest.NewServer(http.RedirectHandler(plain, http.StatusFound))
	defer srv.Close()
	if _, err := d.installer(t.TempDir()).Install(t.Context(), srv.URL); err == nil || !strings.Contains(err.Error(), "https") {
		t.Error(err)
	}
	d.write(filepath.Join(d.dir, "few"), "abcd")
	if _, err := ParseKeys("abcd"); err == nil {
		t.Error("a key of two bytes")
	}
	if _, err := (Keys{}).Open([]byte("{}\nsignature aaaa\n")); !errors.Is(err, ErrForged) {
		t.Error("without any key:", err)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
