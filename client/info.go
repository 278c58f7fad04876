package client

import "time"

// DeploySpec says what a machine is to run.
type DeploySpec struct {
	// Module is the digest of a module that was uploaded before.
	Module Digest `json:"module"`
	// Limits bound the machine; 0 means the cluster's default.
	Limits MachineLimits `json:"limits,omitzero"`
	// Snapshot is chosen when the machine is created; "" is SnapshotImage then, and
	// whatever it has for a machine that is there.
	Snapshot SnapshotMode `json:"snapshot,omitempty"`
	// Upgrade allows to upgrade a machine of that name that runs another module or
	// under other limits; limits that are 0 then keep the machine's. Without it that
	// is a conflict.
	Upgrade bool `json:"upgrade,omitempty"`
	// By is who asks; a node takes it from the certificate.
	By string `json:"-"`
}

// SnapshotMode says of what a machine's Raft snapshots are made.
type SnapshotMode string

// The modes.
const (
	// SnapshotImage: of its memory as it is. The default.
	SnapshotImage SnapshotMode = "image"
	// SnapshotExport: of what the module's snapshot export writes.
	SnapshotExport SnapshotMode = "export"
)

// Valid reports whether m is one of the modes, or "".
func (m SnapshotMode) Valid() bool { return m == "" || m == SnapshotImage || m == SnapshotExport }

// ModuleInfo describes a stored module.
type ModuleInfo struct {
	Digest Digest `json:"digest"`
	Bytes  int64  `json:"bytes"`
}

// MachineState says whether the answering node's replica of a machine works.
type MachineState string

// The states of a machine's replica.
const (
	// MachineStarting: the replica is fetching its module or replaying its log.
	MachineStarting MachineState = "starting"
	// MachineRunning: the replica applies commands and answers queries.
	MachineRunning MachineState = "running"
	// MachineRestoring: the machine waits for a state from a backup and executes nothing.
	MachineRestoring MachineState = "restoring"
	// MachineHalted: the replica stopped and says why in StateReason.
	MachineHalted MachineState = "halted"
)

// MachineInfo describes a machine as the answering node sees it. The term and
// indexes are that node's own: a follower may trail the leader.
type MachineInfo struct {
	Name        string  `json:"name"`
	Group       GroupID `json:"group"`
	Module      Digest  `json:"module"`
	ModuleBytes int64   `json:"module_bytes,omitempty"`
	// Artefact is the digest of what was made of the module and runs, by the
	// rewriting pass and for the host's semantics of these versions. Run names
	// artefact, semantics and limits together: what all replicas run.
	Artefact    Digest `json:"artefact,omitempty"`
	Run         Digest `json:"run,omitempty"`
	PassVersion uint32 `json:"pass_version,omitempty"`
	HostVersion uint32 `json:"host_version,omitempty"`
	// Limits are in full.
	Limits MachineLimits `json:"limits,omitzero"`
	// Snapshot says of what its Raft snapshots are made.
	Snapshot SnapshotMode `json:"snapshot,omitempty"`
	// LastExport is what became of the newest entry at which the machine's state went
	// through its own exports, as far as the answering node has applied the log.
	LastExport *ExportInfo `json:"last_export,omitempty"`
	// DeployIndex is the index of the meta group's entry that deployed it.
	DeployIndex uint64       `json:"deploy_index"`
	State       MachineState `json:"state"`
	StateReason string       `json:"state_reason,omitempty"`
	// Leader is 0 while no leader is known; LeaderAPI is its API address.
	Leader    NodeID `json:"leader"`
	LeaderAPI string `json:"leader_api,omitempty"`
	Term      uint64 `json:"term"`
	Commit    uint64 `json:"commit_index"`
	Applied   uint64 `json:"applied_index"`
	// ExportDigest is the SHA-256 of what the machine's snapshot export wrote on
	// the answering node at ExportIndex. Both are present only when asked for,
	// because exporting costs time proportional to the machine's state.
	ExportDigest Digest `json:"export_digest,omitempty"`
	ExportIndex  uint64 `json:"export_index,omitempty"`
	// RunningModule is what the answering node's replica runs, and RunningSince the
	// index of the machine's entry since which it does, 0 for the module of its
	// creation. It differs from Module while the replica catches up.
	RunningModule Digest `json:"running_module,omitempty"`
	RunningSince  uint64 `json:"running_since"`
	// Upgrade is the newest upgrade, under way or decided.
	Upgrade *UpgradeInfo `json:"upgrade,omitempty"`
	// Changed is part of the answer to Deploy, Activate and Rollback: the machine was
	// created or upgraded by the request, or its snapshots are made another way.
	Changed bool `json:"changed,omitempty"`
}

// ExportInfo is what became of an export entry of a machine's log.
type ExportInfo struct {
	// Index is that of the entry.
	Index uint64 `json:"index"`
	// Refused is the module's reason for refusing it, or empty. An image was recorded
	// in its place.
	Refused string `json:"refused,omitempty"`
}

// The values of NodeInfo.Disk of a disk that does not work as it should.
const (
	DiskFull    = "full"
	DiskStalled = "stalled"
)

// NodeInfo describes one node as the answering node sees it.
type NodeInfo struct {
	ID     NodeID `json:"id"`
	Name   string `json:"name"`
	Region string `json:"region,omitempty"`
	// Peer and API are host:port addresses.
	Peer string `json:"peer"`
	API  string `json:"api"`
	// Role is the node's role in the meta group: leader, follower, candidate,
	// pre-candidate, or unknown when the answering node cannot tell.
	Role string `json:"role"`
	// State is what the cluster wants of the node, Incarnation the life with a fresh disk that
	// it is in, 0 before the first since it was added. Lives is how many it had.
	State       NodeState `json:"state,omitempty"`
	Incarnation uint32    `json:"incarnation,omitempty"`
	Lives       uint32    `json:"lives,omitempty"`
	// Votes and Learns are the groups in which it is a voter or a learner in its present
	// life, Holds those that have a seat for it in whichever life: what a node that leaves
	// has to be removed from yet. As the leaders of the groups have reported.
	Votes  []GroupID `json:"votes,omitempty"`
	Learns []GroupID `json:"learns,omitempty"`
	Holds  []GroupID `json:"holds,omitempty"`
	// Lacks are the groups that have no seat yet for a voter or a learner in its present life.
	Lacks []GroupID `json:"lacks,omitempty"`
	// Up is true for the answering node itself and for a peer it has a live
	// connection to.
	Up bool `json:"up"`
	// Down is why no connection to it stands, as far as the answering node can tell:
	// silent (nothing comes back from there), absent (no process listens), narrow (only
	// packets too small for QUIC pass), busy, refused (see both logs), address (it cannot be
	// resolved); "" when one stands, or when that is not known yet.
	Down string `json:"down,omitempty"`
	// RTT is the smoothed round trip of the link to it, 0 when not measured. It
	// travels as microseconds.
	RTT time.Duration `json:"-"`
	// FEC says whether losses on that link are repaired: off, quiet (there are none)
	// or active; "" when unknown. Loss is the share of packets that the path to the
	// node lost lately, before repair, 0 to 1; 0 while FEC is not active.
	FEC  string  `json:"fec,omitempty"`
	Loss float64 `json:"loss,omitempty"`
	// Link is what became of packets to it; nil for the answering node itself.
	Link *LinkInfo `json:"link,omitempty"`
	// Disk is "full" when the node has too little space to take commands, "stalled" when
	// its writes take too long for it to lead, and "" when it works, or when the answering
	// node cannot tell: it knows its own and those of nodes that follow it.
	Disk string `json:"disk,omitempty"`
	// Version is the node's program version, "" when unknown.
	Version string `json:"version,omitempty"`
	// MemoryBudget is how many bytes the machines of the node may count for, each
	// with twice its limit, or four times with snapshots by export, and MemoryUsed what they count for; a budget of 0 is
	// without bound or not known yet.
	MemoryBudget uint64 `json:"memory_budget,omitempty"`
	MemoryUsed   uint64 `json:"memory_used,omitempty"`
	// FeatureLevel is the newest level the node's release serves, 0 when unknown.
	FeatureLevel uint32 `json:"feature_level,omitempty"`
}

// GroupInfo describes a Raft group by the answering node's replica of it.
type GroupInfo struct {
	Group GroupID `json:"group"`
	// Machine is the name of the machine the group drives, "" for the meta group.
	Machine string `json:"machine,omitempty"`
	// Leader is 0 while no leader is known.
	Leader  NodeID `json:"leader"`
	Role    string `json:"role"`
	Term    uint64 `json:"term"`
	Commit  uint64 `json:"commit_index"`
	Applied uint64 `json:"applied_index"`
	// State and StateReason are those of the machine; running for the meta group.
	State       MachineState `json:"state"`
	StateReason string       `json:"state_reason,omitempty"`
}

// ClusterInfo is what one node knows about its cluster. Nodes and Groups are
// sorted by ID.
type ClusterInfo struct {
	Cluster  string `json:"cluster"`
	ServedBy NodeID `json:"served_by"`
	// FeatureLevel is what all nodes must understand: a release that serves less
	// does not start in this cluster.
	FeatureLevel uint32 `json:"feature_level,omitempty"`
	// Leaders says where leaders are to be; nil: anywhere.
	Leaders *LeaderPolicy `json:"leaders,omitempty"`
	Nodes   []NodeInfo    `json:"nodes"`
	Groups  []GroupInfo   `json:"groups"`
}

// ClusterViews is what the nodes know of their cluster, each for itself. Views are sorted by
// node; a node that was removed has none.
type ClusterViews struct {
	// ServedBy is the node that asked the others.
	ServedBy NodeID     `json:"served_by"`
	Views    []NodeView `json:"views"`
}

// NodeView is what one node knows of its cluster.
type NodeView struct {
	Node NodeID `json:"node"`
	// Cluster is nil when the node did not answer, and Problem says why in words.
	Cluster *ClusterInfo `json:"cluster,omitempty"`
	Problem string       `json:"problem,omitempty"`
}

// Check is the verdict of one readiness check of a node.
type Check struct {
	// Name is a short path segment such as "meta-leader" or "disk".
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail says what was found, in words, also when the check passed.
	Detail string `json:"detail,omitempty"`
}
