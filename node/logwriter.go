package node

import (
	"slices"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// LogWriter gathers the writes of all groups of a shard while one batch is being
// made durable, so that the next batch holds everything that waited: one sync for
// all. It is a step machine; whoever drives it performs the batch.
type LogWriter struct {
	waiting []storage.GroupWrite
	flying  []storage.GroupWrite
	busy    bool
}

// GroupPersisted says up to which write a group is durable.
type GroupPersisted struct {
	Group raft.GroupID
	Write raft.WriteID
}

// Add queues writes, in order.
func (w *LogWriter) Add(writes ...storage.GroupWrite) { w.waiting = append(w.waiting, writes...) }

// Drop forgets what waits of a group, whose replica is gone. What is in the batch
// under way is still written.
func (w *LogWriter) Drop(g raft.GroupID) {
	w.waiting = slices.DeleteFunc(w.waiting, func(gw storage.GroupWrite) bool { return gw.Group == g })
}

// Next returns the batch to perform, or nil when one is under way or none waits.
// The slice is the driver's until Done.
func (w *LogWriter) Next() []storage.GroupWrite {
	if w.busy || len(w.waiting) == 0 {
		return nil
	}
	w.busy = true
	w.flying, w.waiting = w.waiting, w.flying[:0]
	return w.flying
}

// Done says that the batch Next returned is durable, and reports per group up to where.
func (w *LogWriter) Done() []GroupPersisted {
	var out []GroupPersisted
	at := map[raft.GroupID]int{}
	for _, gw := range w.flying {
		if i, ok := at[gw.Group]; ok {
			out[i].Write = max(out[i].Write, gw.Write.ID)
			continue
		}
		at[gw.Group] = len(out)
		out = append(out, GroupPersisted{Group: gw.Group, Write: gw.Write.ID})
	}
	clear(w.flying)
	w.busy = false
	return out
}
