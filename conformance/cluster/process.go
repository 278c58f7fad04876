package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is one run of a program, from its start to its end.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed after the process has been waited for
	err  error         // how it ended; valid after done
}

// startProcess runs a program with its output appended to the log file.
func startProcess(logFile, program string, env []string, args ...string) (*process, error) {
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cluster: log file: %w", err)
	}
	p := &process{cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, out, out
	p.cmd.SysProcAttr = diesWithParent()
	started := make(chan error, 1)
	go func() {
		// Why: the kernel ties "dies with its parent" to the thread that forked,
		// so that thread has to stay as long as the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		defer out.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("cluster: start %s: %w", program, err)
	}
	return p, nil
}

// running reports whether the process has not been waited for yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal sends a signal; a process that has ended is no error.
func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cluster: signal %v to process %d: %w", s, p.cmd.Process.Pid, err)
	}
	return nil
}

// wait returns the exit code once the process has ended, -1 when a signal ended it.
func (p *process) wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("cluster: process %d does not end: %w", p.cmd.Process.Pid, ctx.Err())
	}
}
