package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// Call is one command of a client.
type Call struct {
	Data     []byte
	Session  SessionID // 0: at most once, or by Key
	Key      string    // idempotency key, of 1 to KeyBytesMax bytes; empty: none
	Sequence uint64
	AckBelow uint64
	Forward  bool // pass on to the leader when this node does not lead
}

// CallResult is the answer to an applied command. Status > 0 is the machine's
// own error, < 0 the host's (plugins.Status..., StatusSession...).
type CallResult struct {
	Answer
	Replayed bool
}

// retryPause is how long a request waits before it tries again without news.
const retryPause = 50 * time.Millisecond

// Call replicates a command and returns the machine's answer. Errors:
// ErrNoMachine, *DeletedError, ErrTooLarge, ErrBusy, ErrNoLeader, ErrTimeout, *raft.NotLeaderError
// (without Forward) mean that nothing was applied; *UnknownOutcomeError that it may be.
func (n *Node) Call(ctx context.Context, machine string, c Call) (CallResult, error) {
	record, err := n.findMachine(ctx, machine)
	if err != nil {
		return CallResult{}, err
	}
	if limit := record.Active.Run.Limits.CommandBytes; uint64(len(c.Data)) > limit {
		return CallResult{}, fmt.Errorf("%w: the command has %d bytes, machine %q takes %d", ErrTooLarge, len(c.Data), machine, limit)
	}
	command := Command{Kind: CommandCall, Session: c.Session, Sequence: c.Sequence, AckBelow: c.AckBelow, Data: c.Data}
	if c.Key != "" {
		if err := n.needsLevel(Level2, "commands under idempotency keys"); err != nil {
			return CallResult{}, err
		}
		command = KeyedCommand(c.Key, c.Data)
	}
	r, err := n.replicate(ctx, record.Group, command, c.Forward)
	return CallResult{Answer: r.answer, Replayed: r.replayed}, n.deletedOr(record.Group, err)
}

// OpenSession registers an exactly-once session in a machine's log.
func (n *Node) OpenSession(ctx context.Context, machine string) (SessionID, error) {
	record, err := n.findMachine(ctx, machine)
	if err != nil {
		return 0, err
	}
	kind := CommandOpenSession
	if n.catalogue.Load().Level >= Level2 {
		kind = CommandTimedSession
	}
	r, err := n.replicateIdempotent(ctx, record.Group, Command{Kind: kind})
	if err != nil {
		return 0, n.deletedOr(record.Group, err)
	}
	if r.answer.Status == StatusRestoring {
		return 0, ErrRestoring
	}
	if len(r.answer.Data) != 8 {
		return 0, fmt.Errorf("node: open session: answer has %d bytes", len(r.answer.Data))
	}
	return SessionID(binary.BigEndian.Uint64(r.answer.Data)), nil
}

// replicate puts a command into a group's log, here or at the leader, and waits
// for its answer. What was certainly not appended is tried again until LeaderWait
// or the context is over.
func (n *Node) replicate(ctx context.Context, id raft.GroupID, c Command, forward bool) (reply, error) {
	ctx, cancel := n.ended(ctx)
	defer cancel()
	if _, err := n.awaitMeta(ctx); err != nil {
		return reply{}, err
	}
	g, err := n.awaitGroup(ctx, id)
	if err != nil {
		return reply{}, err
	}
	patience := n.clock.NewTimer(n.cfg.LeaderWait)
	defer patience.Stop()
	for {
		changed := g.changed.next()
		r, err := n.replicateOnce(ctx, g, c, forward)
		if err == nil || !leaderless(err) {
			return r, err
		}
		if !forward || g.ctx.Err() != nil {
			return r, err
		}
		if g.status.Load().Isolated { // Why not wait: another node is likelier to know a leader
			return reply{}, fmt.Errorf("%w: %w", ErrNoLeader, err)
		}
		select {
		case <-changed:
		case <-n.clock.NewTimer(retryPause).C():
		case <-patience.C():
			return reply{}, fmt.Errorf("%w: %w", ErrNoLeader, err)
		case <-ctx.Done():
			return reply{}, fmt.Errorf("%w: %w", ErrTimeout, err)
		}
	}
}

// leaderless reports whether an error says that the command was certainly not
// appended because no leader took it: another one soon may.
func leaderless(err error) bool {
	return errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrTransferring) || errors.Is(err, ErrNoLeader)
}

// replicateIdempotent is replicate for a command that does no harm when it takes
// effect twice: an unknown outcome is tried again until the context ends.
func (n *Node) replicateIdempotent(ctx context.Context, id raft.GroupID, c Command) (reply, error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	for {
		r, err := n.replicate(ctx, id, c, true)
		var unknown *UnknownOutcomeError
		if !errors.As(err, &unknown) || ctx.Err() != nil {
			return r, err
		}
		select {
		case <-n.clock.NewTimer(retryPause).C():
		case <-ctx.Done():
			return r, err
		case <-n.stop:
			return r, err
		}
	}
}

func (n *Node) replicateOnce(ctx context.Context, g *group, c Command, forward bool) (reply, error) {
	leader := g.status.Load().Leader
	if forward && leader != 0 && leader != n.cfg.Self {
		// Why give up when another leads: a dead leader never answers, and a client
		// with a session wants to repeat the command at the new one at once.
		return n.forwardCommand(ctx, g, leader, c)
	}
	w := newCall()
	n.placing.came(g.id, n.cfg.Self)
	n.submit(g.id, n.traces.watch(ctx, g.id, w), c)
	r, err := n.await(ctx, w)
	return r, w.unknown(err)
}

// submit hands a command to the group's shard.
func (n *Node) submit(id raft.GroupID, w waiter, c Command) {
	g := n.group(id)
	if g == nil {
		w.resolve(reply{err: &raft.NotLeaderError{}})
		return
	}
	ok := g.shard.in.put(func(s *Shard) {
		if !s.Propose(id, w, c) {
			w.resolve(reply{err: &raft.NotLeaderError{}})
		}
	})
	if !ok {
		w.resolve(reply{err: ErrBusy})
	}
}

// await waits for a reply, the context's end or the node's.
func (n *Node) await(ctx context.Context, c *call) (reply, error) {
	select {
	case r := <-c.done:
		return r, r.err
	case <-ctx.Done():
		return reply{}, ctx.Err()
	case <-n.stop:
		return reply{}, ErrStopping
	}
}

// bound gives a context without an end the node's longest.
func (n *Node) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, n.cfg.RequestTimeout)
}

// ended is bound for what leaves nothing running behind: a context with an end stays as it
// is, because each further one costs every command.
func (n *Node) ended(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return n.bound(ctx)
}

func timeoutError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}

// findMachine looks a machine up; a name this node does not know yet is looked up
// again once it holds everything the meta group had committed.
func (n *Node) findMachine(ctx context.Context, name string) (*MachineRecord, error) {
	if m := n.catalogue.Load().Lookup(name); m != nil {
		return m, nil
	}
	if err := n.Barrier(ctx); err != nil {
		return nil, err
	}
	c := n.catalogue.Load()
	if m := c.Lookup(name); m != nil {
		return m, nil
	}
	if t, ok := c.Tombstone(name, 0); ok {
		return nil, &DeletedError{Tombstone: t}
	}
	return nil, fmt.Errorf("%w: %q", ErrNoMachine, name)
}

// Barrier returns once this node's catalogue holds everything that was committed
// when it was called.
func (n *Node) Barrier(ctx context.Context) error {
	g, err := n.awaitMeta(ctx)
	if err != nil {
		return err
	}
	_, err = n.read(ctx, g, &queryCall{only: true}, true)
	return err
}

// awaitMeta waits for a node that is about to be born, for LeaderWait at most.
func (n *Node) awaitMeta(ctx context.Context) (*group, error) {
	if g := n.group(MetaGroup); g != nil {
		return g, nil
	}
	patience := n.clock.NewTimer(n.cfg.LeaderWait)
	defer patience.Stop()
	for {
		changed := n.changed.next()
		if g := n.group(MetaGroup); g != nil {
			return g, nil
		}
		select {
		case <-changed:
		case <-patience.C():
			return nil, fmt.Errorf("%w: %w", ErrNoLeader, ErrUnborn)
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w: %w", ErrNoLeader, ErrUnborn, ctx.Err())
		case <-n.stop:
			return nil, ErrStopping
		}
	}
}

// awaitGroup waits until a group of the catalogue is created here.
func (n *Node) awaitGroup(ctx context.Context, id raft.GroupID) (*group, error) {
	for {
		changed := n.changed.next()
		if g := n.group(id); g != nil {
			return g, nil
		}
		if err := n.deleted(id, nil); err != nil {
			return nil, err
		}
		if n.leaves() {
			return nil, errLeaving
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: group %d is not here yet", ErrTimeout, id)
		case <-n.stop:
			return nil, ErrStopping
		}
	}
}

// Refused reports whether a status is the host's word that a command did not run
// to its end, as opposed to the machine's own answer.
func Refused(status int32) bool { return status < plugins.StatusOK }
