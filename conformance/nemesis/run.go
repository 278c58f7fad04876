package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
	"github.com/wraft/wraft/conformance/kvload"
)

// Config says what trouble to cause.
type Config struct {
	// Dir is an empty folder for everything. Required.
	Dir string
	// Lasts is how long trouble lasts. Required.
	Lasts time.Duration
	// Seed chooses the troubles and their order. With an odd one the nodes answer reads by
	// lease.
	Seed uint64
	// Faults are the names of the troubles to choose from; empty: all, see Faults.
	Faults []string
	// Bug is one of package raft/mutant that the nodes are built with, for a nemesis that
	// has to notice; empty: none.
	Bug string
	// Log takes the record, a line at a time; required.
	Log func(format string, args ...any)
}

// The machines under load.
const (
	kvMachine      = "kv"
	counterMachine = "counter"
)

// Result is what a run came to.
type Result struct {
	// Ops is how many operations clients began, of both machines.
	Ops int
	// Lost were acknowledged and are not there, Doubled are there twice; Illegal are keys
	// and indexes that no order explains, Unknown keys without a verdict.
	Lost, Doubled, Illegal, Unknown int
	// Struck counts troubles by name.
	Struck map[string]int
	// Acts say what an operator did by kind, and how much of it took effect.
	Acts fmt.Stringer
	// Problems say what is wrong, in words.
	Problems []string
	// Drawing is a page that shows the first key without an order, "" when all have one.
	Drawing string
}

// OK reports whether nothing is wrong and nothing is open.
func (r Result) OK() bool { return len(r.Problems) == 0 }

// String is the stable last line of make nemesis.
func (r Result) String() string {
	faults := 0
	for _, times := range r.Struck {
		faults += times
	}
	return fmt.Sprintf("nemesis: ops=%d lost=%d doubled=%d illegal=%d unknown=%d faults=%d", r.Ops, r.Lost, r.Doubled, r.Illegal, r.Unknown, faults)
}

// ErrSetUp: nothing was judged, since there is no cluster; the cause says why.
var ErrSetUp = errors.New("nemesis: set up")

// Times of a run.
const (
	searchPatience = time.Minute      // of the search for an order of one key's operations
	opPatience     = 3 * time.Minute  // of one operation, until the cluster works again, and until it is whole
	judgePatience  = 4 * time.Minute  // of all that is done once trouble is over
	bugPatience    = 20 * time.Second // the same of nodes with a bug, which may never be whole again
	toldEvery      = time.Minute      // how often the record says how far the loads are
)

// bugWorkers is how many clients the key-value machine has in a run that has to notice a bug:
// what the bug strikes must be under way.
const bugWorkers = 30

// Run sets a cluster up, causes trouble under load, and judges what clients saw, also when
// something kept it from its end: that is a problem beside others. The error is about what
// kept it from a verdict; ctx bounds the trouble.
func Run(ctx context.Context, cfg Config) (r Result, err error) {
	n, err := setUp(ctx, cfg)
	if err != nil {
		return r, fmt.Errorf("%w: %w", ErrSetUp, err)
	}
	defer func() { err = errors.Join(err, n.c.KillAll(), n.links.Close()) }()
	clients, err := newClients(n.c, 4)
	if err != nil {
		return r, err
	}
	defer closeAll(clients)
	n.admin = clients[3]
	readers, err := n.readers()
	if err != nil {
		return r, err
	}
	defer closeAll(readers)
	n.kv = kvload.Start(ctx, kvload.Config{Clients: clients[:3], Readers: readers, Machine: kvMachine, Workers: n.workers, Seed: cfg.Seed, Patience: opPatience, SearchPatience: searchPatience, FullDisks: true})
	n.count = counter.Start(ctx, counter.Config{Clients: clients[:3], Machine: counterMachine, Workers: 4, Patience: opPatience, FullDisks: true})
	told := n.tell()
	defer told()
	broken := n.work(ctx)
	if broken == nil {
		broken = n.rage(ctx, cfg.Lasts)
	}
	if broken == nil {
		broken = n.makeWhole(ctx)
	}
	if broken == nil {
		broken = n.proveActs(ctx)
	}
	return n.judge(ctx, cfg.Dir, broken)
}

// setUp starts three nodes with relays between them and the machines on them.
func setUp(ctx context.Context, cfg Config) (*nemesis, error) {
	n := &nemesis{patience: opPatience, rng: rand.New(rand.NewPCG(cfg.Seed, 0)), struck: map[string]int{}, demoted: map[client.NodeID]bool{}, acts: acts{}, haste: operateTimeout, log: cfg.Log}
	for _, t := range troubles {
		if len(cfg.Faults) == 0 || slices.Contains(cfg.Faults, t.name) {
			n.kinds = append(n.kinds, t)
		}
	}
	if len(n.kinds) == 0 || len(n.kinds) < len(cfg.Faults) {
		return nil, fmt.Errorf("nemesis: %q: there are %q", cfg.Faults, Faults())
	}
	if err := n.build(ctx, cfg); err != nil {
		return nil, err
	}
	files := map[string]string{kvMachine: "examples/wasm-kv", counterMachine: "examples/wasm-counter", "counter2": "internal/wasmtest/guests/counter2"}
	var paths []string
	for name, folder := range files {
		file := filepath.Join(cfg.Dir, name+".wasm")
		if err := cluster.BuildModule(ctx, folder, file); err != nil {
			return nil, err
		}
		paths = append(paths, file)
	}
	// Compiled once and not by three nodes at once: that is not what is tested here.
	compiled := filepath.Join(cfg.Dir, "compiled")
	if err := cluster.Compile(ctx, cluster.Config{Wraftd: n.releases[0], Dir: filepath.Join(cfg.Dir, "compiler"), Compiled: compiled}, paths...); err != nil {
		return nil, err
	}
	flags := slices.Concat(cluster.SmallSnapshots, diskFlags)
	if cfg.Seed%2 == 1 {
		flags = slices.Concat(flags, cluster.LeaseReads)
	}
	c, err := cluster.New(ctx, cluster.Config{Wraftd: n.releases[0], Dir: filepath.Join(cfg.Dir, "cluster"), Name: "nemesis", Compiled: compiled, Flags: flags})
	if err != nil {
		return nil, err
	}
	if n.links, err = c.Link(cfg.Seed); err != nil {
		return nil, err
	}
	n.c = c
	if err := n.launch(ctx, cfg.Dir); err != nil {
		return nil, errors.Join(err, c.KillAll(), n.links.Close())
	}
	return n, nil
}

// build makes the two builds of wraftd, with the same bug if there is to be one.
func (n *nemesis) build(ctx context.Context, cfg Config) (err error) {
	if cfg.Bug != "" {
		n.patience, n.workers = bugPatience, bugWorkers
		n.releases[0], err = cluster.BuildPlanted(ctx, cfg.Dir, cfg.Bug)
		n.releases[1] = n.releases[0]
		return err
	}
	for i, version := range []string{"one", "two"} {
		if n.releases[i], err = cluster.BuildVersion(ctx, cfg.Dir, version, cluster.Brittle); err != nil {
			return err
		}
	}
	return nil
}

// launch starts the nodes and deploys; both versions of the counter are uploaded.
func (n *nemesis) launch(ctx context.Context, dir string) error {
	if err := n.c.Launch(ctx, filepath.Join(dir, "kv.wasm"), kvMachine); err != nil {
		return err
	}
	for i, name := range []string{"counter", "counter2"} {
		file := filepath.Join(dir, name+".wasm")
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("nemesis: %w", err)
		}
		n.modules[i] = client.DigestOf(data)
		if err := n.c.Deploy(ctx, file, map[int]string{0: counterMachine, 1: "spare"}[i]); err != nil {
			return err
		}
	}
	return nil
}

// newClients are clients that do not give up before their contexts end, with all protocols
// in turn.
func newClients(c *cluster.Cluster, count int) (out []*client.Client, err error) {
	protocols := []client.Protocol{client.ProtocolNative, client.ProtocolAuto, client.ProtocolHTTP}
	for i := range count {
		cl, err := client.New(client.Config{Endpoints: c.Endpoints(), TLS: c.TLS(), AttemptsMax: 1 << 20, Protocol: protocols[i%len(protocols)]})
		if err != nil {
			return nil, fmt.Errorf("nemesis: %w", err)
		}
		out = append(out, cl)
	}
	return out, nil
}

// readers are clients of one node each, which ask no other: what a node answers that no longer
// leads, and has not heard of it.
func (n *nemesis) readers() (out []*client.Client, err error) {
	for _, node := range n.c.Nodes {
		cl, err := client.New(client.Config{Endpoints: []string{node.URL()}, EndpointsOnly: true, TLS: n.c.TLS(), AttemptsMax: 1, Protocol: client.ProtocolHTTP})
		if err != nil {
			return nil, fmt.Errorf("nemesis: %w", err)
		}
		out = append(out, cl)
	}
	return out, nil
}

func closeAll(clients []*client.Client) {
	for _, c := range clients {
		c.Close()
	}
}

// tell has the record say how far the loads are, until the returned function has ended it.
func (n *nemesis) tell() (end func()) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(toldEvery)
		defer ticker.Stop()
		for began := time.Now(); ; {
			select {
			case <-ticker.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				n.log("after %v: %d operations were answered, %d MiB in use here", time.Since(began).Round(time.Second), n.kv.Answered()+n.count.Acknowledged(), m.HeapAlloc>>20)
			case <-stop:
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-ended
	}
}
