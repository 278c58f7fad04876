package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
	"github.com/wraft/wraft/conformance/kvload"
	"github.com/wraft/wraft/internal/relay"
)

// nemesis causes trouble, one kind at a time or two.
type nemesis struct {
	c     *cluster.Cluster
	links *cluster.Links
	admin *client.Client
	rng   *rand.Rand
	log   func(format string, args ...any)
	kinds []trouble
	// releases are two builds of wraftd, modules two versions of the counter; whichever
	// was taken last is the first.
	releases [2]string
	modules  [2]client.Digest
	deployed int
	hurt     *cluster.Node // whose disk was struck last
	// demoted are those whose demotion was asked for and has not been seen to end.
	demoted map[client.NodeID]bool

	kv    *kvload.Load
	count *counter.Load
	// patience is how long the cluster may take to work, or to be whole, once trouble is over.
	patience time.Duration
	// workers of the key-value machine, 0 for as many as usual.
	workers int
	// died says which nodes ended by themselves.
	died []string
	// struck counts troubles by name, acts what an operator did.
	struck map[string]int
	acts   acts
	// haste is how long an operator waits for an act.
	haste time.Duration
}

// rage strikes until the time is up. Between two strikes the cluster must come back to
// work.
func (n *nemesis) rage(ctx context.Context, lasts time.Duration) error {
	within, end := context.WithTimeout(ctx, lasts)
	defer end()
	for within.Err() == nil {
		if err := n.strike(ctx, within); err != nil {
			return err
		}
		over := time.Now()
		if err := errors.Join(n.revive(), n.comeBack(ctx)); err != nil {
			return err
		}
		n.log("  at work again after %.1f s", time.Since(over).Seconds())
	}
	return nil
}

// revive starts nodes that run no more though all trouble is over, and remembers them: a node
// may end by itself for its disk alone, and that is a trouble of its own.
func (n *nemesis) revive() error {
	var errs []error
	for _, node := range n.c.Nodes {
		if !node.Running() {
			n.log("  node %d ended by itself", node.ID)
			n.died = append(n.died, fmt.Sprintf("node %d ended by itself: %s", node.ID, lastWords(node)))
			errs = append(errs, node.Start())
		}
	}
	return errors.Join(errs...)
}

// lastWords is where a node's log has a panic, or else its end.
func lastWords(node *cluster.Node) string {
	text := node.LogTail(1 << 16)
	if at := strings.LastIndex(text, "panic:"); at >= 0 {
		text, _, _ = strings.Cut(text[at:], "\n")
		return text
	}
	return text[max(0, len(text)-300):]
}

// comeBack waits until the cluster works again.
func (n *nemesis) comeBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.patience)
	defer cancel()
	return n.work(ctx)
}

// work waits until both machines have answered more.
func (n *nemesis) work(ctx context.Context) error {
	kv, count := n.kv.Answered(), n.count.Begun()
	return errors.Join(n.kv.WaitFor(ctx, kv+20), n.count.WaitForLater(ctx, count))
}

// strike begins one trouble or two, lasts for a while, but not beyond within, and ends them.
func (n *nemesis) strike(ctx, within context.Context) error {
	first := n.draw()
	if first.alone {
		return n.strikeAlone(ctx, first)
	}
	kinds := []trouble{first}
	if second := n.draw(); n.rng.IntN(2) == 0 && !second.alone {
		kinds = append(kinds, second)
	}
	var ends []func() error
	for _, t := range kinds {
		end, err := n.begin(ctx, t)
		if err != nil {
			return err
		}
		ends = append(ends, end)
	}
	pauseFor(within, time.Duration(200+n.rng.IntN(4000))*time.Millisecond)
	var errs []error
	for _, end := range ends {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// draw chooses a kind, those that strike alone half as often: they take as long as several
// others.
func (n *nemesis) draw() trouble {
	t := n.kinds[n.rng.IntN(len(n.kinds))]
	if t.alone && n.rng.IntN(2) == 0 {
		return n.kinds[n.rng.IntN(len(n.kinds))]
	}
	return t
}

func (n *nemesis) begin(ctx context.Context, t trouble) (end func() error, err error) {
	n.log("%s", t.name)
	n.struck[t.name]++
	if end, err = t.begin(n, ctx); err != nil {
		return nil, fmt.Errorf("nemesis: %s: %w", t.name, err)
	}
	return end, nil
}

// strikeAlone has a node of a whole cluster suffer something, and waits until the cluster is
// whole again.
func (n *nemesis) strikeAlone(ctx context.Context, t trouble) error {
	if err := n.whole(ctx); err != nil {
		return err
	}
	end, err := n.begin(ctx, t)
	if err == nil {
		err = errors.Join(end(), n.whole(ctx))
	}
	if err == nil {
		err = n.prove(ctx)
	}
	return err
}

// whole ends all trouble and waits until all nodes vote.
func (n *nemesis) whole(ctx context.Context) error {
	if err := errors.Join(n.heal(), n.c.Start(), n.c.WaitReady(ctx)); err != nil {
		return err
	}
	for !n.demotionsEnd(ctx) || !n.allVote(ctx) {
		if err := pauseFor(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("nemesis: not all nodes vote: %w", err)
		}
	}
	return nil
}

// demotionsEnd reports whether every node that was demoted was a learner in all groups since.
//
// Why: a group whose demotion is under way, while the node is promoted again, still counts as one
// where it votes, by what it reported before. Whose disk is lost then may be half of its voters.
func (n *nemesis) demotionsEnd(ctx context.Context) bool {
	if len(n.demoted) == 0 {
		return true
	}
	info, err := n.admin.Cluster(ctx)
	if err != nil {
		return false
	}
	for _, node := range info.Nodes {
		switch {
		case !n.demoted[node.ID]:
		case node.State == client.NodeLearner && node.Settled():
			delete(n.demoted, node.ID)
		case node.State == client.NodeVoter:
			n.seat(ctx, "demote", node.ID, client.NodeLearner)
		}
	}
	return len(n.demoted) == 0
}

// proofPause is how long a node is paused to see whether the others can do without it.
const proofPause = 5 * time.Second

// prove waits until the node that was hurt counts again: without one of the two others the
// cluster then still works.
func (n *nemesis) prove(ctx context.Context) error {
	for i := 0; ; i++ {
		other := n.c.Nodes[i%len(n.c.Nodes)]
		if other == n.hurt {
			continue
		}
		if err := other.Pause(); err != nil {
			return err
		}
		proof, cancel := context.WithTimeout(ctx, proofPause)
		worked := n.work(proof)
		cancel()
		if err := errors.Join(other.Resume(), n.work(ctx)); err != nil || worked == nil {
			return err
		}
	}
}

// allVote reports whether every node votes in all groups, in its newest life. It promotes
// those that were demoted.
func (n *nemesis) allVote(ctx context.Context) bool {
	info, err := n.admin.Cluster(ctx)
	all := err == nil
	for _, node := range info.Nodes {
		if node.State == client.NodeLearner {
			n.seat(ctx, "promote", node.ID, client.NodeVoter)
		}
		all = all && node.State == client.NodeVoter && node.Settled() && node.Incarnation == node.Lives
	}
	return all
}

// victim is a node, half of the time the one that leads the key-value machine.
func (n *nemesis) victim(ctx context.Context) *cluster.Node {
	if n.rng.IntN(2) == 0 {
		return n.leading(ctx)
	}
	return n.anyone()
}

func (n *nemesis) anyone() *cluster.Node { return n.c.Nodes[n.rng.IntN(len(n.c.Nodes))] }

// leading is the node that leads the key-value machine, as far as one hears; anyone
// otherwise.
func (n *nemesis) leading(ctx context.Context) *cluster.Node {
	ctx, cancel := context.WithTimeout(ctx, operateTimeout)
	defer cancel()
	info, err := n.admin.Machine(ctx, kvMachine, false)
	if err != nil || info.Leader == 0 || int(info.Leader) > len(n.c.Nodes) {
		return n.anyone()
	}
	return n.c.Nodes[info.Leader-1]
}

func (n *nemesis) heal() error { return n.links.SetAll(relay.Conditions{}) }

// pauseFor waits, or returns the context's error when that ends first.
func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
