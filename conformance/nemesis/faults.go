package nemesis

import (
	"context"
	"errors"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/relay"
)

// trouble begins one kind of fault and returns how it ends.
type trouble struct {
	name  string
	begin func(n *nemesis, ctx context.Context) (end func() error, err error)
	// alone: it strikes a whole cluster, and the next waits until the cluster is whole
	// again. Why: of three disks one may be lost at a time.
	alone bool
}

// troubles are all kinds, by the names of docs/TESTING.md.
var troubles = []trouble{
	{name: "crash", begin: crash},
	{name: "crash of all", begin: crashAll},
	{name: "pause", begin: pause},
	{name: "loss", begin: worsen(relay.Conditions{Loss: 0.15})},
	{name: "bursts of loss", begin: worsen(relay.Conditions{Loss: 0.1, LossBurst: 20})},
	{name: "duplication and reordering", begin: worsen(relay.Conditions{Duplicate: 0.2, Reorder: 0.2})},
	{name: "corruption", begin: worsen(relay.Conditions{Corrupt: 0.05})},
	{name: "far away", begin: worsen(relay.Conditions{Delay: 75 * time.Millisecond, Jitter: 20 * time.Millisecond})},
	{name: "narrow", begin: worsen(relay.Conditions{BytesPerSecond: 60_000, QueueBytes: 30_000})},
	{name: "isolation", begin: isolate},
	{name: "one-way cut", begin: cutOneWay},
	{name: "new ports", begin: rebind},
	{name: "transfer", begin: transfer},
	{name: "membership", begin: demote},
	{name: "upgrade of a machine", begin: upgrade},
	{name: "deploy and delete", begin: deploy},
	{name: "another release", begin: rerelease},
	{name: "lost disk", begin: loseDisk, alone: true},
	{name: "bit rot", begin: rot, alone: true},
}

// Faults are the names of all kinds of trouble.
func Faults() (names []string) {
	for _, t := range troubles {
		names = append(names, t.name)
	}
	return names
}

func crash(n *nemesis, _ context.Context) (func() error, error) {
	node := n.victim()
	return func() error { return startAgain(node) }, node.Kill()
}

func crashAll(n *nemesis, _ context.Context) (func() error, error) {
	return n.c.Start, n.c.KillAll()
}

// startAgain starts a node that another trouble has not started yet.
func startAgain(node *cluster.Node) error {
	if node.Running() {
		return nil
	}
	return node.Start()
}

// pause freezes a process; it wakes up to everything that happened meanwhile.
func pause(n *nemesis, _ context.Context) (func() error, error) {
	node := n.victim()
	return node.Resume, node.Pause()
}

// worsen makes the links between all nodes, or to one of them, worse.
func worsen(c relay.Conditions) func(*nemesis, context.Context) (func() error, error) {
	return func(n *nemesis, _ context.Context) (func() error, error) {
		if n.rng.IntN(2) == 0 {
			return n.heal, n.links.SetAll(c)
		}
		return n.heal, n.links.SetFrom(n.victim().ID, c)
	}
}

// isolate cuts a node off in both directions.
func isolate(n *nemesis, _ context.Context) (func() error, error) {
	id := n.victim().ID
	return n.heal, errors.Join(n.links.SetFrom(id, relay.Conditions{Cut: true}), n.links.SetTo(id, relay.Conditions{Cut: true}))
}

// cutOneWay cuts what one node says to all others, to one of them, or hears.
func cutOneWay(n *nemesis, _ context.Context) (func() error, error) {
	cut, id := relay.Conditions{Cut: true}, n.victim().ID
	switch n.rng.IntN(3) {
	case 0:
		return n.heal, n.links.SetFrom(id, cut)
	case 1:
		return n.heal, n.links.SetTo(id, cut)
	}
	return n.heal, n.links.Set(id, n.another(id), cut)
}

// another is a node that is not id.
func (n *nemesis) another(id client.NodeID) client.NodeID {
	for {
		if other := n.victim().ID; other != id {
			return other
		}
	}
}

func rebind(n *nemesis, _ context.Context) (func() error, error) {
	return nothing, n.links.Rebind()
}

// nothing is how a trouble ends that is over.
func nothing() error { return nil }

// rerelease has a node stop in order and come back as another build.
func rerelease(n *nemesis, ctx context.Context) (func() error, error) {
	node := n.victim()
	if err := node.Resume(); err != nil { // another trouble may have frozen it, and it has to hear
		return nil, err
	}
	if _, err := node.Stop(ctx); err != nil {
		return nil, err
	}
	n.releases[0], n.releases[1] = n.releases[1], n.releases[0]
	node.Use(n.releases[0])
	return func() error { return startAgain(node) }, nil
}

// loseDisk has a node come back with an empty disk.
func loseDisk(n *nemesis, _ context.Context) (func() error, error) {
	n.hurt = n.victim()
	return nothing, errors.Join(n.hurt.Kill(), n.hurt.LoseDisk(), n.hurt.Start())
}
