package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
)

// announcePause is how long a node waits before it says again what the catalogue
// does not show yet.
const announcePause = time.Second

// announce makes this node's record in the catalogue true: what it has for machines
// and which level it serves. Other nodes refuse deploys by it.
func (n *Node) announce() {
	data, err := AnnounceCommand(n.cfg.Self, n.cfg.MemoryBudget, n.cfg.Serves)
	if err != nil {
		n.fail(err)
		return
	}
	for {
		changed := n.changed.next()
		done, err := n.announced(data)
		switch {
		case done:
			return
		case err != nil:
			n.log.Debug("the cluster does not know this node's memory yet", "err", err)
			changed = nil // Why: news of the catalogue do not mend it
		}
		select {
		case <-changed:
		case <-n.clock.NewTimer(announcePause).C():
		case <-n.stop:
			return
		}
	}
}

// announced reports whether the record is true, after doing what makes it so.
func (n *Node) announced(data []byte) (bool, error) {
	if err := n.Barrier(n.ctx); err != nil { // Why: a catalogue that is being replayed shows what was true once
		return false, err
	}
	r, ok := n.catalogue.Load().Node(n.cfg.Self)
	switch {
	case !ok:
		return false, nil // not bootstrapped yet
	case r.MemoryBudget == n.cfg.MemoryBudget && r.Serves == n.cfg.Serves:
		return true, nil
	}
	_, err := n.replicateIdempotent(n.ctx, MetaGroup, Command{Kind: CommandCall, Data: data})
	return err == nil, err
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
	r, err := n.replicateIdempotent(ctx, MetaGroup, Command{Kind: CommandCall, Data: data})
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
