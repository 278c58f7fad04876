package apitest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api"
)

// Apply is a machine written in Go: it may change state, which starts as "".
type Apply func(state *string, command []byte) ([]byte, error)

// Counter is the default machine: "incr" and "add N" answer the new count.
func Counter(state *string, command []byte) ([]byte, error) {
	count, _ := strconv.Atoi(*state)
	switch text := string(command); {
	case text == "incr":
		count++
	case len(text) > 4 && text[:4] == "add ":
		n, err := strconv.Atoi(text[4:])
		if err != nil {
			return nil, client.NewProblem(client.CodeMachineRejected, "add: %q is not a number", text[4:])
		}
		count += n
	case text == "get":
	default:
		return nil, client.NewProblem(client.CodeMachineRejected, "unknown command %q", text)
	}
	*state = strconv.Itoa(count)
	return []byte(`{"value":` + *state + `}`), nil
}

// Backend is a node in memory.
type Backend struct {
	node  client.NodeID
	apply Apply

	// mu guards the fields below.
	mu       sync.Mutex
	index    uint64
	deploys  uint64
	modules  map[client.Digest]int64
	machines map[string]*machine
	logs     map[client.GroupID]*entryLog
	deleted  []client.DeletedMachine // the newest first
	nodes    []client.NodeInfo
	leaders  *client.LeaderPolicy
	tokens   map[pki.TokenHash]client.TokenInfo
	audit    []client.AuditRecord       // the newest first
	joined   map[client.NodeID][32]byte // digests of keys
	// address and authority are Start's.
	address   string
	authority *pki.Authority
	checks    []client.Check
	fail      func(operation string) error
	seen      map[string]int
	last      client.Command
}

// machine is one deployed machine.
type machine struct {
	info     client.MachineInfo
	state    string
	upgrades []client.UpgradeInfo // the newest first
	snapshot uint64               // index of the newest
	emitted  emitted
	logged   logged
	sessions map[client.SessionID]map[uint64]client.CommandResult
	keys     map[string]keyed
}

// New makes a backend of node 1. apply runs every machine; nil is Counter.
func New(apply Apply) *Backend {
	if apply == nil {
		apply = Counter
	}
	return &Backend{
		node: 1, apply: apply, index: 1,
		nodes: []client.NodeInfo{{
			ID: 1, Name: "node-1", Peer: "127.0.0.1:7444", API: "127.0.0.1:7443", Role: "leader", Up: true,
			FeatureLevel: featureLevel, MemoryBudget: 3 << 30, MemoryUsed: 1536 << 20,
			State: client.NodeVoter, Incarnation: 1, Votes: []client.GroupID{1}, Holds: []client.GroupID{1},
		}},
		joined: make(map[client.NodeID][32]byte), tokens: make(map[pki.TokenHash]client.TokenInfo), modules: make(map[client.Digest]int64), machines: make(map[string]*machine), logs: make(map[client.GroupID]*entryLog), seen: make(map[string]int),
		checks: []client.Check{{Name: "meta-leader", OK: true, Detail: "node 1 leads"}, {Name: "disk", OK: true, Detail: "writable"}},
	}
}

// API is the backend in the form the server takes.
func (b *Backend) API() api.Backend {
	return api.Backend{Commands: b, Queries: b, Catalogue: b, Upgrades: b, Snapshots: b, Emissions: b, Logs: b, Entries: b, Backups: b, Deletions: b, Members: b, Tokens: b, Joins: b, Audit: b, Cluster: b}
}

// AddMachine deploys a machine without an upload.
func (b *Backend) AddMachine(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addMachine(name, client.DeploySpec{Module: client.DigestOf([]byte(name))})
}

// Fail makes operations fail: f gets the method's name and returns the error, nil
// to go on. A nil f ends it.
func (b *Backend) Fail(f func(operation string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = f
}

// SetChecks replaces the readiness checks.
func (b *Backend) SetChecks(checks ...client.Check) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.checks = checks
}

// SetAPI says where the node's own API is, as others are told.
func (b *Backend) SetAPI(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[0].API = address
}

// Seen is how often an operation reached the backend.
func (b *Backend) Seen(operation string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[operation]
}

// LastCommand is the command that arrived last.
func (b *Backend) LastCommand() client.Command {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// State is a machine's state.
func (b *Backend) State(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.machines[name].state
}

// enter notes an operation and finds its machine; "" needs none. Callers hold mu.
func (b *Backend) enter(operation, name string) (*machine, error) {
	b.seen[operation]++
	if b.fail != nil {
		if err := b.fail(operation); err != nil {
			return nil, err
		}
	}
	if name == "" {
		return nil, nil
	}
	m, ok := b.machines[name]
	if !ok && slices.ContainsFunc(b.deleted, func(d client.DeletedMachine) bool { return d.Name == name }) {
		return nil, client.NewProblem(client.CodeMachineDeleted, "machine %q was deleted", name)
	}
	if !ok {
		return nil, client.NewProblem(client.CodeUnknownMachine, "no machine is called %q", name)
	}
	return m, nil
}

// Command applies at once, and repeats of a session's sequence not at all. An
// error of Fail for "Command:after" comes after the command was applied.
func (b *Backend) Command(_ context.Context, name string, c client.Command) (client.CommandResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = c
	m, err := b.enter("Command", name)
	if err != nil {
		return client.CommandResult{}, err
	}
	answers, err := m.answers(c)
	if err != nil {
		return client.CommandResult{}, err
	}
	if stored, ok := answers[c.Sequence]; ok && c.Session != 0 {
		stored.Replayed = true
		return stored, nil
	}
	if stored, ok := m.keys[c.Key]; ok {
		return stored.replay(c)
	}
	data, err := b.apply(&m.state, c.Data)
	if err != nil {
		return client.CommandResult{}, err
	}
	b.index++
	result := client.CommandResult{Data: data, Index: b.index, Term: 1}
	b.write(m.info.Group, c)
	if c.Session != 0 {
		answers[c.Sequence] = result
	}
	if c.Key != "" {
		if m.keys == nil {
			m.keys = make(map[string]keyed)
		}
		m.keys[c.Key] = keyed{string(c.Data), result}
	}
	if _, err := b.enter("Command:after", ""); err != nil {
		return client.CommandResult{}, err
	}
	return result, nil
}

// keyed is what a key stands for.
type keyed struct {
	data   string
	result client.CommandResult
}

func (k keyed) replay(c client.Command) (client.CommandResult, error) {
	if k.data != string(c.Data) {
		return client.CommandResult{}, client.NewProblem(client.CodeKeyReused, "another command was executed under this key")
	}
	k.result.Replayed = true
	return k.result, nil
}

// answers are the stored answers of the command's session.
func (m *machine) answers(c client.Command) (map[uint64]client.CommandResult, error) {
	if c.Session == 0 {
		return nil, nil
	}
	answers, ok := m.sessions[c.Session]
	if !ok {
		return nil, client.NewProblem(client.CodeSessionExpired, "session %v is not known", c.Session)
	}
	maps.DeleteFunc(answers, func(sequence uint64, _ client.CommandResult) bool { return sequence < c.AcknowledgedBelow })
	return answers, nil
}

// OpenSession registers a session.
func (b *Backend) OpenSession(_ context.Context, name string) (client.SessionID, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("OpenSession", name)
	if err != nil {
		return 0, err
	}
	b.index++
	id := client.SessionID(b.index)
	m.sessions[id] = make(map[uint64]client.CommandResult)
	return id, nil
}

// staleness is how old this backend's state pretends to be.
const staleness = 7 * time.Second

// freshness refuses what this backend cannot give: leases, and less than staleness.
func freshness(q client.Query) error {
	switch {
	case q.Consistency == client.Lease:
		return client.NewProblem(client.CodeLeaseNotAllowed, "reads by lease are not allowed here")
	case q.Consistency == client.Stale && q.MaxStaleness > 0 && q.MaxStaleness < staleness:
		p := client.NewProblem(client.CodeTooStale, "the state of this replica may be %v old, %v is allowed", staleness, q.MaxStaleness)
		p.StalenessMillis = staleness.Milliseconds()
		return p
	}
	return nil
}

// Query applies "get" or whatever else is asked to a copy of the state.
func (b *Backend) Query(_ context.Context, name string, q client.Query) (client.QueryResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("Query", name)
	if err != nil {
		return client.QueryResult{}, err
	}
	if q.MinIndex > b.index {
		return client.QueryResult{}, client.NewProblem(client.CodeMinIndex, "applied is %d, asked for was %d", b.index, q.MinIndex)
	}
	if err := freshness(q); err != nil {
		return client.QueryResult{}, err
	}
	state := m.state
	data, err := b.apply(&state, q.Data)
	if err != nil {
		return client.QueryResult{}, err
	}
	return client.QueryResult{Data: data, AppliedIndex: b.index}, nil
}

// Machines lists by name.
func (b *Backend) Machines(context.Context) ([]client.MachineInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("Machines", ""); err != nil {
		return nil, err
	}
	var list []client.MachineInfo
	for _, name := range slices.Sorted(maps.Keys(b.machines)) {
		list = append(list, b.machines[name].info)
	}
	return list, nil
}

// Machine shows one; the export digest is that of the state.
func (b *Backend) Machine(_ context.Context, name string, export bool) (client.MachineInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("Machine", name)
	if err != nil {
		return client.MachineInfo{}, err
	}
	info := m.info
	info.Applied, info.Commit = b.index, b.index
	if export {
		info.ExportDigest, info.ExportIndex = client.DigestOf([]byte(m.state)), b.index
	}
	return info, nil
}

// PutModule keeps the size of what has the digest and begins like WebAssembly.
func (b *Backend) PutModule(_ context.Context, digest client.Digest, body io.Reader, _ int64) (client.ModuleInfo, bool, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return client.ModuleInfo{}, false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("PutModule", ""); err != nil {
		return client.ModuleInfo{}, false, err
	}
	if got := client.DigestFromSum(sha256.Sum256(data)); got != digest {
		return client.ModuleInfo{}, false, client.NewProblem(client.CodeDigestMismatch, "the bytes have %s", got)
	}
	if len(data) < 8 || string(data[:4]) != "\x00asm" {
		return client.ModuleInfo{}, false, client.NewProblem(client.CodeModuleRefused, "header: the file is no WebAssembly module")
	}
	_, known := b.modules[digest]
	b.modules[digest] = int64(len(data))
	return client.ModuleInfo{Digest: digest, Bytes: int64(len(data))}, !known, nil
}

// Deploy creates a machine, or finds the same one, whose snapshots may be made another way
// then.
func (b *Backend) Deploy(_ context.Context, name string, spec client.DeploySpec) (client.MachineInfo, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("Deploy", ""); err != nil {
		return client.MachineInfo{}, false, err
	}
	if n := spec.Limits.MemoryBytes; n != 0 && n < memoryBytesMin {
		p := client.NewProblem(client.CodeLimitRange, "limit memory_bytes is %d: at least %d is possible", n, memoryBytesMin)
		p.Limit = "memory_bytes"
		return client.MachineInfo{}, false, p
	}
	if _, ok := b.modules[spec.Module]; !ok {
		return client.MachineInfo{}, false, client.NewProblem(client.CodeUnknownModule, "module %s was not uploaded", spec.Module)
	}
	if m, ok := b.machines[name]; ok {
		info, err := b.redeploy(m, spec)
		return info, false, err
	}
	info := b.addMachine(name, spec).info
	info.Changed = true
	return info, true, nil
}

// redeploy deploys onto a machine that is there.
func (b *Backend) redeploy(m *machine, spec client.DeploySpec) (client.MachineInfo, error) {
	limits := spec.Limits
	if (limits == client.MachineLimits{}) && spec.Upgrade {
		limits = m.info.Limits
	}
	same := m.info.Module == spec.Module && m.info.Limits == limits
	switch {
	case !same && !spec.Upgrade:
		return client.MachineInfo{}, client.NewProblem(client.CodeMachineExists, "%s runs module %s", m.info.Name, m.info.Module.Short())
	case !same:
		b.upgrade(m, client.UpgradeInfo{To: spec.Module, Limits: limits, By: spec.By})
	}
	changed := spec.Snapshot != "" && spec.Snapshot != m.info.Snapshot
	if changed {
		b.index++
		m.info.Snapshot = spec.Snapshot
	}
	info := m.info
	info.Changed = changed || !same
	return info, nil
}

func (b *Backend) addMachine(name string, spec client.DeploySpec) *machine {
	b.index++
	m := &machine{sessions: make(map[client.SessionID]map[uint64]client.CommandResult), emitted: emitted{more: make(chan struct{})}, logged: logged{more: make(chan struct{})}}
	m.info = client.MachineInfo{
		Name: name, Group: client.GroupID(len(b.machines) + 2), Module: spec.Module, ModuleBytes: b.modules[spec.Module],
		Artefact: client.DigestOf([]byte("artefact " + spec.Module)), Run: client.DigestOf([]byte("run " + spec.Module)), PassVersion: 1, HostVersion: 1,
		Limits: spec.Limits, Snapshot: cmp.Or(spec.Snapshot, client.SnapshotImage), DeployIndex: b.index, State: client.MachineRunning, Leader: b.node, Term: 1,
	}
	b.machines[name] = m
	return m
}

// ClusterInfo is a cluster of one node.
func (b *Backend) ClusterInfo(context.Context) (client.ClusterInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("ClusterInfo", ""); err != nil {
		return client.ClusterInfo{}, err
	}
	info := client.ClusterInfo{Cluster: clusterName, ServedBy: b.node, FeatureLevel: featureLevel}
	info.Nodes, info.Leaders = slices.Clone(b.nodes), b.leaders
	info.Groups = []client.GroupInfo{{Group: 1, Leader: b.node, Role: "leader", Term: 1, Commit: b.index, Applied: b.index, State: client.MachineRunning}}
	for _, name := range slices.Sorted(maps.Keys(b.machines)) {
		m := b.machines[name].info
		info.Groups = append(info.Groups, client.GroupInfo{
			Group: m.Group, Machine: name, Leader: b.node, Role: "leader", Term: 1, Commit: b.index, Applied: b.index, State: m.State,
		})
	}
	return info, nil
}

// ClusterViews is the view of the one node.
func (b *Backend) ClusterViews(ctx context.Context) (client.ClusterViews, error) {
	info, err := b.ClusterInfo(ctx)
	if err != nil {
		return client.ClusterViews{}, err
	}
	return client.ClusterViews{ServedBy: b.node, Views: []client.NodeView{{Node: b.node, Cluster: &info}}}, nil
}

// RaiseFeatureLevel knows one level.
func (b *Backend) RaiseFeatureLevel(_ context.Context, level uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("RaiseFeatureLevel", ""); err != nil {
		return err
	}
	if level > featureLevel {
		return client.NewProblem(client.CodeFeatureLevel, "n%d serves up to %d, %d was asked for", b.node, featureLevel, level)
	}
	return nil
}

// memoryBytesMin is the smallest limit of memory.
const memoryBytesMin = 64 << 10

// featureLevel is the only one there is.
const featureLevel = 1

// Checks are those of SetChecks.
func (b *Backend) Checks(context.Context) []client.Check {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.checks)
}

// EndSessions forgets a machine's sessions, as when nobody used them for long.
func (b *Backend) EndSessions(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.machines[name].sessions)
}
