package node

import (
	"cmp"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
)

// Deployer brings this node's replicas in line with the catalogue: a group for
// each machine, its module fetched from whoever has it, its instance opened. It is
// a step machine; Next says what to do, the other methods say what came of it.
type Deployer struct {
	self     raft.NodeID
	machines map[raft.GroupID]*deployment
	fetching map[Digest]bool
	have     map[Digest]bool
	now      time.Duration
	changes  uint64 // of any phase
	budget   uint64 // bytes of memory for machines; 0: without bound

	found    map[raft.GroupID]bool // on the disk since before the start; true: with its log
	current  bool                  // the catalogue is no older than the start
	life     raft.Incarnation      // this node's; 0: it is not known yet
	observed raft.Index            // of the newest catalogue
}

// DeployPhase is how far a machine is on this node.
type DeployPhase uint8

const (
	// PhaseGroup: the group's replica is to be created.
	PhaseGroup DeployPhase = iota + 1
	// PhaseModule: the module is not here yet.
	PhaseModule
	// PhaseOpen: the instance is being opened.
	PhaseOpen
	// PhaseRunning: commands are applied.
	PhaseRunning
	// PhaseFailed: this replica cannot run the machine; see the cause.
	PhaseFailed
	// PhaseRemoving: the machine is deleted, or this node leaves, and what is left of it
	// here goes.
	PhaseRemoving
)

// String names the phase for status.
func (p DeployPhase) String() string {
	names := [...]string{"unknown", "creating", "fetching", "opening", "running", "failed", "removing"}
	if int(p) < len(names) {
		return names[p]
	}
	return "invalid"
}

type deployment struct {
	record  MachineRecord
	phase   DeployPhase
	busy    bool // an action for it is under way
	gone    bool // deleted, or let go
	cause   error
	retryAt time.Duration
	tries   int
	// refused says that there is no memory for it here: its log is kept, but no
	// instance.
	refused error
	// ousted says that upgrades led away from what it was created with.
	ousted bool
}

// DeployAction is one thing to do; exactly one field is set.
type DeployAction struct {
	CreateGroup *MachineRecord
	FetchModule *FetchModule
	OpenMachine *MachineRecord
	// RemoveGroup asks to end a group's replica, whatever it is doing, and to delete all
	// that the disk holds of it; answer with GroupRemoved.
	RemoveGroup *MachineRecord
}

// FetchModule asks for a module or an artefact by digest; Peers is whom to ask, in order.
type FetchModule struct {
	Module Digest
	Peers  []raft.NodeID
}

const (
	// fetchRetryMin and fetchRetryMax bound the pause between tries to get a module.
	fetchRetryMin = 100 * time.Millisecond
	fetchRetryMax = 5 * time.Second
)

// NewDeployer returns a deployer for the node self, at time now.
//
// A memoryBudget of 0 is without bound, otherwise it is in bytes.
func NewDeployer(self raft.NodeID, now time.Duration, memoryBudget uint64) *Deployer {
	return &Deployer{self: self, now: now, budget: memoryBudget, machines: map[raft.GroupID]*deployment{}, fetching: map[Digest]bool{}, have: map[Digest]bool{}, found: map[raft.GroupID]bool{}}
}

// Observe takes in a catalogue. One older than another before it says nothing new: a
// newer one follows.
func (d *Deployer) Observe(c *Catalogue) {
	if c.Index < d.observed {
		return
	}
	d.observed = c.Index
	d.removeDeleted(c)
	leaving := d.letGo(c)
	var added []MachineRecord
	for _, m := range c.Machines {
		have, ok := d.machines[m.Group]
		switch {
		case ok:
			have.ousted, have.record.Seats = m.ousted(), m.Seats // Why the seats: who had a replica once may be gone
		case !leaving || d.found[m.Group]:
			added = append(added, m)
		}
	}
	slices.SortFunc(added, func(a, b MachineRecord) int { return cmp.Compare(a.Group, b.Group) })
	for _, m := range added {
		d.machines[m.Group] = &deployment{record: m, phase: PhaseGroup, refused: d.refuse(m), ousted: m.ousted()}
		d.changes++
	}
}

// refuse says why a machine has no room on this node, if so. The cluster refuses a
// deploy that does not fit, so this happens only when this node's budget was lowered
// or not known then. Older machines go first.
func (d *Deployer) refuse(m MachineRecord) error {
	e := &MemoryError{Node: d.self, Needs: m.memory(), Budget: d.budget}
	for _, other := range d.machines {
		if other.refused == nil && !other.gone {
			e.Used = addMemory(e.Used, other.record.memory())
		}
	}
	if d.budget == 0 || addMemory(e.Used, e.Needs) <= d.budget {
		return nil
	}
	return e
}

// Tick moves time, for retries.
func (d *Deployer) Tick(now time.Duration) { d.now = max(d.now, now) }

// NextDeadline is when Tick next matters.
func (d *Deployer) NextDeadline() (at time.Duration, ok bool) {
	for _, m := range d.machines {
		if m.retryAt > 0 && (!ok || m.retryAt < at) {
			at, ok = m.retryAt, true
		}
	}
	return at, ok
}

// GroupCreated says what came of CreateGroup.
func (d *Deployer) GroupCreated(g raft.GroupID, err error) {
	d.advance(g, PhaseModule, err)
}

// ModuleStored says that a module is here now, from whatever source.
func (d *Deployer) ModuleStored(module Digest) {
	d.have[module] = true
	delete(d.fetching, module)
}

// ModuleRemoved says that a module is not here any more.
func (d *Deployer) ModuleRemoved(module Digest) { delete(d.have, module) }

// FetchFailed says that nobody asked had the module; it is tried again later.
func (d *Deployer) FetchFailed(module Digest, err error) {
	delete(d.fetching, module)
	for _, m := range d.machines {
		if m.phase == PhaseModule && d.missing(m) == module {
			m.cause = err
			m.tries++
			d.changes++
			m.retryAt = d.now + min(fetchRetryMin<<min(m.tries, 10), fetchRetryMax)
		}
	}
}

// MachineOpened says what came of OpenMachine.
func (d *Deployer) MachineOpened(g raft.GroupID, err error) {
	d.advance(g, PhaseRunning, err)
}

// Stopped says that a running machine ended on this node.
func (d *Deployer) Stopped(g raft.GroupID, err error) {
	if m := d.machines[g]; m != nil && !m.gone {
		m.phase, m.cause, m.busy = PhaseFailed, err, false
		d.changes++
	}
}

// Reopen says that a running machine was closed because its state was wrong: it is
// opened again.
func (d *Deployer) Reopen(g raft.GroupID, cause error) {
	if m := d.machines[g]; m != nil && !m.gone {
		m.phase, m.cause, m.busy, m.retryAt = PhaseModule, cause, false, 0
		d.changes++
	}
}

// DeployState is how far a machine is on this node, and why it is not further.
type DeployState struct {
	Phase DeployPhase
	Cause error
	Tries int // to get its module, in vain
}

// Changes counts the changes of any state: equal counts, equal states.
func (d *Deployer) Changes() uint64 { return d.changes }

// States is a copy of how far each machine is.
func (d *Deployer) States() map[raft.GroupID]DeployState {
	out := make(map[raft.GroupID]DeployState, len(d.machines))
	for g, m := range d.machines {
		out[g] = DeployState{Phase: m.phase, Cause: m.cause, Tries: m.tries}
	}
	return out
}

// Next returns what to do now, ascending by group.
func (d *Deployer) Next() []DeployAction {
	groups := make([]raft.GroupID, 0, len(d.machines))
	for g, m := range d.machines {
		if !m.busy && (m.phase < PhaseRunning || m.phase == PhaseRemoving) && m.retryAt <= d.now && (d.current || m.phase != PhaseGroup || d.found[g]) {
			groups = append(groups, g)
		}
	}
	slices.Sort(groups)
	var out []DeployAction
	for _, g := range groups {
		if a, ok := d.next(d.machines[g]); ok {
			out = append(out, a)
		}
	}
	return out
}

func (d *Deployer) next(m *deployment) (DeployAction, bool) {
	m.retryAt = 0
	record := m.record
	switch m.phase {
	case PhaseGroup:
		m.busy = true
		return DeployAction{CreateGroup: &record}, true
	case PhaseModule:
		return d.nextModule(m)
	case PhaseRemoving:
		m.busy = true
		return DeployAction{RemoveGroup: &record}, true
	}
	return DeployAction{}, false
}

// nextModule fetches what is missing of a machine's module, and then opens it.
func (d *Deployer) nextModule(m *deployment) (DeployAction, bool) {
	record := m.record
	missing := d.missing(m)
	switch {
	case missing == Digest{} && m.refused != nil:
		m.phase, m.cause = PhaseFailed, m.refused
		d.changes++
		return DeployAction{}, false
	case missing == Digest{}:
		m.phase, m.busy, m.cause = PhaseOpen, true, nil
		d.changes++
		return DeployAction{OpenMachine: &record}, true
	case d.fetching[missing]:
		return DeployAction{}, false
	}
	d.fetching[missing] = true
	return DeployAction{FetchModule: &FetchModule{Module: missing, Peers: d.peers(record)}}, true
}

// missing is what this node has still to fetch for a machine: first the artefact,
// which runs, then the module that it was made of, so that every node of a machine
// can make it anew for an upgrade. Nothing is the zero digest.
//
// Why nothing once upgrades led on: whether the log still begins with that module is seen
// when the machine is opened, and the other nodes may have removed it.
func (d *Deployer) missing(m *deployment) Digest {
	if m.ousted {
		return Digest{}
	}
	for _, digest := range []Digest{m.record.Run.Artefact, m.record.Run.Module} {
		if !d.have[digest] {
			return digest
		}
	}
	return Digest{}
}

// peers are the others that have a replica, starting at a place that differs from node to node,
// so that not all ask the same one.
func (d *Deployer) peers(m MachineRecord) []raft.NodeID {
	var out []raft.NodeID
	nodes := m.Seats.Nodes()
	at := slices.Index(nodes, d.self)
	for i := 1; i <= len(nodes); i++ {
		if id := nodes[(at+i+len(nodes))%len(nodes)]; id != d.self {
			out = append(out, id)
		}
	}
	return out
}

func (d *Deployer) advance(g raft.GroupID, next DeployPhase, err error) {
	m := d.machines[g]
	if m == nil || m.phase == PhaseRemoving {
		return
	}
	d.changes++
	if m.gone {
		m.busy, m.phase = false, PhaseRemoving
		return
	}
	m.busy, m.phase, m.cause = false, next, nil
	if err != nil {
		m.phase, m.cause = PhaseFailed, err
	}
}
