package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Process is one run of a program, from its start to its end.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed after the process has been waited for
	err  error         // how it ended; valid after done
}

// Start starts the command, whose SysProcAttr must be nil. The process is waited
// for by itself; cmd.Wait must not be called.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
	cmd.SysProcAttr = diesWithParent()
	started := make(chan error, 1)
	go func() {
		// Why: the kernel ties "dies with its parent" to the thread that forked,
		// so that thread has to stay as long as the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("child: start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID is the process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended and its output is complete.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the process has not been waited for yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Wait returns how the process ended, as exec.Cmd.Wait does.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// ExitCode waits and returns the exit code, -1 when a signal ended the process.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal; a process that has ended is no error.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("child: signal %v to process %d: %w", s, p.PID(), err)
	}
	return nil
}
