package clock

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Where the kernel names the boot, and shows the battery-backed clock. Tests build
// the agent with others.
var (
	bootFile    = "/proc/sys/kernel/random/boot_id"
	batteryFile = "/sys/class/rtc/rtc0/since_epoch"
)

// unusedError is the kernel's maxerror of a clock that it has given up on, in
// microseconds.
const unusedError = 16_000_000

// ThisMachine reads the machine that the program runs on.
func ThisMachine() Machine {
	return Machine{Read: reader(), Wall: time.Now, Synced: synced, Battery: battery}
}

func reader() func() Reading {
	start := time.Now()
	own := "process-" + start.UTC().Format(time.RFC3339Nano)
	boot := own
	if b, err := os.ReadFile(bootFile); err == nil {
		boot = strings.TrimSpace(string(b))
	}
	return func() Reading {
		// BOOTTIME: MONOTONIC stands still while the machine sleeps.
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
			return Reading{Machine: own, Elapsed: time.Since(start)}
		}
		return Reading{Machine: boot, Elapsed: time.Duration(ts.Nano())}
	}
}

// synced is the system's time while the kernel's discipline says that it follows a
// time server. Setting the clock by hand ends that.
func synced() (Advice, bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil || state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 || t.Maxerror >= unusedError {
		return Advice{}, false
	}
	return Advice{Wall: time.Now(), Within: time.Duration(t.Maxerror)*time.Microsecond + time.Second}, true
}

func battery() (time.Time, bool) {
	b, err := os.ReadFile(batteryFile)
	if err != nil {
		return time.Time{}, false
	}
	s, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return time.Unix(s, 0), err == nil
}
