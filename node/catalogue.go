package node

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// MetaGroup is the group whose machine is the catalogue. It runs on every voter.
const MetaGroup raft.GroupID = 1

// Digest is the SHA-256 of a module's binary.
type Digest [32]byte

// String returns sha256:<hex>.
func (d Digest) String() string { return fmt.Sprintf("sha256:%x", d[:]) }

// DigestOf is the digest of a binary.
func DigestOf(binary []byte) Digest { return sha256.Sum256(binary) }

// ParseDigest reads what String wrote.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	digits, ok := strings.CutPrefix(text, "sha256:")
	if raw, err := hex.DecodeString(digits); !ok || err != nil || copy(d[:], raw) != len(d) || len(raw) != len(d) {
		return Digest{}, fmt.Errorf("node: %q is no digest, expected sha256: and 64 hex digits", text)
	}
	return d, nil
}

// NodeRecord is what the cluster knows of a node.
type NodeRecord struct {
	_           struct{} `cbor:",toarray"`
	ID          raft.NodeID
	Incarnation raft.Incarnation // 0: it was never up, or not since it was added again
	Lives       raft.Incarnation // how many it had
	Region      string
	PeerAddress string // host:port, UDP
	APIAddress  string // host:port, TCP
	State       NodeState
	Claimed     uint64 // the nonce of the claim that led to Incarnation; 0: none did
	// The rest the node says itself when it starts; 0 until it was up.
	MemoryBudget uint64       // bytes for machines; 0 is also "without bound"
	Serves       FeatureLevel // the newest level its release serves
}

// MachineRun is what the replicas of a machine run. Two are the same if and only if
// they are equal.
type MachineRun struct {
	_        struct{} `cbor:",toarray"`
	Module   Digest   // as it was uploaded
	Artefact Digest   // what was made of it, and runs
	Pass     uint32   // versions of the rewriting pass and of the host's semantics
	Host     uint32   // of the artefact
	Limits   MachineLimits
}

// ID names the run.
func (r MachineRun) ID() plugins.RunID { return plugins.RunIDOf(r.Artefact, r.Host, r.Limits.plugin()) }

// same reports whether two runs are of one module under the same limits, whatever
// releases made of it.
func (r MachineRun) same(o MachineRun) bool { return r.Module == o.Module && r.Limits == o.Limits }

// MachineRecord is a deployed machine. Run is what it was created with, with which
// its log begins and a replay starts; Active is what its upgrades led to.
type MachineRecord struct {
	_        struct{} `cbor:",toarray"`
	Name     string
	Group    raft.GroupID
	Run      MachineRun
	First    Seats      // with which the group began
	Seats    Seats      // the newest that the group's leader reported
	Created  raft.Index // in the meta group's log
	Snapshot SnapshotMode
	Active   ActiveRun
	Previous *ActiveRun      // what a rollback goes to; nil before the first upgrade
	Pending  *UpgradeRecord  // the upgrade under way, or nil
	History  []UpgradeRecord // decided upgrades, oldest first, at most UpgradeHistoryMax
	Restore  bool            // it began by waiting for a state from a backup
}

// on reports whether a replica of the machine is on a node.
func (m MachineRecord) on(id raft.NodeID) bool { return m.Seats.Has(id) }

// ousted reports whether upgrades have led to something else than the machine began with.
func (m MachineRecord) ousted() bool { return m.Active.Since > 0 && m.Active.Run != m.Run }

// Catalogue is the meta group's state at an index: an immutable value that the
// meta machine publishes after each change.
type Catalogue struct {
	Index     raft.Index
	Cluster   string
	Level     FeatureLevel    // of the cluster
	Nodes     []NodeRecord    // ascending by ID, at most NodesMax
	Seats     Seats           // of the meta group, the newest that its leader reported
	Machines  []MachineRecord // ascending by name
	NextGroup raft.GroupID
	// LastDeploy is the newest DeployID given out.
	LastDeploy DeployID
	// LivesForgotten is the most lives of a removed node whose record made room for another:
	// whoever is added begins to count behind it.
	LivesForgotten raft.Incarnation
	// Tombstones are of deleted machines, oldest first, at most TombstonesMax.
	Tombstones []Tombstone
	// Recoveries are those after the loss of a quorum, oldest first, at most RecoveriesMax.
	Recoveries []Recovery
	// Tokens are of clients without a certificate, ascending by hash, at most TokensMax.
	Tokens []TokenRecord `cbor:",omitempty"`
	// Audit says who did what, oldest first, at most AuditMax.
	Audit []AuditRecord `cbor:",omitempty"`
	// Leaders says where leaders are to be; nil: nothing was asked for. See LeaderPolicy.
	Leaders *LeaderPolicy `cbor:",omitempty"`
}

// Machine finds a machine by name.
func (c *Catalogue) Machine(name string) (MachineRecord, bool) {
	if m := c.Lookup(name); m != nil {
		return *m, true
	}
	return MachineRecord{}, false
}

// Lookup is Machine without a copy: the catalogue's own record, which never changes, or nil.
// Why not slices.BinarySearchFunc: every command looks here, and each step of that would copy
// hundreds of bytes, for which the stack of a young goroutine has to grow.
func (c *Catalogue) Lookup(name string) *MachineRecord {
	i := sort.Search(len(c.Machines), func(i int) bool { return c.Machines[i].Name >= name })
	if i == len(c.Machines) || c.Machines[i].Name != name {
		return nil
	}
	return &c.Machines[i]
}

// Node finds a node by ID.
func (c *Catalogue) Node(id raft.NodeID) (NodeRecord, bool) {
	for _, n := range c.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return NodeRecord{}, false
}

func sortNodes(nodes []NodeRecord) {
	slices.SortFunc(nodes, func(a, b NodeRecord) int { return cmp.Compare(a.ID, b.ID) })
}

func compareName(m MachineRecord, name string) int {
	switch {
	case m.Name < name:
		return -1
	case m.Name > name:
		return 1
	}
	return 0
}
