//go:build !linux

package clock

import "time"

// ThisMachine reads the machine that the program runs on. Its bounds do not
// survive a restart of the agent.
func ThisMachine() Machine {
	start := time.Now()
	name := "process-" + start.UTC().Format(time.RFC3339Nano)
	return Machine{
		Read:    func() Reading { return Reading{Machine: name, Elapsed: time.Since(start)} },
		Wall:    time.Now,
		Synced:  func() (Advice, bool) { return Advice{}, false },
		Battery: func() (time.Time, bool) { return time.Time{}, false },
	}
}
