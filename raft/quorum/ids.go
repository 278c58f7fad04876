package quorum

import "strconv"

// NodeID is the stable identity of one wraftd process. 0 means "no node".
type NodeID uint64

// String formats the ID the way logs and scripts show it: n1, n2, ...
func (id NodeID) String() string { return "n" + strconv.FormatUint(uint64(id), 10) }

// Index is a position in a Raft log. The first real entry has index 1; 0 stands
// for the empty log in front of it.
type Index uint64
