package server

import "github.com/wraft/wraft/internal/nodeconfig"

// memoryShare is the part of the memory that machines may count for: the rest is for
// the log, the network and the system.
const memoryShare = 2

// NodeMemoryDefault is the budget of a node whose configuration names none, in bytes:
// half of what the process may use, divided among the nodes that run in it; 0, no
// bound, where nobody can tell.
func NodeMemoryDefault(nodes int) nodeconfig.Size {
	return nodeconfig.Size(availableMemory() / memoryShare / uint64(max(nodes, 1)))
}
