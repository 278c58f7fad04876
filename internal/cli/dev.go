package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/chaos"
	"github.com/wraft/wraft/internal/contexts"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/internal/server"
)

const (
	devCluster      = "dev"
	devCacheDir     = "cache"
	devReadyTimeout = 30 * time.Second
	// A cluster to try things out needs less room in reserve than one that lasts.
	devMinFree      = 64 * nodeconfig.MiB
	devBallast      = nodeconfig.MiB
	devPollInterval = 25 * time.Millisecond
)

// devOptions are the flags of dev.
type devOptions struct {
	nodes     int
	dir       string
	apiPort   int
	readyFile string
	logLevel  string
	context   string
	chaos     bool
}

func (p *Program) devCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a throw-away cluster in one process",
		Long: "Runs a cluster of several nodes in this process on loopback, with certificates made for the\n" +
			"occasion; clients need none. It prints how to reach the cluster and writes the same to DIR/env.\n" +
			"SIGINT (Ctrl-C) or SIGTERM stops it and removes DIR with everything in it.",
		Example: "  wraftd dev --context dev\n  wraftd dev --nodes 5 --dir dev & source dev/env",
		Args:    exactArgs(),
	}
	var o devOptions
	f := cmd.Flags()
	f.IntVar(&o.nodes, "nodes", 3, "number of nodes")
	f.StringVar(&o.dir, "dir", "", "folder for data and certificates; must be empty or missing (default: a temporary one)")
	f.IntVar(&o.apiPort, "api-port", 7443, "API port of the first node, the others take the next; 0 for any free ones")
	f.StringVar(&o.readyFile, "ready-file", "", "also write the endpoints to this file, once the cluster has a leader")
	f.StringVar(&o.context, "context", "", "also add a context of this name and use it, until the cluster stops")
	f.StringVar(&o.logLevel, "log-level", "warn", "debug, info, warn or error")
	f.BoolVar(&o.chaos, "chaos", false, "put relays between the nodes, so that wraftd dev chaos can make links bad")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return p.dev(cmd.Context(), o) }
	cmd.AddCommand(p.devChaosCommand())
	return cmd
}

// dev runs the cluster until ctx ends or a node does.
func (p *Program) dev(ctx context.Context, o devOptions) (err error) {
	if o.nodes < 1 || o.nodes > bootstrap.LocalNodesMax {
		return usage("--nodes %d: use 1 to %d", o.nodes, bootstrap.LocalNodesMax)
	}
	dir, err := devDir(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, localError(os.RemoveAll(dir))) }()
	sockets, err := openSockets(o.nodes, o.apiPort)
	if err != nil {
		return err
	}
	defer sockets.close()
	plan := bootstrap.Plan{Cluster: devCluster, Nodes: sockets.nodes()}
	if err := plan.Write(dir, p.Now()); err != nil {
		return err
	}
	links, stopLinks, err := devLinks(ctx, dir, plan.Nodes, o.chaos)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopLinks()) }()
	nodes, err := p.startDevNodes(ctx, dir, sockets, links, o.logLevel)
	defer func() { err = errors.Join(err, closeAll(ctx, nodes)) }()
	if err != nil {
		return err
	}
	cluster, err := newDevReach(dir, nodes)
	if err != nil {
		return err
	}
	if err := cluster.waitReady(ctx); err != nil {
		return err
	}
	if o.context != "" {
		giveBack, err := p.lendContext(contexts.Context{Name: o.context, Servers: cluster.endpoints, CA: cluster.ca})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, giveBack()) }()
	}
	if err := cluster.announce(p, o); err != nil {
		return err
	}
	return untilAnyEnds(ctx, nodes)
}

// devDir makes the folder, as an absolute path. A folder with anything in it is
// refused, because dev removes it at the end.
func devDir(dir string) (string, error) {
	if dir == "" {
		made, err := os.MkdirTemp("", "wraft-dev-")
		return made, localFileError(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", localFileError(err)
	}
	if len(entries) > 0 {
		return "", client.NewProblem(client.CodeAlreadyInitialized, "%s is not empty, and dev removes its folder at the end", dir).
			WithHint("Choose another folder with --dir.")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", localFileError(err)
	}
	abs, err := filepath.Abs(dir)
	return abs, localFileError(err)
}

func localFileError(err error) error {
	if err == nil {
		return nil
	}
	return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
}

// startDevNodes starts all nodes; those that run are returned also with an error.
func (p *Program) startDevNodes(ctx context.Context, dir string, s *sockets, links *chaos.Network, logLevel string) ([]Node, error) {
	var nodes []Node
	for i, n := range s.nodes() {
		cfg, err := loadConfig(filepath.Join(dir, bootstrap.NodeDir(n.ID), bootstrap.ConfigFile), nil, nil)
		if err != nil {
			return nodes, err
		}
		for j := range cfg.Nodes {
			if to := &cfg.Nodes[j]; links != nil && to.ID != n.ID {
				to.Via = links.Via(n.ID, to.ID)
			}
		}
		cfg.TLS.ClientAuth = nodeconfig.ClientAuthNone
		cfg.APIListener, cfg.APIConn, cfg.PeerConn = s.api[i], s.native[i], s.peer[i]
		cfg.CacheDir = filepath.Join(dir, devCacheDir)
		cfg.Limits.NodeMemory = server.NodeMemoryDefault(len(s.nodes()))
		cfg.Disk.MinFree, cfg.Disk.Ballast = devMinFree, devBallast
		cfg.Log.Level = logLevel
		if err := cfg.Validate(); err != nil {
			return nodes, usage("--log-level: %v", err)
		}
		node, err := p.Start(ctx, cfg, p.logger(cfg.Log))
		if err != nil {
			return nodes, startProblem(err)
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// devLinks puts relays between the nodes, where they are wanted; stop ends them.
func devLinks(ctx context.Context, dir string, nodes []nodeconfig.Node, wanted bool) (links *chaos.Network, stop func() error, err error) {
	if !wanted {
		return nil, func() error { return nil }, nil
	}
	addresses := map[client.NodeID]string{}
	for _, n := range nodes {
		addresses[n.ID] = n.Peer
	}
	links, err = chaos.NewNetwork(addresses, 1)
	if err != nil {
		return nil, nil, err
	}
	control, err := chaos.Serve(links, filepath.Join(dir, chaosFile))
	if err != nil {
		return nil, nil, errors.Join(err, links.Close())
	}
	return links, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return errors.Join(control.Close(ctx), links.Close())
	}, nil
}

// devReach is how to reach the nodes.
type devReach struct {
	dir, ca   string
	endpoints []string
	clients   []*client.Client // one per node
}

func newDevReach(dir string, nodes []Node) (*devReach, error) {
	d := &devReach{dir: dir, ca: filepath.Join(dir, bootstrap.AuthorityDir, pki.AuthorityCertFile)}
	conf, err := (&connection{ca: d.ca}).tlsConfig()
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		endpoint := "https://" + n.APIAddr()
		cl, err := client.New(client.Config{Endpoints: []string{endpoint}, TLS: conf})
		if err != nil {
			return nil, err
		}
		d.endpoints = append(d.endpoints, endpoint)
		d.clients = append(d.clients, cl)
	}
	return d, nil
}

// waitReady returns once every node knows the leader of the meta group, and is connected to
// all others: who looks then sees all of them up.
func (d *devReach) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, devReadyTimeout)
	defer cancel()
	for _, cl := range d.clients {
		defer cl.Close()
		for {
			info, err := cl.Cluster(ctx)
			if err == nil && len(info.Groups) > 0 && info.Groups[0].Leader != 0 && allUp(info) {
				break
			}
			select {
			case <-time.After(devPollInterval):
			case <-ctx.Done():
				return errors.Join(client.NewProblem(client.CodeNoLeader, "the cluster has no leader yet, or not all nodes are connected").WithCause(ctx.Err()), err)
			}
		}
	}
	return nil
}

// allUp reports whether a node is connected to all others.
func allUp(info client.ClusterInfo) bool {
	return !slices.ContainsFunc(info.Nodes, func(n client.NodeInfo) bool { return !n.Up })
}

// announce writes DIR/env and the ready file, and only then prints, so that who
// reads the first line may use the files.
func (d *devReach) announce(p *Program, o devOptions) error {
	envFile := filepath.Join(d.dir, "env")
	env := fmt.Sprintf("export WRAFT_SERVER=%s\nexport WRAFT_CA='%s'\nexport %s='%s'\nunset WRAFT_CERT WRAFT_KEY\n", strings.Join(d.endpoints, ","), d.ca, devVariable, d.dir)
	if err := os.WriteFile(envFile, []byte(env), 0o644); err != nil {
		return localFileError(err)
	}
	if o.readyFile != "" {
		if err := writeWhole(o.readyFile, strings.Join(d.endpoints, "\n")+"\n"); err != nil {
			return localFileError(err)
		}
	}
	fmt.Fprintf(p.Stdout, "%d nodes are up: %s\n\n%s", len(d.endpoints), strings.Join(d.endpoints, " "), env)
	next := "source " + envFile + " && "
	if o.context != "" {
		next = ""
	}
	fmt.Fprintf(p.Stderr, "\nnext, in another terminal: %swraftd deploy FILE\n"+
		"to watch it, in a browser: %s/ui (it warns, because it does not know the certificates, which were made for the occasion)\n"+
		"Ctrl-C stops the cluster and removes %s\n", next, d.endpoints[0], d.dir)
	return nil
}

// writeWhole makes a file appear with all its content at once.
func writeWhole(path, content string) error {
	next := path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// untilAnyEnds returns nil when ctx ends, or why a node did.
func untilAnyEnds(ctx context.Context, nodes []Node) error {
	ended := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { ended <- n.Wait() }()
	}
	select {
	case err := <-ended:
		return errors.Join(errors.New("cli: a node ended by itself"), err)
	case <-ctx.Done():
		return nil
	}
}

// closeAll stops all nodes at once, because each waits for the others' answers.
func closeAll(ctx context.Context, nodes []Node) error {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	closed := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { closed <- n.Close(stop) }()
	}
	var problems []error
	for range nodes {
		problems = append(problems, <-closed)
	}
	return errors.Join(problems...)
}
