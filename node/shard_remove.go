package node

import (
	"maps"
	"slices"

	"github.com/wraft/wraft/raft"
)

// orphans are what waited for replicas that are gone.
type orphans struct {
	failures []Failure
	reads    []ReadAnswer
}

// Remove gives up a group's replica with everything it wanted done. With the next
// Drain those who wait for it learn cause: a command that was proposed may have been
// applied before, or still be.
func (s *Shard) Remove(g raft.GroupID, cause error) {
	r := s.replicas[g]
	if r == nil {
		return
	}
	delete(s.replicas, g)
	s.timers.remove(r)
	if r.dirty {
		s.dirty = slices.DeleteFunc(s.dirty, func(d *replica) bool { return d == r })
	}
	s.orphans.add(r, cause)
}

func (o *orphans) add(r *replica, cause error) {
	for _, q := range r.queue {
		o.failures = append(o.failures, Failure{Ticket: q.ticket, Outcome: raft.OutcomeDropped, Err: cause})
	}
	for _, id := range slices.Sorted(maps.Keys(r.batches)) {
		for _, t := range r.batches[id].tickets {
			o.failures = append(o.failures, Failure{Ticket: t, Outcome: raft.OutcomeUnknown, Err: cause})
		}
	}
	for _, index := range slices.Sorted(maps.Keys(r.committed)) {
		for _, t := range r.committed[index] {
			o.failures = append(o.failures, Failure{Ticket: t, Outcome: raft.OutcomeUnknown, Index: index, Err: cause})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.reads)) {
		o.reads = append(o.reads, ReadAnswer{Group: r.group, Ticket: r.reads[id], Err: cause})
	}
}
