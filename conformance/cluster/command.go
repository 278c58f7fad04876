package cluster

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
)

// Result is how a command line ended.
type Result struct {
	Stdout, Stderr string
	// Code is the exit code; -1 when the program could not run or was killed.
	Code int
	// CPU is the processor time that the program took, user and system.
	CPU time.Duration
}

// Env is an environment in which wraftd's client commands reach the cluster.
func (c *Cluster) Env() []string {
	dir := filepath.Join(c.Dir, "client")
	return append(c.plainEnv(),
		"WRAFT_SERVER="+strings.Join(c.Endpoints(), ","),
		"WRAFT_CA="+filepath.Join(dir, "ca.crt"),
		"WRAFT_CERT="+filepath.Join(dir, "admin.crt"),
		"WRAFT_KEY="+filepath.Join(dir, "admin.key"))
}

// Use has client commands, and nodes without a program of their own, run another one from
// now on; see Node.Use.
func (c *Cluster) Use(program string) { c.wraftd = program }

// Wraftd runs a client command against the cluster.
func (c *Cluster) Wraftd(ctx context.Context, args ...string) Result {
	return c.run(ctx, c.Env(), args...)
}

// Stranger runs a command that is told nothing of the cluster and has no certificate, as on a
// machine that is new.
func (c *Cluster) Stranger(ctx context.Context, args ...string) Result {
	return c.run(ctx, c.plainEnv(), args...)
}

// Begin starts a client command and gives how it ended, once, when it has.
func (c *Cluster) Begin(ctx context.Context, args ...string) <-chan Result {
	end := c.start(ctx, c.Env(), args...)
	ended := make(chan Result, 1)
	go func() { ended <- end() }()
	return ended
}

func (c *Cluster) run(ctx context.Context, env []string, args ...string) Result {
	return c.start(ctx, env, args...)()
}

// start starts the program and returns what waits for its end.
func (c *Cluster) start(ctx context.Context, env []string, args ...string) func() Result {
	cmd := exec.CommandContext(ctx, c.wraftd, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return func() Result { return Result{Stderr: err.Error(), Code: -1} }
	}
	return func() Result {
		_ = cmd.Wait() // Why ignored: the exit code says it
		state := cmd.ProcessState
		return Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: state.ExitCode(), CPU: state.UserTime() + state.SystemTime()}
	}
}

func nodeID(i int) client.NodeID { return client.NodeID(i + 1) }
