package killstorm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/history"
	"github.com/wraft/wraft/conformance/kvload"
	"github.com/wraft/wraft/conformance/replicas"
)

// Config says what storm to make.
type Config struct {
	// Cluster runs, with a key-value machine named kv on it. Required.
	Cluster *cluster.Cluster
	// Rounds is how often processes are killed. At least 1.
	Rounds int
	// Seed chooses the victims and their moments.
	Seed uint64
	// Log takes a line per round; required.
	Log func(format string, args ...any)
}

// Result is what a storm came to.
type Result struct {
	Rounds int
	// Kills is how many processes were killed.
	Kills int
	// Snapshots is what the nodes had to do with snapshots.
	Snapshots cluster.Snapshots
	Report    *history.Report
}

// String is the stable last line of make killstorm. Unknown is how many keys the
// search gave no verdict on; an operation of unknown outcome is no such.
func (r Result) String() string {
	return fmt.Sprintf("killstorm: rounds=%d ops=%d lost=%d doubled=%d unknown=%d", r.Rounds, r.Report.Ops, r.Report.Lost, r.Report.Doubled, r.Report.Unknown)
}

// searchPatience bounds the search for an order of one key's operations.
const searchPatience = time.Minute

// Run makes a storm and judges it. The error is about what kept it from its end: a
// process that does not start again, a cluster that does not come back to work, or
// nodes that differ in the end. ctx bounds it all.
func Run(ctx context.Context, cfg Config) (Result, error) {
	clients, err := newClients(cfg.Cluster, 3)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		for _, c := range clients {
			c.Close()
		}
	}()
	load := kvload.Start(ctx, kvload.Config{Clients: clients, Seed: cfg.Seed})
	s := &storm{cfg: cfg, load: load, rng: rand.New(rand.NewPCG(cfg.Seed, 0))}
	for round := range cfg.Rounds {
		if err := s.round(ctx, round); err != nil {
			return Result{}, fmt.Errorf("killstorm: round %d: %w", round, err)
		}
	}
	if err := errors.Join(cfg.Cluster.Start(), cfg.Cluster.WaitReady(ctx)); err != nil {
		return Result{}, err
	}
	ops, err := load.Stop(ctx)
	if err != nil {
		return Result{}, err
	}
	if _, err := replicas.Compare(ctx, cfg.Cluster.Endpoints(), cfg.Cluster.TLS(), "kv"); err != nil {
		return Result{}, err
	}
	r := Result{Rounds: cfg.Rounds, Kills: s.kills, Report: history.Check(ops, searchPatience)}
	if r.Snapshots, err = cfg.Cluster.Snapshots(); err != nil {
		return r, err
	}
	if cfg.Rounds >= snapshotRounds && (r.Snapshots.Taken == 0 || r.Snapshots.Restored == 0) {
		return r, fmt.Errorf("killstorm: %+v: no log was cut, or no replica began from a snapshot", r.Snapshots)
	}
	return r, nil
}

// snapshotRounds is after how many rounds every replica must have had to do with snapshots:
// the log of the fewest operations that a round waits for is several times what
// lies between two.
const snapshotRounds = 10

// SetUp builds wraftd and the key-value machine of examples/wasm-kv into dir, starts
// three nodes there and deploys the machine as kv.
func SetUp(ctx context.Context, dir string) (*cluster.Cluster, error) {
	c, module, err := cluster.Prepare(ctx, dir, "killstorm", "examples/wasm-kv", cluster.SmallSnapshots...)
	if err != nil {
		return nil, err
	}
	if err := c.Launch(ctx, module, "kv"); err != nil {
		return nil, errors.Join(err, c.KillAll())
	}
	return c, nil
}

// newClients are clients that do not give up before their contexts end.
func newClients(c *cluster.Cluster, n int) (out []*client.Client, err error) {
	for range n {
		cl, err := client.New(client.Config{Endpoints: c.Endpoints(), TLS: c.TLS(), AttemptsMax: 1 << 20})
		if err != nil {
			return nil, fmt.Errorf("killstorm: %w", err)
		}
		out = append(out, cl)
	}
	return out, nil
}

// storm is one that is under way.
type storm struct {
	cfg   Config
	load  *kvload.Load
	rng   *rand.Rand
	kills int
}

// round lets the clients work for a while and kills.
func (s *storm) round(ctx context.Context, round int) error {
	// A different number of operations per round lets the signal meet different
	// moments of a write.
	if err := s.load.WaitFor(ctx, s.load.Answered()+20+s.rng.IntN(200)); err != nil {
		return err
	}
	victims := s.victims()
	began := time.Now()
	if err := s.kill(victims); err != nil {
		return err
	}
	if err := s.start(ctx, victims); err != nil {
		return err
	}
	// The cluster must come back to work, however long it takes.
	if err := s.load.WaitFor(ctx, s.load.Answered()+1); err != nil {
		return err
	}
	s.cfg.Log("round %d: killed %d, at work %.1f s after", round, len(victims), time.Since(began).Seconds())
	return nil
}

// victims are one node, two of them or all.
func (s *storm) victims() []*cluster.Node {
	nodes := append([]*cluster.Node(nil), s.cfg.Cluster.Nodes...)
	s.rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	switch s.rng.IntN(4) {
	case 0:
		return nodes
	case 1:
		return nodes[:2]
	}
	return nodes[:1]
}

// kill ends all victims, at once.
func (s *storm) kill(victims []*cluster.Node) error {
	ended := make(chan error, len(victims))
	for _, n := range victims {
		go func() { ended <- n.Kill() }()
	}
	var errs []error
	for range victims {
		s.kills++
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// start starts victims again, one after the other, some of them after a second
// blow while they recover.
func (s *storm) start(ctx context.Context, victims []*cluster.Node) error {
	for _, n := range victims {
		if err := rest(ctx, s.upTo(500*time.Millisecond)); err != nil {
			return err
		}
		if err := n.Start(); err != nil {
			return err
		}
		if s.rng.IntN(4) > 0 {
			continue
		}
		if err := rest(ctx, s.upTo(700*time.Millisecond)); err != nil {
			return err
		}
		if err := errors.Join(s.kill([]*cluster.Node{n}), n.Start()); err != nil {
			return err
		}
	}
	return nil
}

func (s *storm) upTo(d time.Duration) time.Duration { return time.Duration(s.rng.Int64N(int64(d))) }

// rest waits, or returns the context's error when that ends first.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
