package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft"
)

// DeleteRequest asks for the end of a machine.
type DeleteRequest struct {
	Machine string
	Group   raft.GroupID // of the machine that is meant; 0: whichever has the name
	By      string       // who asks
	At      int64        // Unix ns, for display
}

// DeletePendingError: the deletion is recorded and certain, and the time was up before
// a majority of the nodes had ended their replicas. Asking again waits again.
type DeletePendingError struct {
	Tombstone Tombstone
	Cause     error
}

// Error says how far it is.
func (e *DeletePendingError) Error() string {
	return fmt.Sprintf("node: machine %q is deleted at index %d, and not enough nodes have ended it yet: %v", e.Tombstone.Name, e.Tombstone.Index, e.Cause)
}

// Unwrap returns the cause.
func (e *DeletePendingError) Unwrap() error { return e.Cause }

// Delete deletes a machine with its state, on all nodes, for good. It returns once
// enough of them have ended their replica that no command to it is acknowledged any
// more; the others follow when they can. changed is false when the machine was deleted
// before. Errors: ErrNoMachine; *ConflictError when the name has another group;
// *DeletePendingError; those of Call.
func (n *Node) Delete(ctx context.Context, r DeleteRequest) (t Tombstone, changed bool, err error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	r.Group, err = n.deletable(ctx, r)
	if err != nil {
		return Tombstone{}, false, err
	}
	data, err := DeleteCommand(r)
	if err != nil {
		return Tombstone{}, false, err
	}
	reply, err := n.replicateMeta(ctx, data)
	switch {
	case err != nil:
		return Tombstone{}, false, err
	case reply.answer.Status == metaUnknownMachine:
		return Tombstone{}, false, fmt.Errorf("%w: %q", ErrNoMachine, r.Machine)
	case reply.answer.Status != metaOK && reply.answer.Status != metaExists:
		return Tombstone{}, false, fmt.Errorf("node: delete %q: status %d: %s", r.Machine, reply.answer.Status, reply.answer.Data)
	}
	if t, err = n.awaitTombstone(ctx, r); err == nil {
		err = n.awaitEnd(ctx, r.Group)
	}
	if err != nil {
		err = &DeletePendingError{Tombstone: t, Cause: err}
	}
	return t, reply.answer.Status == metaOK, err
}

// deletable is the group of the machine that is to be deleted, or was.
func (n *Node) deletable(ctx context.Context, r DeleteRequest) (raft.GroupID, error) {
	m, err := n.findMachine(ctx, r.Machine)
	var gone *DeletedError
	switch {
	case errors.As(err, &gone) && (r.Group == 0 || r.Group == gone.Tombstone.Group):
		return gone.Tombstone.Group, nil
	case err != nil:
		return 0, err
	case r.Group == 0 || r.Group == m.Group:
		return m.Group, nil
	}
	if t, ok := n.catalogue.Load().Tombstone("", r.Group); ok && t.Name == r.Machine {
		return r.Group, nil
	}
	return 0, &ConflictError{Name: r.Machine, Module: fmt.Sprintf("%v, as group %d and not %d", m.Active.Run.Module, m.Group, r.Group)}
}

// awaitTombstone waits until the deletion is in this node's catalogue.
func (n *Node) awaitTombstone(ctx context.Context, r DeleteRequest) (Tombstone, error) {
	for {
		changed := n.changed.next()
		if c := n.catalogue.Load(); c.Deleted(r.Group) {
			if t, ok := c.Tombstone("", r.Group); ok {
				return t, nil
			}
			return Tombstone{Name: r.Machine, Group: r.Group}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Tombstone{Name: r.Machine, Group: r.Group}, timeoutError(ctx.Err())
		case <-n.stop:
			return Tombstone{Name: r.Machine, Group: r.Group}, ErrStopping
		}
	}
}

// awaitEnd waits until a majority of the voters has ended its replicas of a group.
//
// Why: a leader that has not heard of the deletion yet could otherwise acknowledge
// commands whose effects nobody will ever see.
func (n *Node) awaitEnd(ctx context.Context, g raft.GroupID) error {
	var voters []raft.NodeID
	for _, v := range n.group(MetaGroup).status.Load().Configuration.Configuration.Voters {
		voters = append(voters, v.Node)
	}
	answers := make(chan error, len(voters))
	for _, v := range voters {
		n.spawn(func() { answers <- n.askEnd(ctx, v, g) })
	}
	ended, need := 0, len(voters)/2+1
	for range voters {
		if err := <-answers; err != nil {
			continue
		}
		if ended++; ended == need {
			return nil
		}
	}
	return fmt.Errorf("%w: %d of %d nodes have ended it, %d are needed", ErrTimeout, ended, len(voters), need)
}

// askEnd asks a node until it says that its replica has ended.
func (n *Node) askEnd(ctx context.Context, to raft.NodeID, g raft.GroupID) error {
	for {
		var err error
		if to == n.cfg.Self {
			err = n.awaitGone(ctx, g)
		} else {
			_, err = n.forward(ctx, to, g, forwardGone, forwardedReady{}, nil)
		}
		if err == nil {
			return nil
		}
		select {
		case <-n.clock.NewTimer(retryPause).C():
		case <-ctx.Done():
			return ctx.Err()
		case <-n.stop:
			return ErrStopping
		}
	}
}
