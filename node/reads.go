package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
)

// Ask is one query of a client.
type Ask struct {
	Data []byte
	// Mode says what the answer has to cover: with ReadLinearizable and ReadLease
	// everything acknowledged before, with ReadBounded what was acknowledged longer than
	// MaxStaleness before, with ReadLocal nothing.
	Mode         raft.ReadMode
	MaxStaleness time.Duration
	MinIndex     raft.Index
	// Wait is how long the replica may take to reach MinIndex, and to learn enough for
	// MaxStaleness; see Node.Ask.
	Wait    time.Duration
	Forward bool // without it only the leader answers linearizable queries, and those by lease
}

// AskResult is the answer to a query.
type AskResult struct {
	Status  int32
	Data    []byte
	Applied raft.Index // of the replica that answered
	// Age is how long ago, at most, the answer covered everything that was acknowledged;
	// -1: the replica cannot tell.
	Age time.Duration
}

// unknownAge is the age of what nothing is known about.
const unknownAge time.Duration = -1

// ErrLeaseNotAllowed: this node is not configured to answer reads that rest on clocks.
// Read linearizably.
var ErrLeaseNotAllowed = errors.New("node: reads by lease are not allowed here")

// TooStaleError: what this replica has is older than the read allows, and nobody told it
// anything newer in time. Allow more, wait longer, or ask another node.
type TooStaleError struct {
	Age time.Duration // -1: the replica cannot tell
	Max time.Duration
}

// Error says how old it is.
func (e *TooStaleError) Error() string {
	if e.Age < 0 {
		return fmt.Sprintf("node: this replica cannot tell how old its state is, %v is allowed", e.Max)
	}
	return fmt.Sprintf("node: the state of this replica may be %v old, %v is allowed", e.Age, e.Max)
}

// Ask answers a query from this node's replica. A replica that has to ask the leader for
// MaxStaleness takes that long for it at most, and not beyond LeaderWait, unless Wait
// allows more. Errors as of Call, and ErrIndexNotReached, *TooStaleError,
// ErrLeaseNotAllowed, *MachineHaltedError.
func (n *Node) Ask(ctx context.Context, machine string, a Ask) (AskResult, error) {
	if a.Mode == raft.ReadLease && !n.cfg.LeaseReads {
		return AskResult{}, ErrLeaseNotAllowed
	}
	record, err := n.findMachine(ctx, machine)
	if err != nil {
		return AskResult{}, err
	}
	g := n.group(record.Group)
	if g == nil {
		return AskResult{}, n.deleted(record.Group, ErrMachineNotRunning)
	}
	r, err := n.ask(ctx, g, a)
	if err != nil {
		return AskResult{}, n.deletedOr(record.Group, err)
	}
	return AskResult{Status: r.answer.Status, Data: r.answer.Data, Applied: r.applied, Age: r.age}, nil
}

// ask reads as a says. When the answer is of less than MinIndex, another one is waited
// for: a later state covers what an earlier one did.
func (n *Node) ask(ctx context.Context, g *group, a Ask) (reply, error) {
	q := newQueryCall(a)
	var r reply
	var err error
	switch a.Mode {
	case raft.ReadLocal:
		return n.readLocal(ctx, g, q, a)
	case raft.ReadBounded:
		r, err = n.readBounded(ctx, g, q, a)
	default:
		r, err = n.read(ctx, g, q, a.Forward)
	}
	if err != nil || r.applied >= a.MinIndex {
		return r, err
	}
	later := newQueryCall(a)
	later.coveredAt = n.clock.Now() - r.age
	return n.readLocal(ctx, g, later, a)
}

// readLocal answers from whatever is applied here, once MinIndex is. Wait bounds how long that
// takes, and not the query.
func (n *Node) readLocal(ctx context.Context, g *group, q *queryCall, a Ask) (reply, error) {
	wait, cancel := ctx, context.CancelFunc(func() {})
	if a.MinIndex > 0 {
		wait, cancel = context.WithTimeout(ctx, max(a.Wait, time.Millisecond))
	}
	defer cancel()
	asked := n.traces.now()
	g.applier.query(q, a.MinIndex)
	r, err := n.await(wait, &q.call)
	applied := raft.Index(g.applier.applied.Load())
	if wait.Err() != nil && err != nil && applied >= a.MinIndex {
		r, err = n.await(ctx, &q.call)
	}
	n.traces.read(ctx, g.id, asked, r, err)
	if err == nil {
		return r, nil
	}
	g.applier.forget(q)
	if errors.Is(err, context.DeadlineExceeded) && applied < a.MinIndex {
		return reply{}, fmt.Errorf("%w: applied is %d, %d was asked for", ErrIndexNotReached, applied, a.MinIndex)
	}
	return r, timeoutError(err)
}

// readBounded asks, unless enough is known here, until somebody tells enough.
func (n *Node) readBounded(ctx context.Context, g *group, q *queryCall, a Ask) (reply, error) {
	patience, cancel := context.WithTimeout(ctx, max(a.Wait, min(a.MaxStaleness, n.cfg.LeaderWait)))
	defer cancel()
	for {
		changed := g.changed.next()
		r, err := n.readOnce(patience, g, q.again())
		switch {
		case err == nil || g.ctx.Err() != nil:
			return r, err
		case ctx.Err() != nil:
			return reply{}, timeoutError(ctx.Err())
		case patience.Err() != nil:
			return reply{}, n.staleness(ctx, g, a.MaxStaleness)
		case !retryableRead(err) && !tooStale(err):
			return reply{}, err
		}
		select {
		case <-changed:
		case <-n.clock.NewTimer(retryPause).C():
		case <-patience.Done():
			return reply{}, n.staleness(ctx, g, a.MaxStaleness)
		}
	}
}

func tooStale(err error) bool {
	return errors.Is(err, raft.ErrTooStale) || errors.As(err, new(*TooStaleError))
}

// staleness is the error of a read whose patience is over.
func (n *Node) staleness(ctx context.Context, g *group, most time.Duration) error {
	s, err := n.status(ctx, g)
	if err != nil {
		return err
	}
	return &TooStaleError{Age: s.KnownAge, Max: most}
}

// read asks for a read index until a leader confirms one, then for the answer. It
// may try as often as it likes: reads change nothing.
func (n *Node) read(ctx context.Context, g *group, q *queryCall, forward bool) (reply, error) {
	ctx, cancel := n.ended(ctx)
	defer cancel()
	var last error = ErrNoLeader
	patience := n.clock.NewTimer(n.cfg.LeaderWait)
	defer patience.Stop()
	for {
		if s := g.status.Load(); !forward && s.Role != raft.Leader {
			return reply{}, &raft.NotLeaderError{Leader: s.Leader}
		}
		changed := g.changed.next()
		r, err := n.readOnce(ctx, g, q.again())
		if err == nil || !retryableRead(err) || g.ctx.Err() != nil {
			return r, timeoutError(err)
		}
		last = err
		if g.status.Load().Isolated {
			return reply{}, fmt.Errorf("%w: %w", ErrNoLeader, err)
		}
		select {
		case <-changed:
		case <-n.clock.NewTimer(retryPause).C():
		case <-patience.C():
			return reply{}, fmt.Errorf("%w: %w", ErrNoLeader, last)
		case <-ctx.Done():
			return reply{}, fmt.Errorf("%w: %w", ErrNoLeader, last)
		}
	}
}

func (n *Node) readOnce(ctx context.Context, g *group, q *queryCall) (reply, error) {
	asked := n.traces.now()
	ok := g.shard.in.put(func(s *Shard) {
		if !s.ReadAs(g.id, q, raft.ReadRequest{Mode: q.mode, MaxStaleness: q.maxAge}) {
			q.resolve(reply{err: ErrMachineNotRunning})
		}
	})
	if !ok {
		return reply{}, ErrBusy
	}
	r, err := n.await(ctx, &q.call)
	n.traces.read(ctx, g.id, asked, r, err)
	if ctx.Err() != nil {
		g.shard.in.force(func(s *Shard) { s.CancelRead(g.id, q) })
		g.applier.forget(q)
	}
	return r, err
}

func retryableRead(err error) bool {
	return errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipLost) || errors.Is(err, ErrMachineNotRunning)
}
