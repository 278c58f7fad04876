package mem

import (
	"container/heap"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// deliverFramesMax bounds the frames handed over in one call.
const deliverFramesMax = 256

type eventKind uint8

const (
	eventFrame eventKind = iota // an encoded frame arrives
	eventUp                     // a connection stands
	eventDown                   // a connection fell
	eventGone                   // a node left
	eventCheck                  // a cut may have to be noticed
)

// event is something that happens to a node at a time.
type event struct {
	at    time.Time
	seq   uint64
	kind  eventKind
	from  raft.NodeID
	epoch uint64 // of the connection it belongs to
	boot  uint64 // of the node it comes from: how many times it has joined
	class transport.Class
	data  []byte
	life  raft.Incarnation // of the sender
}

// inbox orders events by time, and those of one time as they were scheduled.
type inbox []event

func (q inbox) Len() int      { return len(q) }
func (q inbox) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q inbox) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].seq < q[j].seq
	}
	return q[i].at.Before(q[j].at)
}
func (q *inbox) Push(x any) { *q = append(*q, x.(event)) }
func (q *inbox) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return last
}

// schedule puts an event into a node's inbox and wakes it. s.mu is held.
func (s *Switch) schedule(n *Network, e event) {
	s.seq++
	e.seq = s.seq
	heap.Push(&n.inbox, e)
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// due takes the first event off the inbox if its time has come; otherwise it says
// how long to wait, negative when there is nothing to wait for. s.mu is held.
func (n *Network) due(now time.Time) (e event, wait time.Duration, ok bool) {
	if len(n.inbox) == 0 {
		return event{}, -1, false
	}
	if wait := n.inbox[0].at.Sub(now); wait > 0 {
		return event{}, wait, false
	}
	return heap.Pop(&n.inbox).(event), 0, true
}
