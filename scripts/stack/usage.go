package stack

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Usage is what processes cost.
type Usage struct {
	RSS int64         // bytes; what processes share counts for each of them
	CPU time.Duration // since they started
}

func (u Usage) plus(o Usage) Usage { return Usage{u.RSS + o.RSS, u.CPU + o.CPU} }

// clockTick is the unit of processor times in /proc.
const clockTick = 10 * time.Millisecond

// Spent is what the parts of a stack have cost so far, by part: cloud, database,
// edges, twins, and self, which is this process. Where the system does not tell
// it is all zero.
func (s *Stack) Spent() map[string]Usage {
	table := processTable()
	out := map[string]Usage{"self": table.tree(os.Getpid(), false)}
	if p := s.cloud.Process(); p != nil {
		out["cloud"] = table.tree(p.PID(), false)
		whole := table.tree(p.PID(), true)
		out["database"] = Usage{whole.RSS - out["cloud"].RSS, whole.CPU - out["cloud"].CPU}
	}
	for name, all := range map[string][]*Process{"edges": s.edges(), "twins": s.twins()} {
		for _, p := range all {
			out[name] = out[name].plus(table.tree(p.PID(), true))
		}
	}
	return out
}

// table is the processes of the machine.
type table struct {
	usage    map[int]Usage
	children map[int][]int
}

// processTable reads /proc.
func processTable() table {
	t := table{map[int]Usage{}, map[int][]int{}}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return t // the pattern is good
	}
	for _, f := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything.
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(fields) < 22 {
			continue
		}
		number := func(i int) int64 {
			n, err := strconv.ParseInt(string(fields[i]), 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
		parent := int(number(1))
		t.children[parent] = append(t.children[parent], pid)
		// With the children that have ended.
		cpu := number(11) + number(12) + number(13) + number(14)
		t.usage[pid] = Usage{RSS: number(21) * int64(os.Getpagesize()), CPU: time.Duration(cpu) * clockTick}
	}
	return t
}

// tree is a process, with all that it started if so wanted.
func (t table) tree(pid int, whole bool) Usage {
	u := t.usage[pid]
	if whole {
		for _, child := range t.children[pid] {
			u = u.plus(t.tree(child, true))
		}
	}
	return u
}
