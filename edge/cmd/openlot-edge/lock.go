package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/openlot/openlot/protocol/fault"
)

// errAgentRuns says that the gates belong to somebody else now.
var errAgentRuns = fault.New(fault.Conflict, "agent_running", "The agent or openlot-edge lines is running with this data directory. Stop it first, such as with systemctl stop openlot-edge.")

// lockAgent makes sure that one program at a time asks the gates for anything.
// The kernel drops the lock with the process, so none is ever left over.
func lockAgent(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "data_dir", "The data directory "+dir+" cannot be created. Choose another with --data-dir.")
	}
	f, err := os.OpenFile(filepath.Join(dir, "agent.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errAgentRuns
		}
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	return f, nil
}
