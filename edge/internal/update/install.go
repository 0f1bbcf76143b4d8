package update

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/mod/semver"
)

// Installer installs updates into a data directory.
type Installer struct {
	Tree    Tree
	Keys    Keys
	Machine Machine
	Factory string // the factory version
	Fetch   Fetcher
}

// Now completes what Installer knows of the version that runs: an installed one
// has its own version and formats, not those of the program that installs.
func (i *Installer) Now() error {
	name, err := i.Tree.link("current")
	if err != nil || name == "" {
		return err
	}
	m, err := i.Tree.manifest(name, i.Keys)
	if err != nil {
		return nil //nolint:nilerr // a start will pass it over, and the factory version runs
	}
	if factory, _ := i.Tree.noted(name, "factory"); factory == i.Factory || semver.Compare(i.Factory, m.Version) < 0 {
		i.Machine.Version, i.Machine.Store = m.Version, m.Store
	}
	return nil
}

// Staged says what Install did.
type Staged struct {
	Version string
	Waiting bool // for the running agent to see no vehicle; else the next start uses it
}

// Install fetches, checks and installs the update whose manifest is at a path or
// an https address. The program that runs is not touched: a running agent
// switches when no vehicle is in a lane, and without one the next start does. A
// version that had failed may be installed again. An error has changed nothing
// that a start looks at.
func (i Installer) Install(ctx context.Context, from string) (Staged, error) {
	signed, err := i.Fetch.manifest(ctx, from)
	if err != nil {
		return Staged{}, err
	}
	m, err := i.Keys.Open(signed)
	if err != nil {
		return Staged{}, err
	}
	if err := m.Fits(i.Machine); err != nil {
		return Staged{}, err
	}
	t := i.Tree
	if err := t.make(); err != nil {
		return Staged{}, err
	}
	name := m.name()
	current, err := t.link("current")
	if err != nil {
		return Staged{}, err
	}
	if current == name {
		return Staged{}, ErrSameAsNow
	}
	part := t.path("download", m.SHA256+".part")
	t.step("download")
	if err := t.only(part); err != nil {
		return Staged{}, err
	}
	if err := i.Fetch.program(ctx, from, m, part); err != nil {
		return Staged{}, err
	}
	t.step("downloaded")
	if err := sound(part, m); err != nil {
		return Staged{}, errors.Join(err, os.Remove(part)) // nothing to go on from
	}
	if err := i.unpack(name, part, signed); err != nil {
		return Staged{}, err
	}
	return i.stage(m)
}

// unpack makes a version's directory, which is complete before it has its name.
func (i Installer) unpack(name, part string, signed []byte) error {
	t := i.Tree
	fresh := ".new-" + name
	t.step("clear")
	if err := errors.Join(os.RemoveAll(t.version(fresh)), t.point("staged", ""), os.RemoveAll(t.version(name))); err != nil {
		return err
	}
	t.step("make")
	if err := os.Mkdir(t.version(fresh), 0o755); err != nil {
		return fmt.Errorf("make the new version's place: %w", err)
	}
	for file, content := range map[string][]byte{"manifest": signed, "factory": []byte(i.Factory)} {
		t.step("write " + file)
		if err := writeSynced(t.version(fresh, file), content, 0o644); err != nil {
			return err
		}
	}
	t.step("move")
	if err := errors.Join(os.Chmod(part, 0o755), syncFile(part)); err != nil {
		return err
	}
	if err := os.Rename(part, t.version(fresh, program)); err != nil {
		return fmt.Errorf("move the new program: %w", err)
	}
	t.step("sync version")
	if err := syncFile(t.version(fresh)); err != nil {
		return err
	}
	t.step("name")
	if err := os.Rename(t.version(fresh), t.version(name)); err != nil {
		return fmt.Errorf("name the new version: %w", err)
	}
	t.step("sync name")
	return syncFile(t.path("versions"))
}

// stage lets the running agent have the new version, or switches at once if
// there is none.
func (i Installer) stage(m Manifest) (Staged, error) {
	t := i.Tree
	if err := t.point("staged", m.name()); err != nil {
		return Staged{}, err
	}
	release, free, err := t.lock()
	if err != nil || !free {
		return Staged{m.Version, true}, err
	}
	defer release()
	current, err := t.link("current")
	if err != nil {
		return Staged{}, err
	}
	if current == "" {
		current = Factory
	}
	return Staged{m.Version, false}, t.activate(current)
}

// activate makes what is staged current; now is the version to go back to.
func (t Tree) activate(now string) error {
	name, err := t.link("staged")
	if err != nil {
		return err
	}
	if name == "" {
		return fmt.Errorf("no version is staged: %w", fs.ErrNotExist)
	}
	if err := t.note(name, "before", now); err != nil {
		return err
	}
	t.step("switch")
	if err := os.Rename(t.path("staged"), t.path("current")); err != nil {
		return fmt.Errorf("switch to the new version: %w", err)
	}
	t.step("switched")
	return syncFile(t.dir)
}
