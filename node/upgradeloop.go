package node

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// upgradeLoop drives the Upgrader: each action runs on a goroutine of its own, and
// there is at most one for each machine.
type upgradeLoop struct {
	node     *Node
	upgrader *Upgrader
	in       *mailbox[func(*Upgrader)]
}

func newUpgradeLoop(n *Node) *upgradeLoop {
	return &upgradeLoop{node: n, upgrader: NewUpgrader(n.clock.Now()), in: newMailbox[func(*Upgrader)](1 << 16)}
}

// run is the upgrade goroutine.
func (l *upgradeLoop) run() {
	drive(l.node, l.in, l.upgrader, func() {
		for _, a := range l.upgrader.Next() {
			l.do(a)
		}
	})
}

// do starts an action. Its end comes back as an input.
func (l *upgradeLoop) do(a UpgradeAction) {
	switch {
	case a.Prepare != nil:
		l.start(*a.Prepare, l.prepare)
	case a.Spread != nil:
		l.start(*a.Spread, l.spread)
	case a.Propose != nil:
		l.start(*a.Propose, l.propose)
	case a.Report != nil:
		l.start(*a.Report, l.report)
	case a.Fetch != nil:
		l.fetch(*a.Fetch)
	case a.Obtain != nil:
		l.obtain(*a.Obtain)
	case a.Resume != nil:
		if g := l.node.group(a.Resume.Group); g != nil {
			g.applier.resume()
		}
	}
}

// start runs one action of a task and hands its end to the upgrader.
func (l *upgradeLoop) start(t UpgradeTask, action func(context.Context, UpgradeTask) func(*Upgrader)) {
	l.node.spawn(func() {
		ctx, cancel := l.node.bound(l.node.ctx)
		defer cancel()
		l.in.force(action(ctx, t))
	})
}

// prepare fetches the new module and starts it on trial. Why here and not at the
// entry: compiling takes a second, during which the machine would stand still; and
// a module that does not start is a verdict that the order has to carry.
func (l *upgradeLoop) prepare(ctx context.Context, t UpgradeTask) func(*Upgrader) {
	refused, err := l.try(ctx, t)
	if err != nil {
		l.node.log.Warn("a module cannot be prepared for an upgrade yet", "machine", t.Machine, "deploy", uint64(t.Order.ID), "err", err)
	}
	return func(u *Upgrader) { u.Prepared(t.Group, t.Order.ID, refused, err) }
}

func (l *upgradeLoop) try(ctx context.Context, t UpgradeTask) (refused string, err error) {
	for _, d := range []Digest{t.Order.To.Artefact, t.Order.To.Module} {
		if err := l.node.fetchModule(ctx, d, l.node.others()); err != nil {
			return "", err
		}
	}
	m, err := l.node.openSuccessor(ctx, t.Machine, t.Group, t.Order.To, plugins.Moment{})
	if reason, ok := verdictOf("the new module does not start", err); ok {
		return reason, nil
	}
	if err != nil {
		return "", err
	}
	return "", m.Close(ctx)
}

// spread has the module stored on a quorum before the log depends on it.
func (l *upgradeLoop) spread(ctx context.Context, t UpgradeTask) func(*Upgrader) {
	err := l.node.spreadModule(ctx, t.Order.To.Module, t.Order.To.Artefact)
	return func(u *Upgrader) { u.Spread(t.Group, t.Order.ID, err) }
}

// propose puts the order into the machine's log, if this node still leads.
func (l *upgradeLoop) propose(ctx context.Context, t UpgradeTask) func(*Upgrader) {
	o, err := l.node.order(ctx, t)
	if err == nil {
		l.node.log.Info("upgrade decided", "machine", t.Machine, "group", t.Group, "deploy", uint64(o.ID), "index", o.Index,
			"module", o.Module.String(), "refused", o.Reason)
	}
	return func(u *Upgrader) { u.Answered(t.Group, t.Order.ID, o, err) }
}

func (n *Node) order(ctx context.Context, t UpgradeTask) (UpgradeOutcome, error) {
	c, err := UpgradeCommand(t.Order)
	if err != nil {
		return UpgradeOutcome{}, err
	}
	g := n.group(t.Group)
	if g == nil {
		return UpgradeOutcome{}, &raft.NotLeaderError{}
	}
	r, err := n.replicateOnce(ctx, g, c, false)
	if err != nil {
		return UpgradeOutcome{}, err
	}
	return DecodeUpgradeOutcome(r.answer.Data)
}

// report tells the meta group. Only the first report of an upgrade counts.
func (l *upgradeLoop) report(ctx context.Context, t UpgradeTask) func(*Upgrader) {
	data, err := DecideUpgradeCommand(t.Group, t.Outcome)
	if err == nil {
		_, err = l.node.replicateIdempotent(ctx, MetaGroup, Command{Kind: CommandCall, Data: data})
	}
	return func(u *Upgrader) { u.Reported(t.Group, t.Order.ID, err) }
}

// fetch gets a module for which an applier waits.
func (l *upgradeLoop) fetch(a AwaitedModule) {
	l.node.spawn(func() {
		ctx, cancel := l.node.bound(l.node.ctx)
		defer cancel()
		err := l.node.fetchModule(ctx, a.Module, l.node.others())
		l.in.force(func(u *Upgrader) { u.Fetched(a.Group, a.Module, err) })
	})
}

// obtain has a replica begin from a peer's snapshot, because nobody has the module of the
// entry that it is at any more.
func (l *upgradeLoop) obtain(a AwaitedModule) {
	n := l.node
	g := n.group(a.Group)
	if g == nil {
		return // its removal has begun
	}
	g.spawn(n, func() { // Why unchecked: a machine that is being removed needs no state
		err := n.snapshots.obtain(g.ctx, g, a.Index)
		if err == nil {
			n.log.Warn("nobody has the module of an upgrade any more; the replica begins from a snapshot behind it", "group", a.Group,
				"index", a.Index, "module", a.Module.String())
			g.applier.overtake(a.Index)
		}
		l.in.force(func(u *Upgrader) { u.Obtained(a.Group, a.Module, err) })
	})
}

// successors opens what the upgrade entries of one machine name.
type successors struct {
	node    *Node
	machine string
	group   raft.GroupID
}

// OpenSuccessor implements SuccessorOpener.
func (s successors) OpenSuccessor(ctx context.Context, run MachineRun, created plugins.Moment) (Upgradable, error) {
	return s.node.openSuccessor(ctx, s.machine, s.group, run, created)
}

// OpenImage implements ImageOpener.
func (s successors) OpenImage(ctx context.Context, run MachineRun, image io.Reader) (Machine, error) {
	artefact, err := s.node.modules.Get(run.Artefact)
	if err != nil {
		return nil, err
	}
	restorer, ok := s.node.opener.(MachineRestorer)
	if !ok {
		return nil, fmt.Errorf("%w: machines here do not begin from images", ErrSnapshotState)
	}
	return restorer.Restore(ctx, artefact, s.node.openConfig(s.machine, s.group, run, plugins.Moment{}), image)
}

// openConfig is how an instance of a machine is opened.
func (n *Node) openConfig(name string, g raft.GroupID, run MachineRun, created plugins.Moment) OpenConfig {
	return OpenConfig{
		Name: name, Limits: run.Limits, Seed: machineSeed(n.cfg.Cluster, g), Logger: n.log.With("machine", name), Created: created,
		Lines: n.lines.machine(g).add,
	}
}

// openSuccessor starts an instance of an artefact that is here.
func (n *Node) openSuccessor(ctx context.Context, name string, g raft.GroupID, run MachineRun, created plugins.Moment) (Upgradable, error) {
	artefact, err := n.modules.Get(run.Artefact)
	if err != nil {
		return nil, err
	}
	m, err := n.opener.Open(ctx, artefact, n.openConfig(name, g, run, created))
	if err != nil {
		return nil, err
	}
	u, ok := m.(Upgradable)
	if !ok {
		return nil, errors.Join(fmt.Errorf("node: machine %q cannot take another one's state", name), m.Close(ctx))
	}
	return u, nil
}
