package node

import (
	"context"

	"github.com/wraft/wraft/raft"
)

// LineReader reads what a machine logged on this node: each line once, in the order of their
// places. It belongs to one goroutine and holds nothing.
type LineReader struct {
	node  *Node
	group raft.GroupID
	lines *logLines
	at    uint64
}

// Lines begins to read what a machine logged here behind a place, or with nil whatever is
// kept. Also a machine that has halted is read. Errors: ErrNoMachine, *DeletedError,
// ErrMachineNotRunning: it is not on this node.
func (n *Node) Lines(ctx context.Context, machine string, after *uint64) (*LineReader, error) {
	record, err := n.findMachine(ctx, machine)
	if err != nil {
		return nil, err
	}
	g := n.group(record.Group)
	if g == nil {
		return nil, n.deleted(record.Group, ErrMachineNotRunning)
	}
	r := &LineReader{node: n, group: record.Group, lines: g.applier.lines}
	if r.at = r.lines.oldest(); after != nil {
		r.at = *after
	}
	return r, nil
}

// At is the place behind which the reader goes on.
func (r *LineReader) At() uint64 { return r.at }

// Read returns the next lines without waiting, or none and a channel that is closed when it
// is time to ask again. Errors: *DeletedError, ErrStopping.
func (r *LineReader) Read() (lines []LogLine, more <-chan struct{}, err error) {
	lines, more, err = r.lines.after(r.at)
	if err != nil {
		return nil, nil, r.node.deletedOr(r.group, err)
	}
	if n := len(lines); n > 0 {
		r.at = lines[n-1].Place
	}
	return lines, more, nil
}
