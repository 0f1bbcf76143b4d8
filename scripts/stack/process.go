// Package stack starts the real programs of Openlot as processes on one
// machine: a cloud, and for each live parking a board's digital twin and an
// edge agent.
package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Process is a program that was started, with its output in a file.
type Process struct {
	Name string

	cmd     *exec.Cmd
	log     string
	done    chan struct{}
	err     error
	mu      sync.Mutex
	stopped bool
}

// Spawn runs a program until Stop or Kill, as the user of cred if that is not nil,
// with env beside this process's own environment.
func Spawn(name, logDir string, cred *syscall.Credential, env []string, argv ...string) (*Process, error) {
	return spawn(name, logDir, func(cmd *exec.Cmd) {
		cmd.SysProcAttr.Credential = cred
		cmd.Env = append(os.Environ(), env...)
	}, argv)
}

// start runs a program until Stop or Kill.
func start(name, logDir string, argv ...string) (*Process, error) {
	return spawn(name, logDir, func(*exec.Cmd) {}, argv)
}

func spawn(name, logDir string, set func(*exec.Cmd), argv []string) (*Process, error) {
	if err := os.MkdirAll(logDir, 0o755); err != nil {
		return nil, err
	}
	p := &Process{Name: name, log: filepath.Join(logDir, name+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()         // the child has its own
	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:noctx // it is ended by Stop, in our order
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = childAttr()
	set(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop asks the process to end and waits; after ten seconds it is killed.
func (p *Process) Stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.Kill()
	}
}

// Kill ends the process without warning and waits until it is gone.
func (p *Process) Kill() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Failure describes a process that ended by itself, with the end of its log,
// or nil.
func (p *Process) Failure() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	return fmt.Errorf("%s ended by itself (%s); the end of %s:\n%s", p.Name, p.why(), p.log, p.Tail(15))
}

// why is how a process that is done has ended.
func (p *Process) why() string {
	if p.err != nil {
		return p.err.Error()
	}
	return "exit status 0"
}

// Tail is the last n lines of the process's output.
func (p *Process) Tail(n int) string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

// output runs a program to its end and returns what it printed.
func output(ctx context.Context, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	b, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", filepath.Base(argv[0]), argv[1], err, errOut.Bytes())
	}
	return b, nil
}

// until calls check every few milliseconds until it returns nil, the process
// ends, or the time is up.
func until(ctx context.Context, p *Process, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = check(ctx); last == nil {
			return nil
		}
		select {
		case <-p.done:
			return errors.Join(fmt.Errorf("%s is not ready", p.Name), p.Failure())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w; the end of %s:\n%s", p.Name, last, p.log, p.Tail(15))
		case <-tick.C:
		}
	}
}
