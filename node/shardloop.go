package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
)

// shardInput is one call of a shard's step machine.
type shardInput func(*Shard)

const (
	// shardInboxMax bounds the inputs from outside that wait for a shard.
	shardInboxMax = 1 << 16
	// fetchInboxMax bounds the reads of old entries that wait; more are asked again later.
	fetchInboxMax = 1 << 10
	// fetchBytesMax bounds what one of them reads.
	fetchBytesMax = 1 << 20
)

// shardLoop drives one Shard: it waits for inputs or a deadline, steps, and
// hands out the effects. It never touches disk, network or WASM itself.
type shardLoop struct {
	node    *Node
	shard   *Shard
	in      *mailbox[shardInput]
	writer  *writerLoop
	fetches *mailbox[GroupFetch]
	out     ShardEffects
	pending appending
	log     *slog.Logger
}

func newShardLoop(n *Node) *shardLoop {
	l := &shardLoop{
		node: n, shard: NewShard(n.clock.Now()), log: n.log,
		in: newMailbox[shardInput](shardInboxMax), fetches: newMailbox[GroupFetch](fetchInboxMax),
	}
	l.writer = newWriterLoop(n, l)
	return l
}

// run is the shard's goroutine. It ends when the node stops.
func (l *shardLoop) run() {
	var inputs []shardInput
	timer := l.node.clock.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.node.stop:
			return
		case <-l.in.wake:
		case <-timer.C():
		}
		// Why: those who are ready to hand something over do it first, and it shares an entry,
		// a sync and a packet. With nobody else ready it costs a fraction of a microsecond.
		runtime.Gosched()
		// Why in this order: leases and bounded reads rest on a clock that was read
		// after what is taken in had arrived.
		inputs = l.in.take(inputs)
		l.shard.Tick(l.node.clock.Now())
		for _, in := range inputs {
			in(l.shard)
		}
		l.shard.Drain(&l.out)
		l.dispatch()
		if at, ok := l.shard.NextDeadline(); ok {
			timer.Reset(max(at-l.node.clock.Now(), 0))
		}
	}
}

// dispatch carries out one drain. Writes start first: the disk is the slowest.
func (l *shardLoop) dispatch() {
	if len(l.out.Writes) > 0 {
		l.park()
		l.writer.add(l.out.Writes)
	}
	for _, s := range l.out.Sends {
		l.send(s)
	}
	l.snapshots()
	for _, a := range l.out.Applies {
		if g := l.node.group(a.Group); g != nil {
			l.node.traces.reached(stageCommitted, a.Work)
			g.applier.submit(a.Work)
		}
	}
	for _, f := range l.out.Fetches {
		if !l.fetches.put(f) {
			l.fetched(f, nil) // it is asked for again
		}
	}
	l.answer()
	for _, s := range l.out.Statuses {
		l.node.publish(s)
	}
	for _, c := range l.out.Changes {
		l.node.seated(c)
	}
	for _, t := range l.out.Transfers {
		l.node.transferred(t)
	}
	for _, e := range l.out.Events {
		l.node.observe(e)
	}
}

func (l *shardLoop) answer() {
	for _, a := range l.out.Accepted {
		if c, ok := a.Ticket.(accepter); ok {
			c.accept(a.Index, a.Term)
		}
		if c, ok := a.Ticket.(*tracedCall); ok {
			l.pending.add(c)
		}
	}
	for _, f := range l.out.Failures {
		f.Ticket.(waiter).resolve(reply{err: failureError(f)})
	}
	for _, r := range l.out.Reads {
		q := r.Ticket.(*queryCall)
		g := l.node.group(r.Group)
		if r.Err != nil || g == nil {
			q.resolve(reply{err: cmp.Or(r.Err, ErrDeleted)})
			continue
		}
		q.indexedAt = l.node.clock.Now()
		q.coveredAt = q.indexedAt - r.Age
		g.applier.query(q, r.Index)
	}
}

// send hands a frame to the network. Appends that it refuses are reported to the
// core, which probes again later; everything else raft repeats by itself.
func (l *shardLoop) send(s Outgoing) {
	err := l.node.network.Send(s.To, s.Frame)
	if err == nil || errors.Is(err, transport.ErrClosed) {
		return
	}
	if _, ok := s.Frame.Payload.(raft.Append); ok {
		l.in.force(func(sh *Shard) { sh.Unreachable(s.To, s.Frame.Group) })
	}
}

// runFetches is the goroutine that reads old entries for slow followers.
func (l *shardLoop) runFetches() {
	var batch []GroupFetch
	for {
		select {
		case <-l.node.stop:
			return
		case <-l.fetches.wake:
		}
		batch = l.fetches.take(batch)
		for _, f := range batch {
			entries, err := l.node.store.Entries(f.Group, f.Fetch.Lo, f.Fetch.Hi, fetchBytesMax)
			// Why not these: the log may have been truncated since, or be gone with its machine.
			if err != nil && !errors.Is(err, storage.ErrOutOfRange) && !errors.Is(err, storage.ErrUnknownGroup) {
				l.log.Error("reading the log failed", "group", f.Group, "index", f.Fetch.Lo, "err", err)
			}
			l.fetched(f, entries)
		}
	}
}

func (l *shardLoop) fetched(f GroupFetch, entries []raft.Entry) {
	l.in.force(func(s *Shard) { s.Fetched(f.Group, f.Fetch.Peer, f.Fetch.Lo, entries) })
}

// failureError is what a caller learns of a command without an answer.
func failureError(f Failure) error {
	if f.Outcome == raft.OutcomeUnknown {
		return &UnknownOutcomeError{Index: f.Index, Term: f.Term, Cause: f.Err}
	}
	switch {
	case f.Err == nil:
		return ErrBusy
	case diskFull(f.Err):
		return fmt.Errorf("%w: the leader, or too many of its followers, have no room; wraftd status names them", ErrDiskFull)
	}
	return f.Err
}
