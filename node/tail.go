package node

import (
	"context"
	"time"
)

const (
	// tailTimeout bounds one wait for a machine to catch up, so that others get their turn.
	tailTimeout = time.Second
	// tailEvery is how often a node looks for replicas that are new.
	tailEvery = time.Second
)

// runTails is the goroutine that finds out when each machine here has applied what was
// committed before its replica was begun: the leader says up to where that is. Once is
// enough: who falls behind later has its reads wait, and may answer again in a moment.
func (n *Node) runTails() {
	for {
		pause := tailEvery
		for _, g := range n.allGroups() {
			if g.id == MetaGroup || g.caughtUp.Load() {
				continue // of the catalogue n.current says it
			}
			if !n.covered(g) {
				pause = retryPause
			}
		}
		select {
		case <-n.stop:
			return
		case <-n.clock.NewTimer(pause).C():
		}
	}
}

// covered waits a moment for a machine to apply all that is committed now.
func (n *Node) covered(g *group) bool {
	ctx, cancel := context.WithTimeout(g.ctx, tailTimeout)
	defer cancel()
	if _, err := n.read(ctx, g, &queryCall{only: true}, true); err != nil {
		return false
	}
	g.caughtUp.Store(true)
	return true
}
