package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
	"github.com/wraft/wraft/internal/relay"
)

// Config says what to measure.
type Config struct {
	// Dir is an empty folder for everything that is written. Required.
	Dir string
	// Rounds is how many leaders are struck. At least 1.
	Rounds int
	// Cut cuts the links of the leader's instead of killing it, and mends them after
	// the round. The clients still reach it.
	Cut bool
	// Protocol is how the clients speak to nodes; default client.ProtocolAuto.
	Protocol client.Protocol
	// Log takes a line per round; required.
	Log func(format string, args ...any)
}

const (
	machine = "counter"
	workers = 16
	// between are the increments that are answered before the next blow.
	between = 500
)

// Result is how long each round lasted, in its order.
type Result struct{ Times []time.Duration }

// Median is the middle one; of an even number, the greater of the two.
func (r Result) Median() time.Duration { return r.sorted()[len(r.Times)/2] }

// Max is the longest.
func (r Result) Max() time.Duration { return r.sorted()[len(r.Times)-1] }

func (r Result) sorted() []time.Duration { return slices.Sorted(slices.Values(r.Times)) }

// String is the stable last line of make failover. A run that lost anything ends
// with an error instead.
func (r Result) String() string {
	return fmt.Sprintf("failover: median_ms=%d max_ms=%d lost=0", r.Median().Milliseconds(), r.Max().Milliseconds())
}

// run is a measurement under way.
type run struct {
	cfg     Config
	cluster *cluster.Cluster
	links   *cluster.Links // nil: none are cut
	client  *client.Client // asks who leads
	load    *counter.Load
}

// Run measures on three nodes with the configuration that wraftd init writes. An error
// says what is lost or doubled, or what kept the measurement from its end.
func Run(ctx context.Context, cfg Config) (Result, error) {
	r := &run{cfg: cfg}
	result, err := r.all(ctx)
	if r.client != nil {
		r.client.Close()
	}
	if r.cluster != nil {
		err = errors.Join(err, r.cluster.KillAll())
	}
	if r.links != nil {
		err = errors.Join(err, r.links.Close())
	}
	return result, err
}

func (r *run) all(ctx context.Context) (result Result, err error) {
	if err := r.setUp(ctx); err != nil {
		return result, err
	}
	for round := range r.cfg.Rounds {
		took, err := r.round(ctx)
		if err != nil {
			return result, fmt.Errorf("failover: round %d: %w", round, err)
		}
		result.Times = append(result.Times, took)
		r.cfg.Log("round %d: %d ms", round, took.Milliseconds())
	}
	_, err = r.load.Settle(ctx, r.cluster.Endpoints(), r.cluster.TLS())
	return result, err
}

// setUp starts a cluster with the counter on it, and the load.
func (r *run) setUp(ctx context.Context) error {
	c, module, err := cluster.Prepare(ctx, r.cfg.Dir, "failover", "examples/wasm-counter")
	if err != nil {
		return err
	}
	r.cluster = c
	if r.cfg.Cut {
		if r.links, err = r.cluster.Link(1); err != nil {
			return err
		}
	}
	if err := c.Launch(ctx, module, machine); err != nil {
		return err
	}
	if r.client, err = client.New(client.Config{Endpoints: r.cluster.Endpoints(), TLS: r.cluster.TLS(), Protocol: r.cfg.Protocol, AttemptsMax: 1 << 20}); err != nil {
		return fmt.Errorf("failover: %w", err)
	}
	r.load = counter.Start(ctx, counter.Config{Clients: []*client.Client{r.client}, Machine: machine, Workers: workers, Patience: 2 * time.Minute})
	return nil
}

// round strikes the leader and says how long nobody was answered.
func (r *run) round(ctx context.Context) (time.Duration, error) {
	if err := r.load.WaitFor(ctx, r.load.Acknowledged()+between); err != nil {
		return 0, err
	}
	leader, err := r.leader(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := r.strike(leader); err != nil {
		return 0, err
	}
	if err := r.load.WaitForLater(ctx, r.load.Begun()); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, r.mend(ctx, leader)
}

func (r *run) strike(leader *cluster.Node) error {
	if !r.cfg.Cut {
		return leader.Kill()
	}
	cut := relay.Conditions{Cut: true}
	return errors.Join(r.links.SetFrom(leader.ID, cut), r.links.SetTo(leader.ID, cut))
}

func (r *run) mend(ctx context.Context, leader *cluster.Node) error {
	if !r.cfg.Cut {
		return errors.Join(leader.Start(), r.cluster.WaitReady(ctx))
	}
	return errors.Join(r.links.SetAll(relay.Conditions{}), r.cluster.WaitReady(ctx))
}

// leader asks until a node knows who leads the machine.
func (r *run) leader(ctx context.Context) (*cluster.Node, error) {
	for {
		m, err := r.client.Machine(ctx, machine, false)
		for _, n := range r.cluster.Nodes {
			if err == nil && n.ID == m.Leader {
				return n, nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("failover: no leader: %w", ctx.Err()), err)
		}
	}
}
