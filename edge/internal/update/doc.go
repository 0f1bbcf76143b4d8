// Package update exchanges the agent's program for another one, and goes back
// when that does not do its work.
//
// # Who starts what
//
// The package's program (the factory version, owned by root) is what the service
// manager starts. Launch lets it choose: itself, or a version that was installed
// into the data directory. Before each start it checks that version's signature
// and hash again: the data directory is writable for the agent, and what runs
// must still be what was signed. Then it becomes that program (exec), so the
// manager's process is the same.
//
// # On disk
//
// Everything is in DATA/update, and each step is one atomic act that a power cut
// leaves undone or done:
//
//	download/HASH.part        what has been fetched so far
//	versions/NAME/            openlot-edge, manifest, factory; complete before it has its name
//	versions/NAME/before      what ran before it, written before it is switched to
//	versions/NAME/tried       it has been started; written and synced before that start
//	versions/NAME/confirmed   it has done its work for long enough
//	versions/NAME/failed      why it was given up
//	staged  -> versions/NAME  waits for a moment without a vehicle
//	current -> versions/NAME  what is started; absent: the factory version
//
// A version that was tried and not confirmed is not started again: one restart,
// for whatever reason, goes back to what ran before (MCUboot: test, confirm,
// revert).
//
// # The store
//
// Going back must be able to open the store. So a version is only installed if
// the one that runs now reads the format that it writes (Manifest.Store), and if
// it reads the format that is there. A new format therefore takes two releases:
// the first one reads it, the second one writes it.
package update
