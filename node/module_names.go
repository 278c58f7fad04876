package node

import "github.com/wraft/wraft/raft"

// NamedBy says what names a run, and with it a module and an artefact, on a node.
type NamedBy uint8

const (
	// NamedActive: the machine runs it.
	NamedActive NamedBy = iota + 1
	// NamedPrevious: a rollback goes to it.
	NamedPrevious
	// NamedPending: an upgrade under way leads from it or to it.
	NamedPending
	// NamedBeginning: it ran where this node's log of the machine begins, or the oldest of
	// its snapshots stands.
	NamedBeginning
	// NamedUpgrade: an upgrade behind that leads from it or to it, or would have, had it not
	// been refused.
	NamedUpgrade
	// NamedReplica: this node's replica runs it.
	NamedReplica
)

// NamedRun is a run and what names it.
type NamedRun struct {
	Run MachineRun
	By  NamedBy
}

// ReplicaReach is what a node's replica of a machine may yet begin with.
type ReplicaReach struct {
	// Floor is an entry behind which all of its log and all of its snapshots are.
	Floor   raft.Index
	Running MachineRun // what runs; zero while the machine is not open
}

// Names returns what a node needs of a machine in order to run it, go back, and apply its
// log again from wherever its replica may begin; nil: it has no replica. known is false
// when the history, which is bounded, does not reach that far back: then nobody can tell.
//
// Why the history says it all: an order is recorded before it comes into the log, and leaves
// the record only into the history.
func (m MachineRecord) Names(r *ReplicaReach) (names []NamedRun, known bool) {
	add := func(by NamedBy, runs ...MachineRun) {
		for _, run := range runs {
			names = append(names, NamedRun{Run: run, By: by})
		}
	}
	add(NamedActive, m.Active.Run)
	if m.Previous != nil {
		add(NamedPrevious, m.Previous.Run)
	}
	if m.Pending != nil {
		add(NamedPending, m.Pending.From, m.Pending.To)
	}
	if r == nil {
		return names, true
	}
	if r.Running != (MachineRun{}) {
		add(NamedReplica, r.Running)
	}
	if r.Floor == 0 {
		add(NamedBeginning, m.Run)
	}
	for _, u := range m.History {
		if u.Index > r.Floor {
			add(NamedUpgrade, u.From, u.To)
		}
	}
	add(NamedBeginning, m.ranAt(r.Floor))
	return names, len(m.History) < UpgradeHistoryMax || r.Floor >= m.History[0].Index
}

// ranAt is what the machine ran behind an entry that its history reaches back to.
func (m MachineRecord) ranAt(index raft.Index) MachineRun {
	for _, u := range m.History {
		if u.Index > index && u.State == UpgradeDone {
			return u.From
		}
	}
	return m.Active.Run
}
