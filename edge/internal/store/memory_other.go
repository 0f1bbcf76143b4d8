//go:build !linux

package store

import "os"

// limitMemory does nothing here: the time limit is left.
func limitMemory(uint64) {}

// reserve does nothing here: a full disk is noticed when it is written to.
func reserve(*os.File, int64) error { return nil }
