package node

import (
	"fmt"
	"math/bits"

	"github.com/wraft/wraft/raft"
)

// memoryFactor is how often a machine's memory limit counts against the budget of
// its nodes: once for the machine, once for the copy that undoes and queries need.
const memoryFactor = 2

// MemoryError: a machine does not fit on a node. Give it a smaller limit, raise the
// node's budget, or remove something.
type MemoryError struct {
	_      struct{} `cbor:",toarray"`
	Node   raft.NodeID
	Needs  uint64 // bytes that the machine counts for
	Used   uint64 // bytes that the node's machines count for already
	Budget uint64 // bytes
}

// Missing is by how many bytes the machine does not fit.
func (e *MemoryError) Missing() uint64 { return addMemory(e.Used, e.Needs) - e.Budget }

// Error says by how much it does not fit.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("node: %v has %d bytes too few: the machine counts for %d (twice its limit, or four times with snapshots by export), the others there for %d, the budget is %d",
		e.Node, e.Missing(), e.Needs, e.Used, e.Budget)
}

// encode makes the error a meta machine's answer.
func (e *MemoryError) encode() []byte {
	data, err := batchEncoding.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("node: encode %+v: %v", *e, err)) // numbers always encode
	}
	return data
}

// decodeMemoryError reads what encode wrote.
func decodeMemoryError(data []byte) error {
	var e MemoryError
	if err := batchDecoding.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("node: a node has too little memory; how much it misses cannot be read: %w", err)
	}
	return &e
}

// need is what a machine under these limits counts for.
func (l MachineLimits) need() uint64 {
	hi, lo := bits.Mul64(l.MemoryBytes, memoryFactor)
	if hi > 0 {
		return 1<<64 - 1
	}
	return lo
}

// addMemory adds without wrapping around.
func addMemory(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry > 0 {
		return 1<<64 - 1
	}
	return sum
}

// Admit says which node of voters cannot take a machine that needs so many bytes
// of memory in addition to what it has, or nil. A budget that is not known, because
// its node was never up, refuses nothing: the node itself refuses then. Of several
// nodes it names the one that misses most.
func (c *Catalogue) Admit(voters []raft.NodeID, needs uint64) *MemoryError {
	var worst *MemoryError
	for _, id := range voters {
		n, ok := c.Node(id)
		if !ok || n.MemoryBudget == 0 {
			continue
		}
		e := &MemoryError{Node: id, Needs: needs, Used: c.MemoryUsed(id), Budget: n.MemoryBudget}
		if addMemory(e.Used, needs) > e.Budget && (worst == nil || e.Missing() > worst.Missing()) {
			worst = e
		}
	}
	return worst
}

// memory is what a machine under these limits counts for. Snapshots of exports take a
// second instance: at each of them a fresh one takes the place of the old one, which
// goes when its state is written.
func (m SnapshotMode) memory(l MachineLimits) uint64 {
	if m == SnapshotExport {
		return addMemory(l.need(), l.need())
	}
	return l.need()
}

// memory is what a machine counts for: while an upgrade is under way, for both
// modules, since both have an instance for a moment.
func (m MachineRecord) memory() uint64 {
	sum := m.Snapshot.memory(m.Active.Run.Limits)
	if m.Pending != nil {
		sum = addMemory(sum, m.Snapshot.memory(m.Pending.To.Limits))
	}
	return sum
}

// MemoryUsed is what the machines of a node count for, in bytes.
func (c *Catalogue) MemoryUsed(id raft.NodeID) (sum uint64) {
	for _, m := range c.Machines {
		if m.on(id) {
			sum = addMemory(sum, m.memory())
		}
	}
	return sum
}
