package update

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Choose picks what is started: the path of an installed version's program, or
// "" for the factory version. What it decides is on the disk when it returns. It
// never fails to choose: whatever is wrong with the installed versions, the
// factory version is there.
func (t Tree) Choose(keys Keys, factory string, log *slog.Logger) string {
	name, err := t.link("current")
	// Each round goes back by one version; two may be kept.
	for range 4 {
		if err != nil || name == "" || name == Factory {
			break
		}
		s := t.slot(name, keys)
		v, why := judge(s, factory)
		switch v {
		case start:
			return t.version(name, program)
		case try:
			// A version that cannot be marked could be tried for ever.
			if err = t.note(name, "tried", time.Now().UTC().Format(time.RFC3339)); err != nil {
				name = s.before
				continue
			}
			log.Warn("a new version is tried", "version", s.version)
			t.step("try")
			return t.version(name, program)
		case outdone:
			log.Info("an installed version is left", "version", s.version, "why", why)
			err = t.point("current", "")
			name = ""
		case giveUp:
			log.Error("a version is given up", "version", name, "back_to", s.before, "why", why)
			err = t.point("current", s.before)
			if e := t.note(name, "failed", why); e != nil {
				log.Warn("why a version was given up could not be written down", "err", e)
			}
			name = s.before
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("the installed versions are passed over", "err", err)
	}
	return ""
}

// Own is the running agent's view of its versions.
type Own struct {
	tree    Tree
	name    string // of the version that runs
	release func()
}

// Adopt finds out which version runs, and holds the tree until Close. A second
// agent's data directory is not held twice; that is no error here.
func Adopt(dataDir string) (*Own, error) {
	t := In(dataDir)
	if err := t.make(); err != nil {
		return nil, err
	}
	own := &Own{tree: t, name: Factory, release: func() {}}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	versions, err := filepath.EvalSymlinks(t.path("versions"))
	if err != nil {
		return nil, err
	}
	if rel, err := filepath.Rel(versions, exe); err == nil && filepath.Base(rel) == program && filepath.Dir(filepath.Dir(rel)) == "." {
		own.name = filepath.Dir(rel)
	}
	release, held, err := t.lock()
	if err != nil {
		return nil, err
	}
	if held {
		own.release = release
	}
	return own, nil
}

// Close lets go of the tree.
func (o *Own) Close() { o.release() }

// Name is the running version's: Factory, or a version's directory.
func (o *Own) Name() string { return o.name }

// OnTrial reports whether the running version has yet to show that it works.
func (o *Own) OnTrial() bool {
	if o.name == Factory {
		return false
	}
	_, confirmed := o.tree.noted(o.name, "confirmed")
	return !confirmed
}

// Confirm keeps the running version and removes those that nobody goes back to.
func (o *Own) Confirm() error {
	if err := o.tree.note(o.name, "confirmed", time.Now().UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	before, _ := o.tree.noted(o.name, "before")
	staged, err := o.tree.link("staged")
	return errors.Join(err, o.tree.prune(o.name, before, staged))
}

// Staged is the version that waits, or "".
func (o *Own) Staged() string {
	name, err := o.tree.link("staged")
	if err != nil {
		return ""
	}
	return name
}

// Activate makes the staged version the one that the next start tries.
func (o *Own) Activate() error { return o.tree.activate(o.name) }
