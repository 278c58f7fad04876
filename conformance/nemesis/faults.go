package nemesis

import (
	"context"
	"errors"
	"fmt"
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
	// acts are what it has an operator do; each has to take effect once.
	acts []string
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
	{name: "transfer", begin: transfer, acts: []string{"transfer"}},
	{name: "mute leader", begin: replaceLeader(func(n *nemesis, id client.NodeID) error { return n.links.SetFrom(id, relay.Conditions{Cut: true}) })},
	{name: "deaf leader", begin: replaceLeader(func(n *nemesis, id client.NodeID) error { return n.links.SetTo(id, relay.Conditions{Cut: true}) })},
	{name: "late news", begin: lateNews},
	{name: "failed sync", begin: failSync},
	{name: "membership", begin: demote, acts: []string{"demote", "promote"}},
	{name: "upgrade of a machine", begin: upgrade, acts: []string{"upgrade"}},
	{name: "deploy and delete", begin: deploy, acts: []string{"deploy", "delete"}},
	{name: "another release", begin: rerelease},
	{name: "lost disk", begin: loseDisk, alone: true},
	{name: "bit rot", begin: rot, alone: true},
	{name: "full disk", begin: fillOne, alone: true},
	{name: "full disks", begin: fillAll, alone: true},
}

// Faults are the names of all kinds of trouble.
func Faults() (names []string) {
	for _, t := range troubles {
		names = append(names, t.name)
	}
	return names
}

func crash(n *nemesis, ctx context.Context) (func() error, error) {
	node := n.victim(ctx)
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
func pause(n *nemesis, ctx context.Context) (func() error, error) {
	node := n.victim(ctx)
	return node.Resume, node.Pause()
}

// worsen makes the links between all nodes, or to one of them, worse.
func worsen(c relay.Conditions) func(*nemesis, context.Context) (func() error, error) {
	return func(n *nemesis, ctx context.Context) (func() error, error) {
		if n.rng.IntN(2) == 0 {
			return n.heal, n.links.SetAll(c)
		}
		return n.heal, n.links.SetFrom(n.victim(ctx).ID, c)
	}
}

// isolate cuts a node off in both directions.
func isolate(n *nemesis, ctx context.Context) (func() error, error) {
	id := n.victim(ctx).ID
	return n.heal, errors.Join(n.links.SetFrom(id, relay.Conditions{Cut: true}), n.links.SetTo(id, relay.Conditions{Cut: true}))
}

// cutOneWay cuts what one node says to all others, to one of them, or hears.
func cutOneWay(n *nemesis, ctx context.Context) (func() error, error) {
	cut, id := relay.Conditions{Cut: true}, n.victim(ctx).ID
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
		if other := n.anyone().ID; other != id {
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
	node := n.victim(ctx)
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
func loseDisk(n *nemesis, ctx context.Context) (func() error, error) {
	n.hurt = n.victim(ctx)
	return nothing, errors.Join(n.hurt.Kill(), n.hurt.LoseDisk(), n.hurt.Start())
}

// replaceTime is how long a leader stays cut off: two election timeouts.
const replaceTime = 2 * time.Second

// replaceLeader cuts the leader off in one direction until there should be another one: what it
// had begun is in the others' logs or in its own alone.
func replaceLeader(cut func(*nemesis, client.NodeID) error) func(*nemesis, context.Context) (func() error, error) {
	return func(n *nemesis, ctx context.Context) (func() error, error) {
		if err := cut(n, n.leading(ctx).ID); err != nil {
			return nil, err
		}
		return n.heal, pauseFor(ctx, replaceTime)
	}
}

// newsDelay is how late a leader hears: less than the time after which it would step down.
const newsDelay = 400 * time.Millisecond

// lateNews has a leader hear late of everything and hands its lead over: there is another
// leader for a while before it learns that, and clients read from both.
func lateNews(n *nemesis, ctx context.Context) (func() error, error) {
	from := n.leading(ctx)
	if err := n.links.SetTo(from.ID, relay.Conditions{Delay: newsDelay}); err != nil {
		return nil, err
	}
	n.operate(ctx, "transfer", func(ctx context.Context) error {
		_, err := n.admin.TransferLeader(ctx, client.Transfer{Machine: kvMachine, To: n.another(from.ID)})
		return err
	})
	return n.heal, nil
}

// syncPatience is how long a node may take to sync again: one that is cut off has no reason.
const syncPatience = 3 * time.Second

// failSync has the disk of a node answer the next syncs with an error: the node must end. An
// operator starts it again.
func failSync(n *nemesis, ctx context.Context) (func() error, error) {
	node := n.victim(ctx)
	if !node.Running() { // another trouble has ended it
		return func() error { return startAgain(node) }, nil
	}
	if err := errors.Join(node.Resume(), node.FailSyncs(true)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, syncPatience)
	defer cancel()
	if code, err := node.Wait(ctx); err != nil {
		n.log("  it syncs nothing meanwhile")
	} else if code != brokenDisk {
		return nil, errors.Join(fmt.Errorf("node %d ended with exit code %d after a failed sync, want %d", node.ID, code, brokenDisk), node.FailSyncs(false))
	}
	// Why killed: one that has not synced so far may do so just now, and end a moment later.
	return func() error { return errors.Join(node.FailSyncs(false), node.Kill(), startAgain(node)) }, nil
}

// brokenDisk is the exit code of a node whose disk failed.
const brokenDisk = int(client.ExitDiskFailed)
