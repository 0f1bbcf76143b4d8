package stack

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// Usage is what processes cost.
type Usage struct {
	RSS int64         // bytes
	CPU time.Duration // since they started
}

func (u *Usage) add(o Usage) { u.RSS, u.CPU = u.RSS+o.RSS, u.CPU+o.CPU }

// clockTick is the unit of processor times in /proc.
const clockTick = 10 * time.Millisecond

// usage reads /proc; without one it is zero.
func usage(pid int) (u Usage) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return u
	}
	// The name, in parentheses, may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 22 {
		return u
	}
	number := func(i int) int64 {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	return Usage{RSS: number(21) * int64(os.Getpagesize()), CPU: time.Duration(number(11)+number(12)) * clockTick}
}
