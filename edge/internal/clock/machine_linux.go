package clock

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine returns the reader of this machine's boot-time clock.
func Machine() func() Reading {
	boot := "unknown-" + time.Now().UTC().Format(time.RFC3339Nano)
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		boot = strings.TrimSpace(string(b))
	}
	start := time.Now()
	return func() Reading {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
			return Reading{Machine: "process-" + boot + start.String(), Elapsed: time.Since(start)}
		}
		return Reading{Machine: boot, Elapsed: time.Duration(ts.Nano())}
	}
}
