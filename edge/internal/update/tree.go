package update

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// program is the file name of an installed version's program.
const program = "openlot-edge"

// Tree is DATA/update.
type Tree struct {
	dir string
	// step is called before each act that changes the disk, with its name. Tests
	// end the process there.
	step func(name string)
}

// In is the tree of a data directory.
func In(dataDir string) Tree {
	return Tree{filepath.Join(dataDir, "update"), func(string) {}}
}

func (t Tree) path(parts ...string) string {
	return filepath.Join(append([]string{t.dir}, parts...)...)
}

func (t Tree) version(name string, parts ...string) string {
	return t.path(append([]string{"versions", name}, parts...)...)
}

// make makes the tree's directories.
func (t Tree) make() error {
	// The journal is nobody else's, whoever makes its directory first.
	if err := os.MkdirAll(filepath.Dir(t.dir), 0o700); err != nil {
		return fmt.Errorf("make the place for updates: %w", err)
	}
	for _, d := range []string{t.dir, t.path("versions"), t.path("download")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("make the place for updates: %w", err)
		}
	}
	return errors.Join(syncFile(t.dir), syncFile(filepath.Dir(t.dir)))
}

// lock is held by the agent while it runs, and by who changes the tree without
// one. It ends with the process.
func (t Tree) lock() (release func(), held bool, err error) {
	f, err := os.OpenFile(t.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false, fmt.Errorf("lock the updates: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("lock the updates: %w", err)
	}
	return func() { _ = f.Close() }, true, nil
}

// link reads where staged or current leads: a version's name, or "".
func (t Tree) link(name string) (string, error) {
	to, err := os.Readlink(t.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read which version is %s: %w", name, err)
	}
	dir, version := filepath.Split(to)
	if dir != "versions/" || version == "" || version[0] == '.' {
		return "", fmt.Errorf("%s leads to %q, which is no version", t.path(name), to)
	}
	return version, nil
}

// point lets staged or current lead to a version, in one atomic act, or nowhere.
func (t Tree) point(name, version string) error {
	t.step("point " + name)
	if version == "" || version == Factory {
		if err := os.Remove(t.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget which version is %s: %w", name, err)
		}
		return syncFile(t.dir)
	}
	fresh := t.path(name + ".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("switch %s: %w", name, err)
	}
	if err := os.Symlink(filepath.Join("versions", version), fresh); err != nil {
		return fmt.Errorf("switch %s: %w", name, err)
	}
	t.step("rename " + name)
	if err := os.Rename(fresh, t.path(name)); err != nil {
		return fmt.Errorf("switch %s: %w", name, err)
	}
	t.step("sync " + name)
	return syncFile(t.dir)
}

// note writes a small file of a version and syncs it.
func (t Tree) note(version, name, text string) error {
	t.step("note " + name)
	path := t.version(version, name)
	if err := writeSynced(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	t.step("sync " + name)
	return syncFile(filepath.Dir(path))
}

// noted reads what note wrote; ok says that it is there.
func (t Tree) noted(version, name string) (text string, ok bool) {
	b, err := os.ReadFile(t.version(version, name))
	return strings.TrimSpace(string(b)), err == nil
}

// slot looks at an installed version. Whatever keeps it from being used is in
// unsound.
func (t Tree) slot(name string, keys Keys) slot {
	s := slot{name: name}
	s.before, _ = t.noted(name, "before")
	s.factory, _ = t.noted(name, "factory")
	_, s.tried = t.noted(name, "tried")
	_, s.confirmed = t.noted(name, "confirmed")
	m, err := t.manifest(name, keys)
	if err == nil {
		s.version = m.Version
		err = sound(t.version(name, program), m)
	}
	s.unsound = err
	return s
}

// manifest reads and checks an installed version's manifest.
func (t Tree) manifest(name string, keys Keys) (Manifest, error) {
	signed, err := os.ReadFile(t.version(name, "manifest"))
	if err != nil {
		return Manifest{}, fmt.Errorf("read the manifest of %s: %w", name, err)
	}
	m, err := keys.Open(signed)
	if err == nil && m.name() != name {
		err = fmt.Errorf("%w: %s in the place of %s", ErrMalformed, m.name(), name)
	}
	return m, err
}

// sound checks that a file is what a manifest describes.
func sound(path string, m Manifest) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the program: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, m.Size+1))
	if err != nil {
		return fmt.Errorf("read the program: %w", err)
	}
	if n != m.Size || hex.EncodeToString(h.Sum(nil)) != m.SHA256 {
		return fmt.Errorf("%w: the program is not the one that was signed", ErrForged)
	}
	return nil
}

// prune removes every version but those named, and what was fetched.
func (t Tree) prune(keep ...string) error {
	all, err := os.ReadDir(t.path("versions"))
	if err != nil {
		return fmt.Errorf("list the versions: %w", err)
	}
	kept := map[string]bool{}
	for _, k := range keep {
		kept[k] = true
	}
	var errs error
	for _, v := range all {
		if !kept[v.Name()] {
			errs = errors.Join(errs, os.RemoveAll(t.version(v.Name())))
		}
	}
	return errs
}

// only removes what other updates have left half fetched.
func (t Tree) only(part string) error {
	all, err := filepath.Glob(t.path("download", "*.part"))
	if err != nil {
		return err
	}
	for _, p := range all {
		if p != part {
			err = errors.Join(err, os.Remove(p))
		}
	}
	return err
}

func writeSynced(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// syncFile syncs a file or a directory.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
