package node

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/raft"
)

// heirTimeout is how long a node may take to say whether it could lead.
const heirTimeout = 2 * time.Second

// forwardedHeir asks a node whether it could lead a group.
type forwardedHeir struct {
	_       struct{}   `cbor:",toarray"`
	Applied raft.Index // what its machine has to have applied
}

// placingLoop drives the Placing: it looks at the links and the shards, and asks those to
// hand over.
type placingLoop struct {
	node    *Node
	placing *Placing
	in      *mailbox[func(*Placing)]
	follows atomic.Bool // the policy wants commands counted
}

func newPlacingLoop(n *Node) *placingLoop {
	return &placingLoop{node: n, placing: NewPlacing(n.cfg.Self, n.clock.Now()), in: newMailbox[func(*Placing)](1 << 16)}
}

// run is the placing goroutine.
func (l *placingLoop) run() {
	drive(l.node, l.in, l.placing, func() {
		look, moves := l.placing.Next()
		for _, m := range moves {
			l.node.spawn(func() { l.move(m) })
		}
		if look {
			l.node.spawn(l.look)
		}
	})
}

// move has a leadership handed over, if the heir says that it can take it. If it does not
// come about, the next looks find the group as it is.
func (l *placingLoop) move(m Placement) {
	n := l.node
	ctx, cancel := context.WithTimeout(n.ctx, heirTimeout)
	defer cancel()
	g := n.group(m.Group)
	if g == nil {
		return
	}
	_, err := n.forward(ctx, m.To, m.Group, forwardHeir, forwardedHeir{Applied: m.Applied}, nil)
	if err != nil {
		n.log.Debug("leadership stays for now, the heir does not want it", "group", m.Group, "peer", uint64(m.To), "err", err)
		l.in.force(func(p *Placing) { p.Refused(m.Group) })
		return
	}
	g.shard.in.force(func(s *Shard) {
		if err := s.TransferTo(m.Group, m.To, m.Reason); err != nil {
			n.log.Debug("leadership could not be handed over", "group", m.Group, "peer", uint64(m.To), "err", err)
		}
	})
}

// answerHeir says to a leader whether this node could lead a group now: its machine runs
// and is not behind, and there is room on the disk.
func (n *Node) answerHeir(id raft.GroupID, ask forwardedHeir, w waiter) {
	g := n.group(id)
	phase := PhaseRunning
	if id != MetaGroup {
		phase, _ = n.phase(id)
	}
	switch {
	case g == nil || phase != PhaseRunning:
		w.resolve(reply{err: ErrMachineNotRunning})
	case n.Room().Low:
		w.resolve(reply{err: ErrDiskFull})
	case raft.Index(g.applier.applied.Load()) < ask.Applied:
		w.resolve(reply{err: fmt.Errorf("%w: this replica has not applied %d yet", ErrBusy, ask.Applied)})
	default:
		w.resolve(reply{})
	}
}

// look gathers what there is to see and hands it to the placing.
func (l *placingLoop) look() {
	n := l.node
	v := PlacingView{Up: map[raft.NodeID]uint64{}}
	for _, link := range n.network.Links() {
		if link.Up {
			v.Up[link.Peer] = link.Reconnects
		}
	}
	ch := make(chan []LedGroup, len(n.shards))
	for _, s := range n.shards {
		s.in.force(func(sh *Shard) { ch <- sh.Led(n.cfg.ElectionTimeout) })
	}
	for range n.shards {
		select {
		case led := <-ch:
			v.Leads = append(v.Leads, led...)
		case <-n.stop:
			return
		}
	}
	slices.SortFunc(v.Leads, func(a, b LedGroup) int { return cmp.Compare(a.Group, b.Group) })
	for i := range v.Leads {
		if g := n.group(v.Leads[i].Group); g != nil {
			v.Leads[i].Commands = g.origins.take()
		}
	}
	l.in.force(func(p *Placing) { p.Looked(v) })
}

// came counts a client's command that a node took and that is handed to a group here.
func (l *placingLoop) came(id raft.GroupID, from raft.NodeID) {
	if !l.follows.Load() || id == MetaGroup {
		return
	}
	if g := l.node.group(id); g != nil {
		g.origins.count(from)
	}
}

// origins counts commands by the node that took them from a client.
type origins struct {
	mu     sync.Mutex // guards counts
	counts map[raft.NodeID]uint64
}

func (o *origins) count(from raft.NodeID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts == nil {
		o.counts = map[raft.NodeID]uint64{}
	}
	o.counts[from]++
}

// take returns what was counted since the last call.
func (o *origins) take() map[raft.NodeID]uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := o.counts
	o.counts = nil
	return counts
}

// Words of raft.FollowerStatus.State.
const (
	followerReplicates   = "replicate"
	followerGetsSnapshot = "snapshot"
)

// Led describes the groups of this shard that this node leads. heard is within which time
// a voter must have answered to be fit.
func (s *Shard) Led(heard time.Duration) []LedGroup {
	var out []LedGroup
	for _, id := range slices.Sorted(maps.Keys(s.replicas)) {
		r := s.replicas[id]
		if _, leads := r.core.Leads(); !leads {
			continue
		}
		out = append(out, ledGroup(r.core.Status(), s.now-heard))
	}
	return out
}

// ledGroup is a leader's status in the words of the placing.
func ledGroup(st raft.Status, since time.Duration) LedGroup {
	led := LedGroup{Group: st.Group, Commit: st.Commit, Unsettled: st.Configuration.Configuration.Joint() || st.Configuration.Index > st.Commit}
	for _, f := range st.Followers {
		heard := f.Heard >= since
		led.Unsettled = led.Unsettled || heard && f.State == followerGetsSnapshot
		if st.Configuration.Configuration.IsVoter(f.ID) {
			fit := heard && f.State == followerReplicates && !f.DiskSlow && !f.DiskFull && !f.Damaged
			led.Heirs = append(led.Heirs, Heir{Node: f.ID, Fit: fit, Match: f.Match})
		}
	}
	return led
}
