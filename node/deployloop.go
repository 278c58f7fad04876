package node

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

const (
	// pullsMax bounds the modules that are being fetched for peers at a time.
	pullsMax = 8
	// readiesMax bounds the peers that are told when a machine answers commands here.
	readiesMax = 64
	// campaignTries and campaignPause say how long the node that created a group
	// asks for its leadership before the ordinary election timeout takes over.
	campaignTries = 10
	campaignPause = 100 * time.Millisecond
)

// deployLoop drives the Deployer: it creates groups, fetches modules and opens
// machines, each slow thing on a goroutine of its own.
type deployLoop struct {
	node     *Node
	deployer *Deployer
	in       *mailbox[func(*Deployer)]
	pulls    chan struct{} // a token per fetch for a peer
	readies  chan struct{} // a token per peer that waits for a machine of this node
	opening  chan struct{} // one token: compiling takes a core and much memory

	published uint64                                       // Deployer.Changes of states
	states    atomic.Pointer[map[raft.GroupID]DeployState] // never changed once stored
}

func newDeployLoop(n *Node) *deployLoop {
	l := &deployLoop{
		node: n, deployer: NewDeployer(n.cfg.Self, n.clock.Now(), n.cfg.MemoryBudget),
		in:    newMailbox[func(*Deployer)](1 << 16),
		pulls: make(chan struct{}, pullsMax), readies: make(chan struct{}, readiesMax), opening: make(chan struct{}, 1),
	}
	l.states.Store(&map[raft.GroupID]DeployState{})
	return l
}

// run is the deploy goroutine.
func (l *deployLoop) run() {
	drive(l.node, l.in, l.deployer, func() {
		for _, a := range l.deployer.Next() {
			l.do(a)
		}
		l.publish()
	})
}

func (l *deployLoop) do(a DeployAction) {
	switch {
	case a.CreateGroup != nil:
		err := l.createGroup(*a.CreateGroup)
		l.in.force(func(d *Deployer) { d.GroupCreated(a.CreateGroup.Group, err) })
	case a.FetchModule != nil:
		f := *a.FetchModule
		l.node.spawn(func() {
			near := slices.DeleteFunc(l.node.others(), func(id raft.NodeID) bool { return !slices.Contains(f.Peers, id) })
			if err := l.node.fetchModule(l.node.ctx, f.Module, near); err != nil {
				l.in.force(func(d *Deployer) { d.FetchFailed(f.Module, err) })
			}
		})
	case a.OpenMachine != nil:
		l.open(*a.OpenMachine)
	case a.RemoveGroup != nil:
		id := a.RemoveGroup.Group
		l.node.spawn(func() {
			err := l.node.removeGroup(id)
			l.in.force(func(d *Deployer) { d.GroupRemoved(id, err) })
		})
	}
}

// open opens a machine on a goroutine of its own.
func (l *deployLoop) open(m MachineRecord) {
	g := l.node.group(m.Group)
	if g == nil {
		return // its removal has begun
	}
	g.spawn(l.node, func() { // Why unchecked: a machine that is being removed need not be opened
		if err := l.openMachine(g, m); err != nil {
			g.applier.refuse(err)
			l.in.force(func(d *Deployer) { d.MachineOpened(m.Group, err) })
		}
	})
}

func (l *deployLoop) createGroup(m MachineRecord) error {
	n := l.node
	if err := n.store.CreateGroup(m.Group, raft.SnapshotMeta{Configuration: m.First.Configuration()}); err != nil {
		return fmt.Errorf("node: create group %d: %w", m.Group, err)
	}
	if err := n.addGroup(m.Group); err != nil {
		return err
	}
	if g := n.group(m.Group); n.group(MetaGroup).status.Load().Role == raft.Leader {
		n.spawn(func() { l.campaign(g) })
	}
	return nil
}

// campaign asks for the leadership of a new group, so that a deploy need not wait
// for an election timeout. The others may not have created the group yet.
func (l *deployLoop) campaign(g *group) {
	for range campaignTries {
		if g.status.Load().Leader != 0 {
			return
		}
		g.shard.in.put(func(s *Shard) { s.Campaign(g.id) })
		select {
		case <-g.ctx.Done():
			return
		case <-l.node.clock.NewTimer(campaignPause).C():
		}
	}
}

func (l *deployLoop) openMachine(g *group, m MachineRecord) error {
	n := l.node
	applier, err := n.openReplica(g, func() (*Applier, error) {
		machine, err := l.openWASM(m, m.Run, plugins.Moment{}, nil)
		if err != nil {
			return nil, err
		}
		a := NewApplier(m.Group, machine, n.store)
		if m.Restore {
			a.AwaitState()
		}
		return a, nil
	}, func(run MachineRun, created plugins.Moment, images []io.Reader) (Machine, error) {
		return l.openWASM(m, run, created, images)
	})
	if err != nil {
		return fmt.Errorf("node: open machine %q: %w", m.Name, err)
	}
	applier.FollowUpgrades(m.Run, successors{node: n, machine: m.Name, group: m.Group})
	run := applier.Running().Run
	g.applier.open(applier, func() { l.in.force(func(d *Deployer) { d.MachineOpened(m.Group, nil) }) })
	n.log.Info("machine opened", "machine", m.Name, "group", m.Group, "module", run.Module.String(), "run", run.ID().String())
	return nil
}

// machineSeed is a machine's share of chance: the same on every replica, another in
// every cluster and group.
func machineSeed(cluster string, g raft.GroupID) [32]byte {
	text := append([]byte("wraft machine seed v1\x00"+cluster+"\x00"), 0, 0, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint64(text[len(text)-8:], uint64(g))
	return sha256.Sum256(text)
}

// pull fetches what a peer asked for from it, and answers when it is durable.
func (l *deployLoop) pull(p forwardedPull, from raft.NodeID, w waiter) {
	select {
	case l.pulls <- struct{}{}:
	default:
		w.resolve(reply{err: ErrBusy})
		return
	}
	l.node.spawn(func() {
		defer func() { <-l.pulls }()
		ctx, cancel := l.node.bound(l.node.ctx)
		defer cancel()
		if p.Artefact == (Digest{}) {
			w.resolve(reply{err: l.node.fetchModule(ctx, p.Module, []raft.NodeID{from})})
			return
		}
		w.resolve(reply{err: l.node.fetchArtefact(ctx, p.Module, p.Artefact, from)})
	})
}

// publish lets others see the deployer's states and wakes who waits for them.
func (l *deployLoop) publish() {
	if l.deployer.Changes() == l.published {
		return
	}
	l.published = l.deployer.Changes()
	states := l.deployer.States()
	l.states.Store(&states)
	l.node.changed.notify()
}

// phase is how far a machine is on this node.
func (n *Node) phase(g raft.GroupID) (DeployPhase, error) {
	s := (*n.deploys.states.Load())[g]
	return s.Phase, s.Cause
}

// awaitCatalogue waits until the cluster is described: in its first moments it is not.
func (n *Node) awaitCatalogue(ctx context.Context) error {
	for {
		changed := n.changed.next()
		if n.catalogue.Load().Cluster != "" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: the catalogue is not here yet", ErrTimeout)
		case <-n.stop:
			return ErrStopping
		}
	}
}

// bootstrapCatalogue writes the initial nodes into the catalogue of a new cluster.
// Whichever node leads first does it; the meta machine takes only one.
func (n *Node) bootstrapCatalogue() {
	g := n.group(MetaGroup)
	initial := slices.DeleteFunc(slices.Clone(n.cfg.Nodes), func(r NodeRecord) bool { return r.State != NodeVoter })
	data, err := bootstrapAt(n.cfg.Cluster, initial, n.cfg.Serves)
	if err != nil {
		n.fail(err)
		return
	}
	for n.catalogue.Load().Cluster == "" {
		changed, catalogue := g.changed.next(), n.changed.next()
		if g.status.Load().Role == raft.Leader && n.Barrier(n.ctx) == nil && n.catalogue.Load().Cluster == "" {
			_, err := n.replicate(n.ctx, MetaGroup, Command{Kind: CommandCall, Data: data}, false)
			if err != nil && !errors.Is(err, raft.ErrNotLeader) {
				n.log.Debug("the catalogue is not bootstrapped yet", "err", err)
			}
			continue
		}
		select {
		case <-changed:
		case <-catalogue:
		case <-n.stop:
			return
		}
	}
}
