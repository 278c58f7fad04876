package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wraft/wraft/internal/ports"
)

// Config says what to set up.
type Config struct {
	// Wraftd is the path of the program. Required; see Build.
	Wraftd string
	// Dir is an empty or missing folder for everything the cluster writes. Required.
	Dir string
	// Nodes is how many; default 3.
	Nodes int
	// Name is the cluster's name; default "e2e".
	Name string
	// Compiled is a folder with compiled code that the nodes start with, so that
	// clusters that follow each other compile a module once and not three times each;
	// see Collect. It may be missing. Empty: the nodes compile everything.
	Compiled string
	// Flags are given to every `wraftd run`, as in "--snapshots-log-bytes", "64KiB".
	Flags []string
}

// Cluster is a set of nodes with one authority.
type Cluster struct {
	Dir   string
	Nodes []*Node // ascending by ID; Nodes[i] has ID i+1; see Add

	wraftd string
	flags  []string // of wraftd run
	// compiled is Config.Compiled.
	compiled string
	tls      *tls.Config
	probe    *http.Client
}

// New chooses free ports and runs `wraftd init`. No node is started.
func New(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.Nodes == 0 {
		cfg.Nodes = 3
	}
	if cfg.Name == "" {
		cfg.Name = "e2e"
	}
	c := &Cluster{Dir: cfg.Dir, wraftd: cfg.Wraftd, flags: cfg.Flags, compiled: cfg.Compiled}
	addresses, err := ports.Addresses(2 * cfg.Nodes)
	if err != nil {
		return nil, err
	}
	args := []string{"init", "--dir", cfg.Dir, "--cluster", cfg.Name}
	for i := range cfg.Nodes {
		n := &Node{ID: nodeID(i), API: addresses[2*i], Peer: addresses[2*i+1], cluster: c,
			Dir: filepath.Join(cfg.Dir, fmt.Sprintf("node-%d", i+1))}
		c.Nodes = append(c.Nodes, n)
		args = append(args, "--nodes", fmt.Sprintf("%d=%s/%s", n.ID, n.Peer, n.API))
	}
	if r := c.run(ctx, c.plainEnv(), args...); r.Code != 0 {
		return nil, fmt.Errorf("cluster: wraftd init: exit code %d: %s", r.Code, r.Stderr)
	}
	if c.tls, err = ClientTLS(filepath.Join(cfg.Dir, "client")); err != nil {
		return nil, err
	}
	if err := c.lend(cfg.Compiled); err != nil {
		return nil, err
	}
	c.probe = &http.Client{Transport: &http.Transport{TLSClientConfig: c.tls, ForceAttemptHTTP2: true}, Timeout: probeTimeout}
	return c, nil
}

// Times of the readiness probe.
const (
	probeTimeout  = 2 * time.Second
	probeInterval = 20 * time.Millisecond
)

// Start runs all nodes that do not run.
func (c *Cluster) Start() error {
	for _, n := range c.Nodes {
		if !n.Running() {
			if err := n.Start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// KillAll kills all nodes at once: every signal is sent before the first wait.
func (c *Cluster) KillAll() error {
	ended := make(chan error, len(c.Nodes))
	for _, n := range c.Nodes {
		go func() { ended <- n.Kill() }()
	}
	var errs []error
	for range c.Nodes {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// Test is what EndWith needs of a *testing.T.
type Test interface {
	Cleanup(f func())
	Failed() bool
	Error(args ...any)
	Logf(format string, args ...any)
}

// logTailBytes is how much of each node's log a failed test shows.
const logTailBytes = 6000

// EndWith kills all nodes when a test ends. One that failed shows the ends of their logs.
func (c *Cluster) EndWith(t Test) {
	t.Cleanup(func() {
		if err := c.KillAll(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, n := range c.Nodes {
				t.Logf("the end of node %v's log:\n%s", n.ID, n.LogTail(logTailBytes))
			}
		}
	})
}

// Stop asks all nodes to end and reports those that did not end well.
func (c *Cluster) Stop(ctx context.Context) error {
	ended := make(chan error, len(c.Nodes))
	for _, n := range c.Nodes {
		go func() {
			running := n.Running()
			code, err := n.Stop(ctx)
			if err == nil && running && code != 0 {
				err = fmt.Errorf("cluster: node %d ended with exit code %d", n.ID, code)
			}
			ended <- err
		}()
	}
	var errs []error
	for range c.Nodes {
		errs = append(errs, <-ended)
	}
	c.probe.CloseIdleConnections()
	return errors.Join(errs...)
}

// TLS is a configuration with the administrator's certificate; the caller owns it.
func (c *Cluster) TLS() *tls.Config { return c.tls.Clone() }

// Endpoints are the HTTPS addresses of all nodes.
func (c *Cluster) Endpoints() []string {
	var out []string
	for _, n := range c.Nodes {
		out = append(out, n.URL())
	}
	return out
}

// WaitReady returns once every running node says at /readyz that it is ready.
func (c *Cluster) WaitReady(ctx context.Context) error {
	for _, n := range c.Nodes {
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// WaitReady returns once the node says at /readyz that it is ready. A node that does not
// run is an error.
func (n *Node) WaitReady(ctx context.Context) error {
	last := errors.New("not asked yet")
	for n.Running() {
		if last = n.cluster.ready(ctx, n); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cluster: node %d is not ready: %w: %w", n.ID, ctx.Err(), last)
		case <-time.After(probeInterval):
		}
	}
	return fmt.Errorf("cluster: node %d does not run: %w", n.ID, last)
}

func (c *Cluster) ready(ctx context.Context, n *Node) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL()+"/readyz?verbose", nil)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	resp, err := c.probe.Do(req)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("cluster: readyz: %s: %s", resp.Status, body)
	}
	return nil
}

// plainEnv is this process's environment without any WRAFT_ variable.
func (c *Cluster) plainEnv() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "WRAFT_") {
			out = append(out, v)
		}
	}
	return out
}

// ClientTLS reads what wraftd init wrote for clients, below a cluster's Dir the folder client: a
// configuration with the administrator's certificate.
func ClientTLS(dir string) (*tls.Config, error) {
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("cluster: authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("cluster: %s holds no certificate", dir)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "admin.crt"), filepath.Join(dir, "admin.key"))
	if err != nil {
		return nil, fmt.Errorf("cluster: client certificate: %w", err)
	}
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}, nil
}
