//go:build !linux

package checkup

// synced is not known here.
func synced() bool { return true }
