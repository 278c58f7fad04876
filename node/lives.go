package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
)

// ErrRemoved: the cluster has removed this node, or it begins another life of it. To take
// the machine back, add the node again and start it with an empty data directory.
var ErrRemoved = errors.New("node: the cluster has removed this node")

// errLeaving is what callers hear who want a replica that a node which leaves has let go.
var errLeaving = fmt.Errorf("%w: this node leaves the cluster", ErrStopping)

// removedCheckEvery is how often a node looks whether it is removed.
const removedCheckEvery = time.Second

// Over reports whether a life of the node has ended for good: the cluster removed the node
// in it, or the node is in a later one. It never comes back, so a catalogue that says so
// may be as old as it likes.
func (r NodeRecord) Over(life raft.Incarnation) bool {
	return life <= r.Lives && (life != r.Incarnation || r.State == NodeRemoved)
}

// leaves reports whether this node is to leave, or has left.
func (n *Node) leaves() bool {
	r, known := n.catalogue.Load().Node(n.cfg.Self)
	return known && r.State >= NodeLeaving
}

// Removed ends the node with ErrRemoved. It is for a caller who learned that its life is
// over in another way than from the log.
func (n *Node) Removed() { n.fail(ErrRemoved) }

// runRemoved is the goroutine that ends the node when its log says that it is removed.
func (n *Node) runRemoved() {
	timer := n.clock.NewTimer(removedCheckEvery)
	defer timer.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-n.failed:
			return
		case <-timer.C():
		}
		timer.Reset(removedCheckEvery)
		if n.removed() {
			n.log.Error("the cluster has removed this node, it ends", "incarnation", uint64(n.life))
			n.Removed()
		}
	}
}

// removed reports whether the log says that no group has a seat for this node, in this
// life, any more. The last one that has is the meta group.
func (n *Node) removed() bool {
	r, known := n.catalogue.Load().Node(n.cfg.Self)
	switch {
	case !known || r.Lives < n.life:
		return false // the catalogue is of before this life
	case r.Over(n.life):
		return true
	case r.State != NodeLeaving:
		return false
	}
	meta, err := n.status(n.ctx, n.group(MetaGroup))
	at := meta.Configuration
	return err == nil && at.Index > 0 && at.Index <= meta.Commit && at.Configuration.IncarnationOf(n.cfg.Self) == 0
}
