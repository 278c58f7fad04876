package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
)

const (
	// announcePause is how long a node waits before it says again what the catalogue
	// does not show yet.
	announcePause = time.Second
	// addressPause is the same after another node was found to have its address.
	addressPause = 30 * time.Second
)

// errAddressTaken: another node has the address that this one listens at.
var errAddressTaken = errors.New("node: the address of this node is another one's in the catalogue")

// announce makes this node's record in the catalogue true: what it has for machines,
// which level it serves, where it listens and in which region it is. Other nodes refuse
// deploys by it, dial by it, and choose leaders by it.
func (n *Node) announce() {
	own := n.ownRecord()
	data, err := AnnounceCommand(own)
	if err != nil {
		n.fail(err)
		return
	}
	for {
		changed, pause := n.changed.next(), announcePause
		done, err := n.announced(own, data)
		switch {
		case done:
			n.announceRegion(own.Region)
			return
		case errors.Is(err, errAddressTaken):
			n.log.Error("this node cannot announce its address, others look for it where it was", "node", n.cfg.Self, "address", own.PeerAddress, "err", err)
			changed, pause = nil, addressPause
		case err != nil:
			n.log.Debug("the cluster does not know this node's memory yet", "err", err)
			changed = nil // Why: news of the catalogue do not mend it
		}
		select {
		case <-changed:
		case <-n.clock.NewTimer(pause).C():
		case <-n.stop:
			return
		}
	}
}

// ownRecord is what this node says of itself, by its configuration.
func (n *Node) ownRecord() NodeRecord {
	own := NodeRecord{ID: n.cfg.Self, MemoryBudget: n.cfg.MemoryBudget, Serves: n.cfg.Serves}
	for _, r := range n.cfg.Nodes {
		if r.ID == own.ID {
			own.PeerAddress, own.APIAddress, own.Region = r.PeerAddress, r.APIAddress, r.Region
		}
	}
	return own
}

// announced reports whether the record is true, after doing what makes it so.
func (n *Node) announced(own NodeRecord, data []byte) (bool, error) {
	if err := n.Barrier(n.ctx); err != nil { // Why: a catalogue that is being replayed shows what was true once
		return false, err
	}
	r, ok := n.catalogue.Load().Node(n.cfg.Self)
	switch {
	case !ok:
		return false, nil // not bootstrapped yet
	case r.MemoryBudget == own.MemoryBudget && r.Serves == own.Serves && r.at(own):
		return true, nil
	}
	reply, err := n.replicateIdempotent(n.ctx, MetaGroup, Command{Kind: CommandCall, Data: data})
	if err == nil && reply.answer.Status == metaConflict {
		err = fmt.Errorf("%w: %s", errAddressTaken, reply.answer.Data)
	}
	return err == nil, err
}

// announceRegion makes the region in this node's record true, once the cluster's level
// knows how. A node whose configuration names none keeps what it has.
func (n *Node) announceRegion(region string) {
	for {
		changed, pause := n.changed.next(), n.clock.NewTimer(announcePause)
		c := n.catalogue.Load()
		r, known := c.Node(n.cfg.Self)
		switch {
		case region == "" || known && r.Region == region:
			pause.Stop()
			return
		case !known || c.Level < Level2:
			pause.Stop() // Why: nothing but the catalogue mends it
		default:
			_, err := n.replicateLater(n.ctx, laterCommand{Region: &regionCommand{Node: n.cfg.Self, Region: region}})
			if err != nil {
				n.log.Debug("the cluster does not know this node's region yet", "err", err)
			}
		}
		select {
		case <-changed:
		case <-pause.C():
		case <-n.stop:
			pause.Stop()
			return
		}
	}
}

// at reports whether a record has the addresses that another one names.
func (r NodeRecord) at(o NodeRecord) bool {
	return (o.PeerAddress == "" || o.PeerAddress == r.PeerAddress) && (o.APIAddress == "" || o.APIAddress == r.APIAddress)
}

// RaiseLevel raises the cluster's feature level, for good. Errors:
// *LevelRefusedError when a node does not serve it, and those of Call.
func (n *Node) RaiseLevel(ctx context.Context, level FeatureLevel) error {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	if err := n.awaitCatalogue(ctx); err != nil {
		return err
	}
	data, err := RaiseCommand(level)
	if err != nil {
		return err
	}
	r, err := n.replicateMeta(ctx, data)
	switch {
	case err != nil:
		return err
	case r.answer.Status == metaOK, r.answer.Status == metaExists:
		return nil
	case r.answer.Status == metaLevel:
		return &LevelRefusedError{Why: string(r.answer.Data)}
	}
	return fmt.Errorf("node: raise the feature level to %d: status %d", level, r.answer.Status)
}

// replayCatalogue waits until the catalogue holds what this node knew to be committed
// when it stopped: a node that cannot serve the cluster's level must not start.
func (n *Node) replayCatalogue(committed raft.Index) error {
	if committed == 0 {
		return nil
	}
	q := &queryCall{call: call{done: make(chan reply, 1)}, only: true}
	n.group(MetaGroup).applier.query(q, committed)
	patience := n.clock.NewTimer(n.cfg.LeaderWait)
	defer patience.Stop()
	var r reply
	select {
	case r = <-q.done:
	case <-patience.C(): // Why no error: it goes on, and fails later if it must
	}
	var level *LevelError
	if errors.As(r.err, &level) {
		return level
	}
	return nil
}
