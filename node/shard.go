package node

import (
	"maps"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
)

// Shard owns the cores of many groups: the only thing that touches them. It is a
// step machine: inputs are method calls that only change memory, Drain hands out
// everything they led to. Nothing here waits, locks or reads a clock.
type Shard struct {
	replicas map[raft.GroupID]*replica
	dirty    []*replica // touched since the last Drain
	timers   deadlines
	now      time.Duration
	full     bool          // the disk has no room
	effects  raft.Effects  // reused by Drain
	changes  []GroupChange // answers for the next Drain
	orphans  orphans       // of removed replicas, for the next Drain
}

// ShardEffects is what a shard wants done. Slices are the caller's until its next
// Drain into the same value.
type ShardEffects struct {
	Writes []storage.GroupWrite // in order; durable before the shard hears Persisted
	Sends  []Outgoing
	// Snapshots come before Applies, in order.
	Snapshots []GroupSnapshot
	Applies   []GroupApply
	Fetches   []GroupFetch
	Reads     []ReadAnswer
	Failures  []Failure
	Accepted  []Acceptance
	Statuses  []ReplicaStatus // of replicas whose role, term, leader or configuration changed
	Events    []GroupEvent
	Changes   []GroupChange
	Transfers []GroupTransfer // that were begun
}

// Outgoing is a frame and where it goes.
type Outgoing struct {
	To    raft.NodeID
	Frame transport.Frame
}

// GroupApply is work for a group's applier.
type GroupApply struct {
	Group raft.GroupID
	Work  ApplyWork
}

// GroupFetch asks for entries that left a core's memory; answer with Fetched.
type GroupFetch struct {
	Group raft.GroupID
	Fetch raft.Fetch
}

// ReadAnswer says that a read may run once Index is applied, or why it may not.
type ReadAnswer struct {
	Group  raft.GroupID
	Ticket Ticket
	Index  raft.Index
	Age    time.Duration // see raft.ReadReady
	Err    error
}

// Failure says that a command got no answer from the log: dropped (certainly not
// applied, now or later) or unknown.
type Failure struct {
	Ticket  Ticket
	Outcome raft.Outcome
	Index   raft.Index // 0 when it never entered the log
	Term    raft.Term
	Err     error
}

// Acceptance says where in the leader's log a command stands, before it commits.
type Acceptance struct {
	Ticket Ticket
	Index  raft.Index
	Term   raft.Term
}

// ReplicaStatus is what the rest of the node knows of a replica.
type ReplicaStatus struct {
	Group  raft.GroupID
	Status raft.Status
}

// GroupEvent is an event of one group's core.
type GroupEvent struct {
	Group raft.GroupID
	Event raft.Event
}

// NewShard returns a shard without replicas at time now.
func NewShard(now time.Duration) *Shard {
	return &Shard{replicas: map[raft.GroupID]*replica{}, now: now}
}

// Add gives the shard a core to own. A group it owns already is left as it is.
func (s *Shard) Add(g raft.GroupID, core *raft.Core) {
	if _, ok := s.replicas[g]; ok {
		return
	}
	r := newReplica(g, core)
	s.replicas[g] = r
	core.DiskFull(s.full)
	s.touch(r)
}

// Tick moves time. Only cores whose deadline has come are called.
func (s *Shard) Tick(now time.Duration) {
	s.now = max(s.now, now)
	for {
		r := s.timers.due(s.now)
		if r == nil {
			return
		}
		r.core.Tick(s.now)
		s.touch(r)
	}
}

// NextDeadline is when Tick next matters; ok is false when no replica waits.
func (s *Shard) NextDeadline() (at time.Duration, ok bool) { return s.timers.first() }

// Receive hands a raft message from an authenticated peer to its group's core, which
// judges in which life the peer is. A message for a group that is not here is dropped:
// raft sends it again.
func (s *Shard) Receive(from raft.Member, g raft.GroupID, m raft.Message) error {
	r := s.replicas[g]
	if r == nil {
		return nil
	}
	s.settle(r)
	err := r.core.ReceiveFrom(from, m)
	s.touch(r)
	return err
}

// Propose queues a command; all that wait in a group at the next Drain share entries.
func (s *Shard) Propose(g raft.GroupID, t Ticket, c Command) bool {
	r := s.replicas[g]
	if r == nil {
		return false
	}
	r.queue = append(r.queue, queued{ticket: t, command: c})
	s.touch(r)
	return true
}

// Read asks for an index from which a linearizable read may be answered.
func (s *Shard) Read(g raft.GroupID, t Ticket) bool { return s.ReadAs(g, t, raft.ReadRequest{}) }

// ReadAs is Read in another mode; the request's ID is the shard's to choose.
func (s *Shard) ReadAs(g raft.GroupID, t Ticket, how raft.ReadRequest) bool {
	r := s.replicas[g]
	if r == nil {
		return false
	}
	s.settle(r)
	r.lastRead++
	r.reads[r.lastRead] = t
	how.ID = r.lastRead
	r.core.Read(how)
	s.touch(r)
	return true
}

// CancelRead forgets a read whose caller no longer waits.
func (s *Shard) CancelRead(g raft.GroupID, t Ticket) {
	r := s.replicas[g]
	if r == nil {
		return
	}
	for id, ticket := range r.reads {
		if ticket == t {
			delete(r.reads, id)
			r.core.CancelRead(id)
			s.touch(r)
			return
		}
	}
}

// Persisted says that a group's writes up to id are durable; what waited for them
// may leave.
func (s *Shard) Persisted(g raft.GroupID, id raft.WriteID) {
	if r := s.replicas[g]; r != nil {
		r.persisted = max(r.persisted, id)
		r.core.Persisted(id)
		s.touch(r)
	}
}

// PersistFailed says that a group's write failed for good.
func (s *Shard) PersistFailed(g raft.GroupID, id raft.WriteID, err error) {
	if r := s.replicas[g]; r != nil {
		r.gated = nil
		r.core.PersistFailed(id, err)
		s.touch(r)
	}
}

// Applied says that the group's machine is at index, which frees apply budget.
func (s *Shard) Applied(g raft.GroupID, index raft.Index) {
	if r := s.replicas[g]; r != nil {
		r.core.Applied(index)
		s.touch(r)
	}
}

// Fetched answers a GroupFetch; without entries, that reading failed and should be
// asked for again.
func (s *Shard) Fetched(g raft.GroupID, peer raft.NodeID, lo raft.Index, entries []raft.Entry) {
	if r := s.replicas[g]; r != nil {
		r.core.Fetched(peer, lo, entries)
		s.touch(r)
	}
}

// Unreachable says that frames to a peer were refused or lost, for one group, or
// for all when g is 0.
func (s *Shard) Unreachable(peer raft.NodeID, g raft.GroupID) {
	for _, id := range slices.Sorted(maps.Keys(s.replicas)) { // Why sorted: equal inputs, equal effects
		if r := s.replicas[id]; g == 0 || g == id {
			r.core.Unreachable(peer)
			s.touch(r)
		}
	}
}

// PeerRuns says that a process of a peer runs; a boot is a number that grows with each
// start of a node.
func (s *Shard) PeerRuns(peer raft.NodeID, boot uint64) {
	for _, id := range slices.Sorted(maps.Keys(s.replicas)) {
		r := s.replicas[id]
		r.core.PeerRuns(peer, boot)
		s.touch(r)
	}
}

// PeerGone says that the process boot of a peer has ended for certain: whoever followed
// it need not wait for an election timeout.
func (s *Shard) PeerGone(peer raft.NodeID, boot uint64) {
	for _, id := range slices.Sorted(maps.Keys(s.replicas)) {
		r := s.replicas[id]
		r.core.PeerGone(peer, boot)
		s.touch(r)
	}
}

// Campaign makes a replica ask for leadership now, so that a new group need not
// wait for an election timeout. A replica that knows a leader or is waiting for
// votes already goes on with that: asking again would only raise its term.
func (s *Shard) Campaign(g raft.GroupID) {
	r := s.replicas[g]
	if r == nil || r.core.KnownLeader() != 0 || r.core.Status().Role == raft.Candidate {
		return
	}
	s.settle(r)
	r.core.Campaign()
	s.touch(r)
}

// StepAside hands a group's leadership to whoever is fittest, if this node leads it.
func (s *Shard) StepAside(g raft.GroupID) {
	_ = s.TransferTo(g, 0, TransferState) // Why unchecked: who does not lead, or has no heir, has nothing to hand over
}

// Drain moves everything the inputs led to into out, which it resets first.
func (s *Shard) Drain(out *ShardEffects) {
	out.reset()
	for i := 0; i < len(s.dirty); i++ {
		r := s.dirty[i]
		s.settle(r)
		r.propose(s.now, out)
		r.core.Drain(&s.effects)
		r.translate(&s.effects, out)
		r.release(out)
		r.dirty = false
		s.timers.set(r, r.core.NextDeadline())
	}
	clear(s.dirty)
	s.dirty = s.dirty[:0]
	out.Changes = append(out.Changes, s.changes...)
	s.changes = s.changes[:0]
	out.Failures = append(out.Failures, s.orphans.failures...)
	out.Reads = append(out.Reads, s.orphans.reads...)
	s.orphans = orphans{}
}

// settle brings a core's clock up to the shard's before an input that starts
// timers from it. Why: cores are only ticked at their deadlines.
func (s *Shard) settle(r *replica) {
	if r.settled < s.now {
		r.settled = s.now
		r.core.Tick(s.now)
	}
}

func (s *Shard) touch(r *replica) {
	if !r.dirty {
		r.dirty = true
		s.dirty = append(s.dirty, r)
	}
}

func (e *ShardEffects) reset() {
	clear(e.Writes)
	clear(e.Sends)
	clear(e.Applies)
	clear(e.Reads)
	clear(e.Failures)
	clear(e.Accepted)
	clear(e.Transfers)
	*e = ShardEffects{
		Writes: e.Writes[:0], Sends: e.Sends[:0], Snapshots: e.Snapshots[:0], Applies: e.Applies[:0], Fetches: e.Fetches[:0], Reads: e.Reads[:0],
		Failures: e.Failures[:0], Accepted: e.Accepted[:0], Statuses: e.Statuses[:0], Events: e.Events[:0], Changes: e.Changes[:0], Transfers: e.Transfers[:0],
	}
}

// Commits counts what a replica had committed as the leader; the zero value when it is not here.
func (s *Shard) Commits(g raft.GroupID) CommitStats {
	if r := s.replicas[g]; r != nil {
		return r.commits
	}
	return CommitStats{}
}

// Status describes a replica as it is now; the zero value when it is not here.
func (s *Shard) Status(g raft.GroupID) raft.Status {
	if r := s.replicas[g]; r != nil {
		return r.core.Status()
	}
	return raft.Status{}
}
