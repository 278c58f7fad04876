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
	// Cluster runs, with the machines of SetUp on it. Required.
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
	// Reports are the verdicts on the machines, in the order of their names.
	Reports []*history.Report
}

// machines are the names of the two machines of a storm. The snapshots of the first are
// images, those of the second are exports.
var machines = [2]string{"kv", "kv-export"}

// total adds up a figure of all reports.
func (r Result) total(figure func(*history.Report) int) (sum int) {
	for _, report := range r.Reports {
		sum += figure(report)
	}
	return sum
}

// Ops is how many operations were judged.
func (r Result) Ops() int { return r.total(func(r *history.Report) int { return r.Ops }) }

// Answered is how many of them had an answer.
func (r Result) Answered() int { return r.total(func(r *history.Report) int { return r.Answered }) }

// String is the stable last line of make killstorm. Unknown is how many keys the
// search gave no verdict on; an operation of unknown outcome is no such.
func (r Result) String() string {
	return fmt.Sprintf("killstorm: rounds=%d ops=%d lost=%d doubled=%d unknown=%d", r.Rounds, r.Ops(),
		r.total(func(r *history.Report) int { return r.Lost }),
		r.total(func(r *history.Report) int { return r.Doubled }),
		r.total(func(r *history.Report) int { return r.Unknown }))
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
	s := &storm{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0))}
	for i, machine := range machines {
		s.loads = append(s.loads, kvload.Start(ctx, kvload.Config{Clients: clients, Machine: machine, Workers: workers[i], SearchPatience: searchPatience, Seed: cfg.Seed + uint64(i)}))
	}
	for round := range cfg.Rounds {
		if err := s.round(ctx, round); err != nil {
			return Result{}, fmt.Errorf("killstorm: round %d: %w", round, err)
		}
	}
	if err := errors.Join(cfg.Cluster.Start(), cfg.Cluster.WaitReady(ctx)); err != nil {
		return Result{}, err
	}
	r := Result{Rounds: cfg.Rounds, Kills: s.kills}
	for i, machine := range machines {
		report, err := s.loads[i].Stop(ctx)
		if err != nil {
			return Result{}, err
		}
		if _, err := replicas.Compare(ctx, cfg.Cluster.Endpoints(), cfg.Cluster.TLS(), machine); err != nil {
			return Result{}, err
		}
		r.Reports = append(r.Reports, report)
	}
	return r, r.snapshots(ctx, cfg, clients[0])
}

// workers are how many clients each of the machines has at a time.
var workers = [len(machines)]int{8, 4}

// snapshots counts them, and complains when there were none of a kind.
func (r *Result) snapshots(ctx context.Context, cfg Config, c *client.Client) (err error) {
	if r.Snapshots, err = cfg.Cluster.Snapshots(); err != nil {
		return err
	}
	if cfg.Rounds < snapshotRounds {
		return nil
	}
	if r.Snapshots.Taken == 0 || r.Snapshots.Restored == 0 {
		return fmt.Errorf("killstorm: %+v: no log was cut, or no replica began from a snapshot", r.Snapshots)
	}
	info, err := c.Machine(ctx, machines[1], false)
	if err == nil && (info.Snapshot != client.SnapshotExport || info.LastExport == nil || info.LastExport.Refused != "") {
		err = fmt.Errorf("killstorm: %s has snapshots by %q, the newest export is %+v", machines[1], info.Snapshot, info.LastExport)
	}
	return err
}

// snapshotRounds is after how many rounds every replica must have had to do with snapshots:
// the log of the fewest operations that a round waits for is several times what
// lies between two.
const snapshotRounds = 10

// SetUp builds wraftd and the key-value machine of examples/wasm-kv into dir, starts
// three nodes there and deploys the machine twice, with snapshots of images and of exports.
func SetUp(ctx context.Context, dir string) (*cluster.Cluster, error) {
	c, module, err := cluster.Prepare(ctx, dir, "killstorm", "examples/wasm-kv", cluster.SmallSnapshots...)
	if err != nil {
		return nil, err
	}
	err = c.Launch(ctx, module, machines[0])
	if err == nil {
		err = c.Deploy(ctx, module, machines[1], "--snapshot", "export")
	}
	if err != nil {
		return nil, errors.Join(err, c.KillAll())
	}
	return c, nil
}

// newClients are clients that do not give up before their contexts end, with all
// protocols in turn.
func newClients(c *cluster.Cluster, n int) (out []*client.Client, err error) {
	protocols := []client.Protocol{client.ProtocolNative, client.ProtocolAuto, client.ProtocolHTTP}
	for i := range n {
		cl, err := client.New(client.Config{Endpoints: c.Endpoints(), TLS: c.TLS(), AttemptsMax: 1 << 20, Protocol: protocols[i%len(protocols)]})
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
	loads []*kvload.Load // of the machines
	rng   *rand.Rand
	kills int
}

// round lets the clients work for a while and kills.
func (s *storm) round(ctx context.Context, round int) error {
	// A different number of operations per round lets the signal meet different
	// moments of a write.
	if err := s.work(ctx, 20+s.rng.IntN(200), 10); err != nil {
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
	if err := s.work(ctx, 1, 1); err != nil {
		return err
	}
	s.cfg.Log("round %d: killed %d, at work %.1f s after", round, len(victims), time.Since(began).Seconds())
	return nil
}

// work waits until each machine has answered so many operations more.
func (s *storm) work(ctx context.Context, more ...int) error {
	before := make([]int, len(s.loads))
	for i, l := range s.loads {
		before[i] = l.Answered()
	}
	for i, l := range s.loads {
		if err := l.WaitFor(ctx, before[i]+more[i]); err != nil {
			return err
		}
	}
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
