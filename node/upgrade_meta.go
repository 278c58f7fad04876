package node

import (
	"encoding/binary"
	"slices"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// Statuses of the meta machine's answers about upgrades.
const (
	// metaUnknownMachine: no machine of that name.
	metaUnknownMachine int32 = 7
	// metaUpgrading: another upgrade of the machine is under way.
	metaUpgrading int32 = 8
	// metaNoPrevious: there is no module to roll back to.
	metaNoPrevious int32 = 9
	// metaDecided: the upgrade was decided before, or never was.
	metaDecided int32 = 10
)

// UpgradeHistoryMax bounds the decided upgrades that a machine's record keeps; the
// oldest go first.
const UpgradeHistoryMax = 64

// UpgradeByBytesMax bounds the name of who asked for an upgrade.
const UpgradeByBytesMax = 128

// ActiveRun is what a machine runs, and since when.
type ActiveRun struct {
	_     struct{} `cbor:",toarray"`
	Run   MachineRun
	Since raft.Index // of the upgrade entry in the machine's log; 0 since its creation
}

// UpgradeState says how far an upgrade is.
type UpgradeState uint8

const (
	// UpgradePending: recorded, not decided by the machine's log yet.
	UpgradePending UpgradeState = iota + 1
	// UpgradeDone: the machine runs the new module.
	UpgradeDone
	// UpgradeRefused: the machine goes on with the old one.
	UpgradeRefused
)

// String names the state.
func (s UpgradeState) String() string {
	names := [...]string{"unknown", "pending", "done", "refused"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}

// UpgradeRecord is one upgrade of a machine, as the meta group keeps it.
type UpgradeRecord struct {
	_        struct{} `cbor:",toarray"`
	ID       DeployID
	From, To MachineRun
	By       string // who asked
	At       int64  // Unix ns at the node that was asked, for display
	Rollback bool
	Asked    raft.Index // in the meta group's log
	State    UpgradeState
	Index    raft.Index // of the entry that decided it, in the machine's log
	Reason   string     // why it was refused
}

// beginCommand records the intent of an upgrade.
type beginCommand struct {
	_        struct{} `cbor:",toarray"`
	Name     string
	To       MachineRun // nothing for a rollback, which goes to what ran before
	By       string
	At       int64
	Rollback bool
}

// decideCommand reports what became of an upgrade in the machine's log.
type decideCommand struct {
	_       struct{} `cbor:",toarray"`
	Group   raft.GroupID
	Outcome UpgradeOutcome
}

// BeginUpgradeCommand is the data of the meta group's command that asks for an
// upgrade to a run, which a rollback ignores. Its answer is the DeployID, eight
// bytes, big endian.
func BeginUpgradeCommand(r UpgradeRequest, to MachineRun) ([]byte, error) {
	return metaCommand{Begin: &beginCommand{
		Name: r.Machine, To: to, By: r.By[:min(len(r.By), UpgradeByBytesMax)], At: r.At, Rollback: r.Rollback,
	}}.encode()
}

// DecideUpgradeCommand is the data of the meta group's command that reports an
// outcome. Only the first report of an upgrade counts.
func DecideUpgradeCommand(g raft.GroupID, o UpgradeOutcome) ([]byte, error) {
	return metaCommand{Decide: &decideCommand{Group: g, Outcome: o}}.encode()
}

// beginUpgrade records an intent. Asking for what is under way already joins it.
func (m *MetaMachine) beginUpgrade(index raft.Index, c beginCommand) plugins.Result {
	at, found := slices.BinarySearchFunc(m.catalogue.Machines, c.Name, compareName)
	if !found {
		return plugins.Result{Status: metaUnknownMachine}
	}
	have := m.catalogue.Machines[at]
	to := c.To
	if c.Rollback {
		if have.Previous == nil {
			return plugins.Result{Status: metaNoPrevious}
		}
		to = have.Previous.Run
	}
	if p := have.Pending; p != nil {
		if p.To == to && p.Rollback == c.Rollback {
			return plugins.Result{Data: encodeDeployID(p.ID)}
		}
		return plugins.Result{Status: metaUpgrading, Data: encodeDeployID(p.ID)}
	}
	if have.Active.Run.same(to) && have.Active.Run.Pass >= to.Pass && have.Active.Run.Host >= to.Host {
		return plugins.Result{Status: metaExists}
	}
	if r, ok := m.admit(have.Seats.Nodes(), to, have.Snapshot, c.Rollback); !ok {
		return r
	}
	next := *m.catalogue
	next.LastDeploy++
	have.Pending = &UpgradeRecord{
		ID: next.LastDeploy, From: have.Active.Run, To: to, By: c.By, At: c.At, Rollback: c.Rollback,
		Asked: index, State: UpgradePending,
	}
	m.replaceMachine(&next, index, at, have)
	return plugins.Result{Data: encodeDeployID(next.LastDeploy)}
}

// decideUpgrade takes the word of the machine's log.
func (m *MetaMachine) decideUpgrade(index raft.Index, c decideCommand) plugins.Result {
	at := slices.IndexFunc(m.catalogue.Machines, func(r MachineRecord) bool { return r.Group == c.Group })
	if at < 0 {
		return plugins.Result{Status: metaUnknownMachine}
	}
	have := m.catalogue.Machines[at]
	if have.Pending == nil || have.Pending.ID != c.Outcome.ID {
		return plugins.Result{Status: metaDecided}
	}
	done := *have.Pending
	done.State, done.Index, done.Reason = UpgradeRefused, c.Outcome.Index, c.Outcome.Reason
	if c.Outcome.Status == plugins.StatusOK {
		done.State = UpgradeDone
		before := have.Active
		have.Previous = &before
		have.Active = ActiveRun{Run: done.To, Since: done.Index}
	}
	have.Pending = nil
	kept := have.History[max(0, len(have.History)+1-UpgradeHistoryMax):]
	have.History = append(slices.Clip(slices.Clone(kept)), done)
	next := *m.catalogue
	m.replaceMachine(&next, index, at, have)
	return plugins.Result{}
}

// replaceMachine makes next, with another record at a place, the catalogue.
func (m *MetaMachine) replaceMachine(next *Catalogue, index raft.Index, at int, r MachineRecord) {
	next.Index = index
	next.Machines = slices.Clone(next.Machines)
	next.Machines[at] = r
	m.catalogue = next
}

func encodeDeployID(id DeployID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

// Upgrade finds an upgrade of the machine by its ID, pending or decided.
func (m MachineRecord) Upgrade(id DeployID) (UpgradeRecord, bool) {
	if m.Pending != nil && m.Pending.ID == id {
		return *m.Pending, true
	}
	for _, u := range m.History {
		if u.ID == id {
			return u, true
		}
	}
	return UpgradeRecord{}, false
}
