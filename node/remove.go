package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/wraft/wraft/raft"
)

// groupWork counts the goroutines of a group that touch its files or its machine: a
// removal waits for them.
type groupWork struct {
	mu     sync.Mutex // guards closed
	closed bool
	wait   sync.WaitGroup
}

// spawn runs something on a goroutine, which ends soon after the group's context does.
// false: the group is being removed, and nothing runs.
func (g *group) spawn(n *Node, run func()) bool {
	g.work.mu.Lock()
	counted := !g.work.closed
	if counted {
		g.work.wait.Add(1)
	}
	g.work.mu.Unlock()
	if counted {
		n.spawn(func() {
			defer g.work.wait.Done()
			run()
		})
	}
	return counted
}

// finish waits for what was spawned; nothing more is.
func (w *groupWork) finish() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wait.Wait()
}

// find tells the deployer what the disk holds.
func (n *Node) find(groups []raft.GroupID) error {
	var others []raft.GroupID
	if n.snapshots.files != nil {
		var err error
		if others, err = n.snapshots.files.Groups(); err != nil {
			return fmt.Errorf("node: list snapshots: %w", err)
		}
	}
	n.deploys.in.force(func(d *Deployer) {
		d.Live(n.life)
		for _, g := range groups {
			d.Found(g, true)
		}
		for _, g := range others {
			d.Found(g, false)
		}
	})
	return nil
}

// catchUp tells the deployer when the catalogue is no older than this start.
func (n *Node) catchUp() {
	for {
		if err := n.Barrier(n.ctx); err == nil {
			n.startedTo.Store(uint64(n.catalogue.Load().NextGroup))
			n.current.Store(true)
			n.deploys.in.force(func(d *Deployer) { d.Current() })
			return
		}
		select {
		case <-n.clock.NewTimer(retryPause).C():
		case <-n.stop:
			return
		}
	}
}

// removeGroup ends a group's replica and deletes all that the disk holds of it. What a
// crash leaves of it is found at the next start, and removed again.
func (n *Node) removeGroup(id raft.GroupID) error {
	if g := n.group(id); g != nil {
		if err := n.endGroup(g); err != nil {
			return err
		}
	}
	n.snapshots.forget(id)
	select {
	case err := <-n.shardOf(id).writer.remove(id):
		if err != nil {
			return fmt.Errorf("node: delete group %d: %w", id, err)
		}
	case <-n.stop:
		return ErrStopping
	}
	if n.snapshots.files != nil {
		if err := n.snapshots.files.RemoveGroup(id); err != nil {
			return fmt.Errorf("node: delete group %d: %w", id, err)
		}
	}
	if n.catalogue.Load().Deleted(id) {
		n.log.Info("the replica of a deleted machine is removed", "group", id)
	} else {
		n.log.Info("a replica is removed because this node leaves", "group", id)
	}
	return nil
}

// endGroup takes a group out of its shard, closes its machine, and waits until nobody
// writes for it any more.
func (n *Node) endGroup(g *group) error {
	g.cancel()
	cause := ErrDeleted
	if !n.catalogue.Load().Deleted(g.id) {
		cause = errLeaving
	}
	out := make(chan struct{})
	g.shard.in.force(func(s *Shard) {
		s.Remove(g.id, cause)
		g.shard.writer.drop(g.id)
		g.endReceive()
		n.groupsMu.Lock()
		delete(n.groups, g.id)
		n.groupsMu.Unlock()
		close(out)
	})
	select {
	case <-out:
	case <-n.stop:
		return ErrStopping
	}
	g.work.finish()
	close(g.applier.quit)
	<-g.applier.ended
	g.changed.notify()
	return nil
}

// forget drops what is noted of a group's snapshots.
func (s *snapshots) forget(g raft.GroupID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for to := range s.sending {
		if to.group == g {
			delete(s.sending, to)
		}
	}
}

func (n *Node) shardOf(id raft.GroupID) *shardLoop { return n.shards[uint64(id)%uint64(len(n.shards))] }

// deletedOr is err, or that the group's machine is deleted if that is why. An outcome
// that nobody knows stays unknown.
func (n *Node) deletedOr(g raft.GroupID, err error) error {
	var unknown *UnknownOutcomeError
	if err == nil || errors.As(err, &unknown) || errors.As(err, new(*DeletedError)) {
		return err
	}
	return n.deleted(g, err)
}

// deleted is other unless the group's machine is deleted.
func (n *Node) deleted(g raft.GroupID, other error) error {
	c := n.catalogue.Load()
	if !c.Deleted(g) {
		return other
	}
	t, ok := c.Tombstone("", g)
	if !ok {
		t = Tombstone{Group: g}
	}
	return &DeletedError{Tombstone: t}
}

// goneHere answers a peer when this node has no replica of a deleted machine any more.
func (l *deployLoop) goneHere(id raft.GroupID, w waiter) {
	l.answerOnce(w, func(ctx context.Context) error { return l.node.awaitGone(ctx, id) })
}

// awaitGone waits until this node's replica of a deleted machine can acknowledge
// nothing any more.
func (n *Node) awaitGone(ctx context.Context, id raft.GroupID) error {
	for {
		changed := n.changed.next()
		if n.catalogue.Load().Deleted(id) && n.group(id) == nil {
			return nil
		}
		select {
		case <-changed:
		case <-n.clock.NewTimer(retryPause).C(): // Why: who is taken out of its shard is not news yet
		case <-ctx.Done():
			return ErrBusy
		case <-n.stop:
			return ErrBusy
		}
	}
}
