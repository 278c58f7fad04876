package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/wraft/wraft/conformance/child"
)

// startProcess runs a program with its output appended to the log file.
func startProcess(logFile, program string, env []string, args ...string) (*child.Process, error) {
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cluster: log file: %w", err)
	}
	defer out.Close() // the process has a descriptor of its own
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	p, err := child.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return p, nil
}

// exitCode returns the exit code once the process has ended, -1 when a signal
// ended it.
func exitCode(ctx context.Context, p *child.Process) (int, error) {
	select {
	case <-p.Done():
		return p.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("cluster: process %d does not end: %w", p.PID(), ctx.Err())
	}
}
