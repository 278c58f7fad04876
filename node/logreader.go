package node

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// logReadBytesMax is about how much of a log a reader is given at a time; one entry may be
// more. Of small entries it gets logPieceEntries.
const logReadBytesMax = 64 << 10

// LogQuery says what of a group's log to read.
type LogQuery struct {
	// From is the first index; 0: as Newest says.
	From raft.Index
	// Newest is how many of the newest entries to begin with; 0: all that there are.
	Newest uint64
	// Once ends with what is applied when the reading begins.
	Once bool
}

// LogCutError: entries that were asked for are not in this node's log any more, because a
// snapshot holds what they did. Read on from First, or ask another node.
type LogCutError struct {
	Group raft.GroupID
	// First is the first index in the log, or the one it would begin with.
	First raft.Index
}

// Error names the index.
func (e *LogCutError) Error() string {
	return fmt.Sprintf("node: the log of group %d begins with index %d on this node", e.Group, e.First)
}

// LogReader reads the entries of a group's log that are applied on this node: each once, in
// order. It belongs to one goroutine and holds nothing.
type LogReader struct {
	node  *Node
	group *group
	next  raft.Index // the first one of the next piece
	last  raft.Index // no more are wanted behind it
}

// ReadLog begins to read the log of a group. Errors: ErrNoMachine when no machine has that
// group, *DeletedError, ErrMachineNotRunning: nothing is applied here, or not yet; ErrBusy,
// ErrTimeout, ErrStopping.
func (n *Node) ReadLog(ctx context.Context, id raft.GroupID, q LogQuery) (*LogReader, error) {
	g, err := n.groupHere(ctx, id)
	if err != nil {
		return nil, err
	}
	status, err := n.status(ctx, g)
	if err != nil {
		return nil, err
	}
	applied := raft.Index(g.applier.applied.Load())
	if applied == 0 {
		return nil, n.deletedOr(id, ErrMachineNotRunning)
	}
	r := &LogReader{node: n, group: g, next: q.From, last: math.MaxUint64}
	if q.From == 0 {
		r.next = status.PurgedIndex + 1
		if q.Newest > 0 && q.Newest < uint64(applied) {
			r.next = max(r.next, applied-raft.Index(q.Newest)+1)
		}
	}
	if q.Once {
		r.last = applied
	}
	return r, r.ended()
}

// groupHere is a group of this node.
func (n *Node) groupHere(ctx context.Context, id raft.GroupID) (*group, error) {
	if g := n.group(id); g != nil {
		return g, nil
	}
	if err := n.Barrier(ctx); err != nil {
		return nil, err
	}
	if g := n.group(id); g != nil {
		return g, nil
	}
	for _, m := range n.catalogue.Load().Machines {
		if m.Group == id {
			return nil, ErrMachineNotRunning
		}
	}
	return nil, n.deleted(id, fmt.Errorf("%w: none has group %d", ErrNoMachine, id))
}

// At is the index behind which the reader goes on.
func (r *LogReader) At() raft.Index { return r.next - 1 }

// Read returns the next entries without waiting, or none and a channel that is closed when
// it is time to ask again. Errors: *LogCutError when the reader was too slow, or began too
// early; *DeletedError, ErrStopping.
func (r *LogReader) Read() (entries []raft.Entry, more <-chan struct{}, err error) {
	more = r.group.applier.moved.next()
	last := min(raft.Index(r.group.applier.applied.Load()), r.last)
	if r.next > last || r.group.ctx.Err() != nil {
		return nil, more, r.ended()
	}
	entries, err = r.node.store.Entries(r.group.id, r.next, min(last, r.next+logPieceEntries-1)+1, logReadBytesMax)
	switch {
	case err == nil:
		r.next += raft.Index(len(entries))
		return entries, nil, nil
	case r.group.ctx.Err() != nil: // Why first: its log may be gone with it
		return nil, nil, r.ended()
	case errors.Is(err, storage.ErrCompacted):
		return nil, nil, r.cut()
	case errors.Is(err, storage.ErrOutOfRange): // the state is that of a peer's snapshot, which the log has not reached
		return nil, more, nil
	}
	return nil, nil, fmt.Errorf("node: read the log of group %d: %w", r.group.id, err)
}

// ended says why there will be no more entries, or nil.
func (r *LogReader) ended() error {
	if r.group.ctx.Err() == nil {
		return nil
	}
	return r.node.deletedOr(r.group.id, ErrStopping)
}

// cut says where the log begins now.
func (r *LogReader) cut() error {
	status, err := r.node.status(r.group.ctx, r.group)
	if err != nil {
		return r.node.deletedOr(r.group.id, err)
	}
	return &LogCutError{Group: r.group.id, First: status.PurgedIndex + 1}
}
