package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
)

// awaitServing waits until a machine that is in the log runs here and on its
// leader: each node compiles by itself, and the slowest may lead. A leader that
// cannot run it gets some time to hand over.
func (n *Node) awaitServing(ctx context.Context, name string) (MachineRecord, error) {
	var patience <-chan time.Time
	for {
		m, err := n.awaitRunning(ctx, name)
		if err != nil {
			return m, err
		}
		g := n.group(m.Group)
		leader := g.status.Load().Leader
		switch leader {
		case n.cfg.Self:
			return m, nil
		case 0: // lost again since
			continue
		}
		_, err = n.forward(ctx, leader, m.Group, forwardReady, forwardedReady{}, g.ledBy(leader))
		if err == nil {
			return m, nil
		}
		switch {
		case leaderless(err), errors.Is(err, ErrBusy), errors.As(err, new(*UnknownOutcomeError)):
			patience = nil
		case patience == nil:
			patience = n.clock.NewTimer(n.cfg.LeaderWait).C()
		}
		select {
		case <-n.clock.NewTimer(retryPause).C():
		case <-patience:
			return m, servingError(name, leader, err)
		case <-ctx.Done():
			return m, servingError(name, leader, ctx.Err())
		case <-n.stop:
			return m, ErrStopping
		}
	}
}

// servingError says why a machine does not answer at its leader.
func servingError(name string, leader raft.NodeID, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %q is deployed and does not run yet on %v, which leads it", ErrTimeout, name, leader)
	}
	if errors.Is(err, ErrStopping) {
		return err
	}
	return &MachineHaltedError{Cause: fmt.Errorf("%v, which leads it: %w", leader, err)}
}

// awaitRunning waits until a machine that is in the log runs here under a leader.
func (n *Node) awaitRunning(ctx context.Context, name string) (MachineRecord, error) {
	for {
		changed := n.changed.next()
		m, ok := n.catalogue.Load().Machine(name)
		var led <-chan struct{}
		if ok {
			phase, cause := n.phase(m.Group)
			if phase == PhaseFailed {
				return m, &MachineHaltedError{Cause: cause}
			}
			if g := n.group(m.Group); g != nil && phase == PhaseRunning {
				led = g.changed.next()
				if g.status.Load().Leader != 0 {
					return m, nil
				}
			}
		}
		select {
		case <-changed:
		case <-led:
		case <-ctx.Done():
			return m, fmt.Errorf("%w: %q is deployed and does not run here yet", ErrTimeout, name)
		case <-n.stop:
			return m, ErrStopping
		}
	}
}

// ready answers a peer when this node leads a group and runs its machine.
func (l *deployLoop) ready(id raft.GroupID, w waiter) {
	l.answerOnce(w, func(ctx context.Context) error { return l.node.awaitLeading(ctx, id) })
}

// answerOnce answers a peer when what it waits for has come, and refuses at once when too
// many wait.
func (l *deployLoop) answerOnce(w waiter, await func(context.Context) error) {
	select {
	case l.readies <- struct{}{}:
	default:
		w.resolve(reply{err: ErrBusy})
		return
	}
	l.node.spawn(func() {
		defer func() { <-l.readies }()
		ctx, cancel := l.node.bound(l.node.ctx)
		defer cancel()
		w.resolve(reply{err: await(ctx)})
	})
}

// awaitLeading waits until a machine runs here, for as long as this node leads it.
func (n *Node) awaitLeading(ctx context.Context, id raft.GroupID) error {
	g := n.group(id)
	if g == nil {
		return &raft.NotLeaderError{}
	}
	for {
		changed, led := n.changed.next(), g.changed.next()
		if s := g.status.Load(); s.Role != raft.Leader {
			return &raft.NotLeaderError{Leader: s.Leader}
		}
		switch phase, cause := n.phase(id); phase {
		case PhaseRunning:
			return nil
		case PhaseFailed:
			return cause
		}
		select {
		case <-changed:
		case <-led:
		case <-ctx.Done():
			return ErrBusy // Why: the asker may have more time and asks again
		case <-n.stop:
			return ErrBusy // Why: another node will lead
		}
	}
}
