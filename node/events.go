package node

import (
	"context"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// EventReader reads the events of a machine as this node's replica comes by them: each
// once, in the order of the log. It belongs to one goroutine and holds nothing.
type EventReader struct {
	node  *Node
	group raft.GroupID
	feed  *eventFeed
	at    plugins.EventKey
}

// Events begins to read a machine's events behind a key, or with nil whatever is kept.
// Errors: ErrNoMachine, *DeletedError, *MachineHaltedError, ErrMachineNotRunning: not here,
// or not yet; another node may have it.
func (n *Node) Events(ctx context.Context, machine string, after *plugins.EventKey) (*EventReader, error) {
	record, err := n.findMachine(ctx, machine)
	if err != nil {
		return nil, err
	}
	g := n.group(record.Group)
	if g == nil {
		return nil, n.deleted(record.Group, ErrMachineNotRunning)
	}
	r := &EventReader{node: n, group: record.Group, feed: g.applier.feed}
	first, ready, ended := r.feed.start()
	switch {
	case ended != nil:
		return nil, n.deletedOr(record.Group, ended)
	case !ready:
		return nil, ErrMachineNotRunning
	}
	if r.at = first; after != nil {
		r.at = *after
	}
	return r, nil
}

// At is the place behind which the reader goes on.
func (r *EventReader) At() plugins.EventKey { return r.at }

// Read returns the next events without waiting, or none and a channel that is closed when
// it is time to ask again. Errors: *EventsGoneError when the reader was too slow, or began
// too early; *DeletedError, *MachineHaltedError, ErrStopping.
func (r *EventReader) Read() (events []plugins.Event, more <-chan struct{}, err error) {
	events, more, err = r.feed.after(r.at)
	if err != nil {
		return nil, nil, r.node.deletedOr(r.group, err)
	}
	if n := len(events); n > 0 {
		r.at = events[n-1].Key()
	}
	return events, more, nil
}
