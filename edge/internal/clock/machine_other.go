//go:build !linux

package clock

import "time"

// Machine returns a reader of the process's monotonic clock. Its bounds do not
// survive a restart of the agent.
func Machine() func() Reading {
	start := time.Now()
	name := "process-" + start.UTC().Format(time.RFC3339Nano)
	return func() Reading { return Reading{Machine: name, Elapsed: time.Since(start)} }
}
