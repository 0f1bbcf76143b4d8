package update

import (
	"fmt"

	"golang.org/x/mod/semver"
)

// Factory is the name of the version that the package brought.
const Factory = "factory"

// Machine is what runs now, and on what.
type Machine struct {
	OS, Arch string
	ARM      int    // for arch arm: what the processor can
	Version  string // that runs; one that is not semantic is older than all that are
	Store    Formats
}

// Fits says why an update cannot be installed on a machine, or nil.
func (m Manifest) Fits(on Machine) error {
	switch {
	case m.OS != on.OS || m.Arch != on.Arch || m.ARM > on.ARM:
		return fmt.Errorf("%w: for %s/%s, this is %s/%s", ErrForeign, m.OS, m.Arch, on.OS, on.Arch)
	case m.Version == on.Version:
		return ErrSameAsNow
	case semver.Compare(on.Version, m.From) < 0 && m.From != "":
		return fmt.Errorf("%w: %s runs, %s is the least", ErrTooOld, on.Version, m.From)
	case semver.Compare(m.Version, on.Version) < 0 && !m.Downgrade:
		return fmt.Errorf("%w: %s runs, this is %s", ErrDowngrade, on.Version, m.Version)
	case !on.Store.reads(m.Store.Writes) || !m.Store.reads(on.Store.Writes):
		return fmt.Errorf("%w: %s reads %d to %d and writes %d; %s reads %d to %d and writes %d", ErrFormat,
			on.Version, on.Store.Oldest, on.Store.Newest, on.Store.Writes, m.Version, m.Store.Oldest, m.Store.Newest, m.Store.Writes)
	}
	return nil
}

// slot is an installed version as it is found at a start.
type slot struct {
	name      string
	version   string
	unsound   error  // why it must not be started, or nil
	before    string // what ran before it
	factory   string // the factory version when it was installed
	tried     bool
	confirmed bool
}

// verdict is what a start does with the version that is current.
type verdict uint8

const (
	start   verdict = iota // it is started
	try                    // it is marked as tried, then started
	giveUp                 // it is marked as failed, and what ran before is looked at
	outdone                // the package has become newer: the factory version is started
)

// judge looks at the current version. why explains what is not a start.
func judge(s slot, factory string) (v verdict, why string) {
	switch {
	case s.factory != factory && semver.Compare(factory, s.version) >= 0:
		return outdone, "the package brought " + factory
	case s.unsound != nil:
		return giveUp, "it is not what was signed: " + s.unsound.Error()
	case s.confirmed:
		return start, ""
	case s.tried:
		return giveUp, "it was started once and did not become healthy"
	default:
		return try, ""
	}
}
