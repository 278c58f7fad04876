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

func (c *Cluster) run(ctx context.Context, env []string, args ...string) Result {
	cmd := exec.CommandContext(ctx, c.wraftd, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
	err := cmd.Run()
	r := Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
	if cmd.ProcessState == nil {
		r.Stderr, r.Code = err.Error(), -1
		return r
	}
	r.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r
}

func nodeID(i int) client.NodeID { return client.NodeID(i + 1) }
