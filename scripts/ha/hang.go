package ha

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// hang stops everything of the primary's machine for as long as it takes another to
// take over and a while more, and lets it go on: connections stay open and nobody
// answers on them, as behind a network that swallows everything.
func (c *Cluster) hang(ctx context.Context) error {
	n, err := c.Primary(ctx)
	if err != nil {
		return err
	}
	m := c.Databases[n]
	pids := append(tree(serverPID(c.file(pgName(n)))), m.now.PID())
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // one that has ended needs none
	}
	resume := func() {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGCONT) // as above
		}
	}
	defer resume()
	if err := c.overtaken(ctx, n, "hangs"); err != nil {
		return err
	}
	resume()
	return await(ctx, rejoinLimit, c.Synchronous)
}

// overtaken returns when another Postgres than n leads and is sold at, although n never
// said that it is gone.
func (c *Cluster) overtaken(ctx context.Context, n int, how string) error {
	if err := await(ctx, startLimit, func(ctx context.Context) error {
		if p, err := c.Primary(ctx); err != nil || p == n {
			return fmt.Errorf("nobody took over from %s: %w", pgName(n), err)
		}
		return nil
	}); err != nil {
		return err
	}
	sold := c.sales()
	return await(ctx, sellsAgain, func(context.Context) error {
		if now := c.sales(); now <= sold {
			return fmt.Errorf("nothing is sold while %s %s", pgName(n), how)
		}
		return nil
	})
}

// serverPID is the process of the Postgres in dir, or 0.
func serverPID(dir string) int {
	b, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0
	}
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || !strings.Contains(string(line), dir) {
		return 0
	}
	return pid
}

// tree is a process with its children.
func tree(pid int) []int {
	if pid == 0 {
		return nil
	}
	out := []int{pid}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return out // the pattern is good
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err == nil && len(fields) > 1 && string(fields[1]) == strconv.Itoa(pid) {
			out = append(out, child)
		}
	}
	return out
}
