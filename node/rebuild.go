package node

import (
	"errors"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// rebuildsMax is how often a replica is made anew before it is believed that this
// does not help. The count starts again when a majority agrees with it.
const rebuildsMax = 3

// asidePause is how long a replica without a machine keeps a leadership that came
// back to it, before it hands it over again: the others may be no better.
const asidePause = 30 * time.Second

// leadNot hands leadership over if the machine does not run here any more.
func (l *applierLoop) leadNot() {
	var diverged *DivergedError
	if now := l.node.clock.Now(); l.halted != nil && (l.asideAt == 0 || now > l.asideAt+asidePause) &&
		(!errors.As(l.halted, &diverged) || diverged.Alone) {
		l.asideAt = now
		l.shard.in.force(func(s *Shard) { s.StepAside(l.group) })
	}
}

// hear takes in what a peer's replica has.
func (l *applierLoop) hear(from raft.NodeID, check StateCheck) {
	l.in.put(func(l *applierLoop) { // Why unchecked: the next check says as much
		l.comparison.Note(from, check)
		l.compare()
	})
}

// tellStates compares what this replica has with what the others say.
func (l *applierLoop) tellStates() {
	checks := l.applier.TakeChecks()
	if len(checks) == 0 {
		return
	}
	all, _ := l.members()
	for _, c := range checks {
		l.comparison.Note(l.node.cfg.Self, c)
		l.node.tellState(l.group, all, c)
	}
	l.compare()
}

// members are the nodes with a replica of the group and those that vote, as far as
// this node knows.
func (l *applierLoop) members() (all, voters []raft.NodeID) {
	g := l.node.group(l.group)
	if g == nil {
		return nil, nil
	}
	c := g.status.Load().Configuration.Configuration
	for _, v := range c.Voters {
		voters = append(voters, v.Node)
	}
	return c.Nodes(), voters
}

// compare draws the conclusions. A replica that is alone with its state is
// rebuilt; when nobody has a majority, nobody knows who is right, and all stop.
func (l *applierLoop) compare() {
	if l.applier == nil || l.halted != nil {
		return
	}
	_, voters := l.members()
	switch verdict, index := l.comparison.Judge(voters); verdict {
	case AgreementReached:
		l.rebuilds = 0
	case AgreementAgainst:
		l.rebuild(&DivergedError{Index: index, Alone: true}, l.applier.Applied())
	case AgreementNone:
		l.halt(&DivergedError{Index: index}, ApplyWork{})
	case AgreementOpen:
	}
}

// stumble deals with an error of the applier: damage to the state in memory is
// mended by making it anew, everything else ends this replica.
func (l *applierLoop) stumble(err error, w ApplyWork) {
	if !errors.Is(err, plugins.ErrDamaged) || l.node.ctx.Err() != nil {
		l.halt(err, w)
		return
	}
	l.abandonWith(w, err)
	l.rebuild(err, w.Range.Last)
}

// rebuild makes the machine anew from its newest snapshot and the log, up to an index. The cluster goes on
// meanwhile: a leader hands over first.
func (l *applierLoop) rebuild(cause error, upTo raft.Index) {
	l.shard.in.force(func(s *Shard) { s.StepAside(l.group) })
	if l.rebuilds++; l.rebuilds > rebuildsMax {
		l.halt(cause, ApplyWork{})
		return
	}
	l.rebuilt.Add(1)
	l.node.log.Error("the state of a machine on this node is wrong; it is rebuilt from its snapshot and the log", "group", l.group,
		"index", upTo, "attempt", l.rebuilds, "err", cause)
	l.node.snapshots.distrust(l.group, l.comparison.Agreed(), cause)
	l.waiting, l.reach = false, max(l.reach, upTo)
	l.drop()
	l.node.reopen(l.group, cause)
}

// reopen has a new instance opened for a group whose machine was closed.
func (n *Node) reopen(g raft.GroupID, cause error) {
	if g == MetaGroup {
		n.openMeta()
		return
	}
	n.deploys.in.force(func(d *Deployer) { d.Reopen(g, cause) })
}
