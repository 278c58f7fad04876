package node

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// Statuses of the meta machine's answers.
const (
	metaOK int32 = 0
	// metaExists: the machine was there already, the same as asked for.
	metaExists int32 = 1
	// metaConflict: a machine of that name runs another module or other limits.
	metaConflict int32 = 2
	// metaFull: MachinesMax is reached.
	metaFull int32 = 3
	// metaMalformed: not a meta command of this version.
	metaMalformed int32 = 4
	// metaBootstrapped: the cluster was described before.
	metaBootstrapped int32 = 5
	// metaNotBootstrapped: the cluster has no nodes yet on which a machine could run.
	metaNotBootstrapped int32 = 6
	// metaMemory: a node has no room for the machine; the answer is a MemoryError.
	metaMemory int32 = 20
	// metaLevel: the feature level of the cluster, or of a node, is too low; the answer says why.
	metaLevel int32 = 21
	// metaUnknownNode: no node of that ID.
	metaUnknownNode int32 = 22
	// metaLastVoter: without that node nobody would vote; the answer names it.
	metaLastVoter int32 = 23
	// metaMode: the machine was there already; its snapshots are made another way now.
	metaMode int32 = 30
)

// MachinesMax bounds the machines of a cluster.
const MachinesMax = 4096

// metaCommand is a command of the meta group: exactly one field is set. Its encoding is
// that of the first release for good, an array; what came later is a laterCommand.
type metaCommand struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8
	Bootstrap *bootstrapCommand
	Create    *createCommand
	Begin     *beginCommand
	Decide    *decideCommand
	Announce  *announceCommand
	Raise     *raiseCommand
	AddNode   *addNodeCommand
	MoveNode  *moveNodeCommand
	Claim     *claimCommand
	Seats     *seatsCommand
	Delete    *deleteCommand
	Recover   *recoverCommand
}

const metaCommandVersion = 1

// bootstrapCommand describes the initial cluster; only the first one counts.
type bootstrapCommand struct {
	_       struct{} `cbor:",toarray"`
	Cluster string
	Nodes   []NodeRecord
	Level   FeatureLevel
}

// createCommand creates a machine.
type createCommand struct {
	_        struct{} `cbor:",toarray"`
	Name     string
	Run      MachineRun
	Snapshot SnapshotMode // SnapshotDefault for what there is, or an image
	Restore  bool         // the machine waits for a state from a backup
}

// encode returns the command's bytes.
func (c metaCommand) encode() ([]byte, error) {
	c.Version = metaCommandVersion
	data, err := batchEncoding.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("node: encode meta command: %w", err)
	}
	return data, nil
}

// MetaMachine is the state machine of the meta group: the catalogue of nodes and
// machines. It publishes each new catalogue to one listener.
type MetaMachine struct {
	catalogue *Catalogue
	publish   func(*Catalogue)
	serves    FeatureLevel // the newest level that it understands
}

// NewMetaMachine returns an empty catalogue. publish is called on the applier's
// goroutine and must not block.
func NewMetaMachine(publish func(*Catalogue)) *MetaMachine {
	return &MetaMachine{catalogue: &Catalogue{NextGroup: MetaGroup + 1}, publish: publish, serves: FeatureLevelMax}
}

// Apply runs the commands in order. The error is a *LevelError: from here on this
// release does not know what the commands mean.
func (m *MetaMachine) Apply(_ context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	results := make([]plugins.Result, len(commands))
	before := m.catalogue
	for i, data := range commands {
		results[i] = m.applyOne(raft.Index(at.Index), data)
		if m.catalogue.Level > m.serves {
			return nil, &LevelError{Cluster: m.catalogue.Level, Serves: m.serves}
		}
	}
	if m.catalogue != before {
		m.publish(m.catalogue)
	}
	return results, nil
}

// Query answers with the whole catalogue in CBOR, whatever is asked.
func (m *MetaMachine) Query(context.Context, []byte) (plugins.Result, error) {
	data, err := batchEncoding.Marshal(m.catalogue)
	if err != nil {
		return plugins.Result{}, fmt.Errorf("node: encode catalogue: %w", err)
	}
	return plugins.Result{Data: data}, nil
}

// Export writes the catalogue in CBOR.
func (m *MetaMachine) Export(_ context.Context, w io.Writer) error {
	return batchEncoding.NewEncoder(w).Encode(m.catalogue)
}

// Record implements Recorder: a catalogue never changes once it is published.
func (m *MetaMachine) Record() (Recorded, error) { return recordedCatalogue{m.catalogue}, nil }

type recordedCatalogue struct{ catalogue *Catalogue }

// WriteTo writes the catalogue in CBOR.
func (c recordedCatalogue) WriteTo(w io.Writer) (int64, error) {
	data, err := batchEncoding.Marshal(c.catalogue)
	if err != nil {
		return 0, fmt.Errorf("node: encode catalogue: %w", err)
	}
	n, err := w.Write(data)
	return int64(n), err
}

// Close does nothing.
func (recordedCatalogue) Close() {}

// Load takes the state over that a record wrote, and publishes it. The error is
// ErrSnapshotState or a *LevelError.
func (m *MetaMachine) Load(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c := &Catalogue{}
	if err := batchDecoding.Unmarshal(data, c); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshotState, err)
	}
	if c.Level > m.serves {
		return &LevelError{Cluster: c.Level, Serves: m.serves}
	}
	m.catalogue = c
	m.publish(c)
	return nil
}

// Close does nothing: the catalogue is memory.
func (m *MetaMachine) Close(context.Context) error { return nil }

func (m *MetaMachine) applyOne(index raft.Index, data []byte) plugins.Result {
	if isLater(data) {
		return m.applyLater(index, data)
	}
	var c metaCommand
	if err := batchDecoding.Unmarshal(data, &c); err != nil || c.Version != metaCommandVersion {
		return notOfThisVersion()
	}
	return m.runFirst(index, c)
}

// runFirst runs a command of the first release.
func (m *MetaMachine) runFirst(index raft.Index, c metaCommand) plugins.Result {
	switch {
	case c.Bootstrap != nil:
		return m.bootstrap(index, *c.Bootstrap)
	case c.Create != nil:
		return m.create(index, *c.Create)
	case c.Begin != nil:
		return m.beginUpgrade(index, *c.Begin)
	case c.Decide != nil:
		return m.decideUpgrade(index, *c.Decide)
	case c.Announce != nil:
		return m.announce(index, *c.Announce)
	case c.Raise != nil:
		return m.raise(index, *c.Raise)
	default:
		return m.applyMembers(index, c)
	}
}

// applyMembers runs a command about nodes and seats.
func (m *MetaMachine) applyMembers(index raft.Index, c metaCommand) plugins.Result {
	switch {
	case c.AddNode != nil:
		return m.addNode(index, *c.AddNode)
	case c.MoveNode != nil:
		return m.moveNode(index, *c.MoveNode)
	case c.Claim != nil:
		return m.claim(index, *c.Claim)
	case c.Seats != nil:
		return m.takeSeats(index, *c.Seats)
	case c.Delete != nil:
		return m.deleteMachine(index, *c.Delete)
	case c.Recover != nil:
		return m.recover(index, *c.Recover)
	}
	return emptyMetaCommand()
}

func (m *MetaMachine) bootstrap(index raft.Index, c bootstrapCommand) plugins.Result {
	if m.catalogue.Cluster != "" {
		return plugins.Result{Status: metaBootstrapped}
	}
	next := *m.catalogue
	next.Index, next.Cluster, next.Level, next.Nodes = index, c.Cluster, c.Level, slices.Clone(c.Nodes)
	for i := range next.Nodes {
		next.Nodes[i].Incarnation = max(next.Nodes[i].Incarnation, 1)
		next.Nodes[i].Lives = next.Nodes[i].Incarnation
	}
	sortNodes(next.Nodes)
	next.Seats = firstSeats(next.Nodes)
	m.catalogue = &next
	return plugins.Result{}
}

func (m *MetaMachine) create(index raft.Index, c createCommand) plugins.Result {
	if len(m.catalogue.Nodes) == 0 {
		return plugins.Result{Status: metaNotBootstrapped}
	}
	if !c.Snapshot.Valid() {
		return plugins.Result{Status: metaMalformed, Data: []byte("an unknown way to take snapshots")}
	}
	at, found := slices.BinarySearchFunc(m.catalogue.Machines, c.Name, compareName)
	if found {
		have := m.catalogue.Machines[at]
		// Why not the artefact: a newer release makes another one of the same module,
		// and what runs stays what it is.
		switch {
		case c.Restore && (!have.Restore || have.Run != c.Run):
			return plugins.Result{Status: metaConflict, Data: []byte(have.Active.Run.Module.String())}
		case !have.Active.Run.same(c.Run):
			return plugins.Result{Status: metaConflict, Data: []byte(have.Active.Run.Module.String())}
		case c.Snapshot.fits(have.Snapshot):
			return plugins.Result{Status: metaExists}
		}
		return m.changeMode(index, at, c.Snapshot)
	}
	if len(m.catalogue.Machines) >= MachinesMax {
		return plugins.Result{Status: metaFull}
	}
	next := *m.catalogue
	record := MachineRecord{Name: c.Name, Group: next.NextGroup, Run: c.Run, Created: index, Snapshot: c.Snapshot.orImage(), Active: ActiveRun{Run: c.Run}, Restore: c.Restore}
	record.First = firstSeats(next.Nodes)
	record.Seats = record.First
	if r, ok := m.admit(record.Seats.Nodes(), c.Run, record.Snapshot, false); !ok {
		return r
	}
	next.Index, next.NextGroup = index, next.NextGroup+1
	next.Machines = slices.Insert(slices.Clone(next.Machines), at, record)
	m.catalogue = &next
	return plugins.Result{}
}

// changeMode has the snapshots of the machine at a place made another way from now on.
func (m *MetaMachine) changeMode(index raft.Index, at int, mode SnapshotMode) plugins.Result {
	changed := m.catalogue.Machines[at]
	before := changed.memory()
	changed.Snapshot = mode
	if more := changed.memory(); more > before {
		if missing := m.catalogue.Admit(changed.Seats.Nodes(), more-before); missing != nil {
			return plugins.Result{Status: metaMemory, Data: missing.encode()}
		}
	}
	next := *m.catalogue
	m.replaceMachine(&next, index, at, changed)
	return plugins.Result{Status: metaMode}
}

// admit says why nodes may not run something besides what they run, if so. What a
// rollback goes to ran before, so no level forbids it.
func (m *MetaMachine) admit(nodes []raft.NodeID, run MachineRun, mode SnapshotMode, rollback bool) (refusal plugins.Result, ok bool) {
	if why := m.catalogue.Level.refuses(run.Pass, run.Host); why != "" && !rollback {
		return plugins.Result{Status: metaLevel, Data: []byte(why)}, false
	}
	if missing := m.catalogue.Admit(nodes, mode.memory(run.Limits)); missing != nil {
		return plugins.Result{Status: metaMemory, Data: missing.encode()}, false
	}
	return plugins.Result{}, true
}

// BootstrapCommand is the data of the meta group's command that describes a new
// cluster, at the newest level. Only the first one counts.
func BootstrapCommand(cluster string, nodes []NodeRecord) ([]byte, error) {
	return bootstrapAt(cluster, nodes, FeatureLevelMax)
}

func bootstrapAt(cluster string, nodes []NodeRecord, l FeatureLevel) ([]byte, error) {
	return metaCommand{Bootstrap: &bootstrapCommand{Cluster: cluster, Nodes: nodes, Level: l}}.encode()
}

// DeployCommand is the data of the meta group's command that creates a machine.
func DeployCommand(name string, run MachineRun, m SnapshotMode) ([]byte, error) {
	return metaCommand{Create: &createCommand{Name: name, Run: run, Snapshot: m}}.encode()
}

// CreateForRestoreCommand is the data of the meta group's command that creates a machine
// which waits for its state from a backup.
func CreateForRestoreCommand(name string, run MachineRun, m SnapshotMode) ([]byte, error) {
	return metaCommand{Create: &createCommand{Name: name, Run: run, Snapshot: m, Restore: true}}.encode()
}
