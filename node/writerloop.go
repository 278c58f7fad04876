package node

import (
	"sync"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// writerLoop drives one LogWriter: while a batch syncs, the next one gathers.
type writerLoop struct {
	node  *Node
	shard *shardLoop
	wake  chan struct{} // capacity 1: something waits

	mu        sync.Mutex // guards the fields below
	writer    LogWriter
	deletions []deletion
}

// deletion is a group to be deleted between two batches.
type deletion struct {
	group raft.GroupID
	done  chan<- error // capacity 1
}

func newWriterLoop(n *Node, s *shardLoop) *writerLoop {
	return &writerLoop{node: n, shard: s, wake: make(chan struct{}, 1)}
}

// add queues writes. The slice is copied. Their number is bounded by the cores'
// caps on uncommitted and in-flight bytes.
func (w *writerLoop) add(writes []storage.GroupWrite) {
	w.mu.Lock()
	w.writer.Add(writes...)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run is the log writer's goroutine. A failed commit is final: the store has
// ended the process by then, or does not want to; either way nothing is acknowledged.
func (w *writerLoop) run() {
	for {
		select {
		case <-w.node.stop:
			return
		case <-w.wake:
		}
		for w.commit() {
		}
		w.delete()
	}
}

// drop forgets the writes of a group that are not under way.
func (w *writerLoop) drop(g raft.GroupID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writer.Drop(g)
}

// remove has a group without a replica deleted from the store, and says on the
// channel what came of it.
func (w *writerLoop) remove(g raft.GroupID) <-chan error {
	done := make(chan error, 1)
	w.mu.Lock()
	w.deletions = append(w.deletions, deletion{g, done})
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return done
}

// delete carries out the deletions that wait. Why here: no batch that holds a write of
// the group may be under way.
func (w *writerLoop) delete() {
	w.mu.Lock()
	deletions := w.deletions
	w.deletions = nil
	w.mu.Unlock()
	for _, d := range deletions {
		d.done <- w.node.store.DeleteGroup(d.group)
	}
}

func (w *writerLoop) commit() bool {
	w.mu.Lock()
	batch := w.writer.Next()
	w.mu.Unlock()
	if batch == nil {
		return false
	}
	if err := w.node.store.Commit(batch); err != nil {
		for _, gw := range batch {
			w.shard.in.force(func(s *Shard) { s.PersistFailed(gw.Group, gw.Write.ID, err) })
		}
		w.node.fail(err)
		return false // Why: the writer stays busy for good; nothing behind a failed write may be reported
	}
	for _, gw := range batch {
		if gw.Write.Snapshot != nil {
			w.node.snapshots.published(gw.Group, gw.Write.Snapshot.Index)
		}
	}
	durable := w.node.traces.written(batch)
	w.mu.Lock()
	done := w.writer.Done()
	w.mu.Unlock()
	w.shard.in.force(func(s *Shard) {
		for _, d := range done {
			s.Persisted(d.Group, d.Write)
		}
		w.shard.pending.durable(durable)
	})
	return true
}
