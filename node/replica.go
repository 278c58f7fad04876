package node

import (
	"cmp"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
)

// replica is one group in a shard: its core, and who waits for what of it.
type replica struct {
	group raft.GroupID
	core  *raft.Core

	queue     []queued                     // commands not proposed yet
	lastBatch raft.ProposalID              //
	batches   map[raft.ProposalID]proposed // outcome open
	commits   CommitStats                  //
	committed map[raft.Index][]Ticket      // committed, not handed to the applier yet
	lastRead  raft.ReadID                  //
	reads     map[raft.ReadID]Ticket       // asked, index not known yet
	gated     []raft.GatedEnvelope         // ascending by After
	persisted raft.WriteID                 // everything up to here is durable
	change    raft.ProposalID              // the change of configuration under way; 0: none
	leadTerm  raft.Term                    // the term leadSince belongs to
	leadSince time.Duration                // first proposal of leadTerm

	transfer TransferReason // of the transfer that was begun since the last Drain, "": the core's own
	isolated bool           // as was last published
	dirty    bool
	settled  time.Duration // the core's time
	deadline time.Duration // position in the shard's timers
	timer    int           // -1: not there
}

type queued struct {
	ticket  Ticket
	command Command
}

// proposed is an entry whose outcome is open.
type proposed struct {
	tickets []Ticket
	at      time.Duration
}

// CommitStats counts the entries with commands that a replica proposed as the leader.
type CommitStats struct {
	Entries uint64        // that were committed
	Time    time.Duration // from proposal to commit, of all of them together
}

func newReplica(g raft.GroupID, core *raft.Core) *replica {
	return &replica{
		group: g, core: core, timer: -1,
		batches: map[raft.ProposalID]proposed{}, committed: map[raft.Index][]Ticket{}, reads: map[raft.ReadID]Ticket{},
	}
}

// propose packs the queue into as few entries as the bounds allow.
func (r *replica) propose(now time.Duration, out *ShardEffects) {
	for len(r.queue) > 0 {
		term, leads := r.core.Leads()
		if !leads {
			r.refuse(&raft.NotLeaderError{Leader: r.core.KnownLeader()}, out)
			return
		}
		if term != r.leadTerm {
			r.leadTerm, r.leadSince = term, now
		}
		n := packed(r.queue)
		r.proposeBatch(r.queue[:n], int64(now-r.leadSince), out)
		r.queue = r.queue[n:]
	}
	r.queue = nil
}

// packed is how many of the queue's first commands share an entry.
func packed(queue []queued) int {
	n, bytes := 0, 0
	for n < len(queue) && n < BatchCommandsMax && (n == 0 || bytes+queue[n].command.size() <= BatchBytesMax) {
		if queue[n].command.Kind.alone() {
			return max(n, 1) // alone: an entry is what replicas switch at
		}
		bytes += queue[n].command.size()
		n++
	}
	return n
}

func (r *replica) proposeBatch(q []queued, elapsed int64, out *ShardEffects) {
	b := Batch{Elapsed: elapsed, Commands: make([]Command, len(q))}
	tickets := make([]Ticket, len(q))
	for i := range q {
		b.Commands[i], tickets[i] = q[i].command, q[i].ticket
	}
	data, err := b.Encode()
	if err != nil {
		for _, t := range tickets {
			out.Failures = append(out.Failures, Failure{Ticket: t, Outcome: raft.OutcomeDropped, Err: err})
		}
		return
	}
	r.lastBatch++
	r.batches[r.lastBatch] = proposed{tickets, r.settled}
	r.core.Propose(raft.Proposal{ID: r.lastBatch, Type: raft.EntryCommand, Data: data})
}

func (r *replica) refuse(err error, out *ShardEffects) {
	for _, q := range r.queue {
		out.Failures = append(out.Failures, Failure{Ticket: q.ticket, Outcome: raft.OutcomeDropped, Err: err})
	}
	r.queue = nil
}

// translate turns a core's effects into the shard's.
func (r *replica) translate(e *raft.Effects, out *ShardEffects) {
	for _, w := range e.Writes {
		out.Writes = append(out.Writes, storage.GroupWrite{Group: r.group, Write: w})
	}
	for _, m := range e.SendNow {
		r.send(m, out)
	}
	r.gated = append(r.gated, e.SendAfter...)
	for _, f := range e.Fetches {
		out.Fetches = append(out.Fetches, GroupFetch{Group: r.group, Fetch: f})
	}
	r.translateAnswers(e, out)
	r.translateSnapshots(e, out)
	for _, a := range e.Apply {
		out.Applies = append(out.Applies, GroupApply{Group: r.group, Work: r.work(a)})
	}
	changed := e.Configuration != nil || r.core.Isolated() != r.isolated
	for _, ev := range e.Events {
		if _, ok := ev.(raft.RoleChanged); ok {
			changed = true
		}
		if began, ok := ev.(raft.TransferBegan); ok {
			out.Transfers = append(out.Transfers, GroupTransfer{Group: r.group, To: began.To, Reason: cmp.Or(r.transfer, TransferDisk)})
			r.transfer = ""
		}
		out.Events = append(out.Events, GroupEvent{Group: r.group, Event: ev})
	}
	if changed {
		r.isolated = r.core.Isolated()
		out.Statuses = append(out.Statuses, ReplicaStatus{Group: r.group, Status: r.core.Status()})
	}
}

func (r *replica) translateAnswers(e *raft.Effects, out *ShardEffects) {
	for _, a := range e.Accepted {
		for _, t := range r.batches[a.ID].tickets {
			out.Accepted = append(out.Accepted, Acceptance{Ticket: t, Index: a.Index, Term: a.Term})
		}
	}
	for _, res := range e.Results {
		if r.changed(res, out) {
			continue
		}
		was := r.batches[res.ID]
		delete(r.batches, res.ID)
		if res.Outcome == raft.OutcomeCommitted {
			r.committed[res.Index] = was.tickets
			r.commits.Entries++
			r.commits.Time += r.settled - was.at
			continue
		}
		for _, t := range was.tickets {
			out.Failures = append(out.Failures, Failure{Ticket: t, Outcome: res.Outcome, Index: res.Index, Term: res.Term, Err: res.Err})
		}
	}
	for _, rd := range e.Reads {
		t, ok := r.reads[rd.ID]
		if !ok {
			continue // cancelled
		}
		delete(r.reads, rd.ID)
		out.Reads = append(out.Reads, ReadAnswer{Group: r.group, Ticket: t, Index: rd.Index, Age: rd.Age, Err: rd.Err})
	}
}

// work attaches to a committed range those who wait for its entries.
func (r *replica) work(a raft.ApplyRange) ApplyWork {
	w := ApplyWork{Range: a}
	if len(r.committed) == 0 {
		return w
	}
	for index, tickets := range r.committed {
		if index >= a.First && index <= a.Last {
			if w.Waiting == nil {
				w.Waiting = map[raft.Index][]Ticket{}
			}
			w.Waiting[index] = tickets
			delete(r.committed, index)
		}
	}
	return w
}

// release lets messages go whose write is durable. The order among them is kept.
func (r *replica) release(out *ShardEffects) {
	n := 0
	for n < len(r.gated) && r.gated[n].After <= r.persisted {
		r.send(r.gated[n].Envelope, out)
		n++
	}
	if n > 0 {
		r.gated = append(r.gated[:0], r.gated[n:]...)
	}
}

func (r *replica) send(m raft.Envelope, out *ShardEffects) {
	out.Sends = append(out.Sends, Outgoing{To: m.To, Frame: transport.Frame{Group: r.group, Payload: m.Message}})
}
