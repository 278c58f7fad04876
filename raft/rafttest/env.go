package rafttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wraft/wraft/raft"
)

// settleSteps bounds how many messages one command may deliver: beyond it the
// cluster is in a loop.
const settleSteps = 200_000

// Environment is a cluster that a script moves step by step. Nothing happens by
// itself but what a disk does: writes become durable at once unless held.
type Environment struct {
	nodes   []*Node
	checker *Checker
	cfg     raft.Config
	clocks  map[raft.NodeID]time.Duration
	lives   map[raft.NodeID]uint64 // starts of each node, part of its seed

	queue    []flight
	cut      map[link]bool
	held     map[link]bool
	heldDisk map[raft.NodeID]bool
	heldAll  bool
	// powerAt is the write point at which the power fails, counted by points: before
	// each sync, and after it before anybody hears of it; 0: never.
	powerAt, points int
	// slowDisks lets writes become durable one by one, and only when no message is
	// on its way any more: whatever is said too early is heard.
	slowDisks bool

	transfers     []transfer
	heldTransfers bool
	brought       map[Brought]Snapshot // what was sent to whom

	ids      map[string]uint64 // names of proposals and reads
	outcomes map[uint64]raft.ProposalResult
	answers  map[uint64]raft.ReadReady
	asked    map[uint64]question // reads that were not answered yet
	priority map[raft.NodeID]int
	counts   map[string]int // of events and messages, for expectations

	logEvents, logMessages bool
	out                    strings.Builder
}

// flight is a message on its way.
type flight struct {
	from, to raft.NodeID
	message  raft.Message
}

// link is a direction between two nodes.
type link struct{ from, to raft.NodeID }

func (l link) String() string { return fmt.Sprintf("%v->%v", l.from, l.to) }

// NewEnvironment returns an environment without nodes; the cluster command adds
// them.
func NewEnvironment() *Environment {
	return &Environment{
		cfg: raft.Config{
			Group: 1, HeartbeatInterval: beat,
			ElectionTimeoutMin: 10 * beat, ElectionTimeoutMax: 20 * beat,
		},
		clocks: map[raft.NodeID]time.Duration{}, lives: map[raft.NodeID]uint64{}, brought: map[Brought]Snapshot{},
		cut: map[link]bool{}, held: map[link]bool{}, heldDisk: map[raft.NodeID]bool{},
		ids: map[string]uint64{}, outcomes: map[uint64]raft.ProposalResult{},
		answers: map[uint64]raft.ReadReady{}, asked: map[uint64]question{}, priority: map[raft.NodeID]int{}, counts: map[string]int{},
		logEvents: true,
	}
}

// beat is the heartbeat interval of scripted clusters, the unit of tick.
const beat = 100 * time.Millisecond

// printf adds a line to what the running command shows.
func (e *Environment) printf(format string, args ...any) {
	fmt.Fprintf(&e.out, format+"\n", args...)
}

// node returns a node by its number.
func (e *Environment) node(id raft.NodeID) (*Node, error) {
	if id < 1 || int(id) > len(e.nodes) {
		return nil, fmt.Errorf("there is no %v", id)
	}
	return e.nodes[id-1], nil
}

// start starts or restarts a node.
func (e *Environment) start(n *Node) error {
	e.lives[n.ID]++
	cfg := e.cfg
	cfg.Seed = uint64(n.ID)*1000 + e.lives[n.ID]
	cfg.Priority = e.priority[n.ID]
	if err := n.Start(cfg, e.clocks[n.ID]); err != nil {
		return err
	}
	return e.pump(n)
}

// pump lets a node act on what it was told until it has nothing more to do.
func (e *Environment) pump(n *Node) error {
	for n.Core != nil {
		if !n.Core.Pending() && (e.slowDisks || !e.syncable(n)) {
			break
		}
		if err := e.drain(n); err != nil {
			return err
		}
		if !e.slowDisks && e.syncable(n) {
			if err := e.sync(n, n.Disk.Pending()); err != nil {
				return err
			}
		}
		if err := e.checker.Check(n, e.nodes); err != nil {
			return err
		}
	}
	return e.checker.Check(n, e.nodes)
}

// errPowerFailed ends a script at a write point.
var errPowerFailed = errors.New("the power fails")

// syncable reports whether a node has writes that may become durable.
func (e *Environment) syncable(n *Node) bool { return n.Disk.Pending() > 0 && !e.heldDisk[n.ID] }

// sync makes a node's oldest count writes durable.
func (e *Environment) sync(n *Node, count int) error {
	if e.writePoint() {
		return errPowerFailed
	}
	released := n.Sync(count)
	if e.writePoint() {
		return errPowerFailed
	}
	return e.launch(n, released)
}

// syncSlowly syncs one write of one node and reports whether there was one, where
// disks are slow. Why the last node that has any: scripts mostly let n1 lead, and a
// leader's own disk is the one that can wait unnoticed.
func (e *Environment) syncSlowly() (bool, error) {
	for _, n := range slices.Backward(e.nodes) {
		if e.slowDisks && n.Core != nil && e.syncable(n) {
			if err := e.sync(n, 1); err != nil {
				return true, err
			}
			return true, e.pump(n)
		}
	}
	return false, nil
}

// writePoint counts, and reports whether the power fails here.
func (e *Environment) writePoint() bool {
	e.points++
	return e.points == e.powerAt
}

// drain carries out one set of effects.
func (e *Environment) drain(n *Node) error {
	fx, err := n.Drain()
	if err != nil {
		return err
	}
	for _, ev := range fx.Events {
		e.note(n, ev)
	}
	if err := e.launch(n, fx.SendNow); err != nil {
		return err
	}
	for _, r := range fx.Results {
		e.outcomes[uint64(r.ID)] = r
	}
	for _, r := range fx.Reads {
		e.answer(n, r)
	}
	for _, c := range fx.Snapshots {
		if err := e.command(n, c); err != nil {
			return err
		}
	}
	for _, r := range fx.Apply {
		if err := n.Apply(r); err != nil {
			return err
		}
	}
	for _, f := range fx.Fetches {
		n.Fetch(f)
	}
	return nil
}

// note counts an event and shows it.
func (e *Environment) note(n *Node, ev raft.Event) {
	if r, ok := ev.(raft.RoleChanged); ok && r.Role == raft.Leader {
		e.counts["elections"]++
	}
	e.counts[fmt.Sprintf("%T", ev)]++
	if e.logEvents {
		e.printf("  %v %s", n.ID, DescribeEvent(ev))
	}
}

// launch puts messages on their way, or loses them where the link is cut.
func (e *Environment) launch(n *Node, envelopes []raft.Envelope) error {
	for _, env := range envelopes {
		if err := e.checker.Sent(n, env); err != nil {
			return err
		}
		l := link{n.ID, env.To}
		e.count(l, env.Message)
		lost := e.cut[l] || env.To < 1 || int(env.To) > len(e.nodes)
		if e.logMessages {
			e.printf("  %v %s%s", l, Describe(env.Message), note(lost, " (lost)"))
		}
		if !lost {
			e.queue = append(e.queue, flight{n.ID, env.To, env.Message})
		}
	}
	return nil
}

// count counts a message by link and kind.
func (e *Environment) count(l link, m raft.Message) {
	kind, _, _ := strings.Cut(Describe(m), " ")
	e.counts[l.String()+" "+kind]++
	if a, ok := m.(raft.Append); ok {
		e.counts[l.String()+" entries"] += len(a.Entries)
	}
	if r, ok := m.(raft.AppendReply); ok && r.Rejected {
		e.counts[l.String()+" rejections"]++
	}
}

// settle delivers messages in the order they were sent until none is left but
// those on held links.
func (e *Environment) settle() error {
	for range settleSteps {
		at := e.nextFlight()
		if at < 0 {
			more, err := e.syncSlowly()
			if !more && err == nil {
				more, err = e.arrive()
			}
			if !more || err != nil {
				return err
			}
			continue
		}
		f := e.queue[at]
		e.queue = append(e.queue[:at], e.queue[at+1:]...)
		if err := e.deliver(f); err != nil {
			return err
		}
	}
	return errors.New("the cluster does not come to rest")
}

func (e *Environment) nextFlight() int {
	for i, f := range e.queue {
		if !e.held[link{f.from, f.to}] && !e.heldAll {
			return i
		}
	}
	return -1
}

// deliver hands one message over, unless the link was cut meanwhile.
func (e *Environment) deliver(f flight) error {
	if e.cut[link{f.from, f.to}] {
		return nil
	}
	return e.receive(f)
}

// receive lets a node receive a message.
func (e *Environment) receive(f flight) error {
	n, err := e.node(f.to)
	if err != nil || n.Core == nil {
		return err
	}
	if err := n.Core.Receive(f.from, f.message); err != nil {
		e.counts["bad"]++
		e.printf("  %v refuses %s: %v", f.to, Describe(f.message), err)
	}
	return e.pump(n)
}

// tick moves the clocks of nodes by n heartbeats, delivering everything after
// each step when asked to.
func (e *Environment) tick(nodes []*Node, n int, deliver bool) error {
	for range n {
		for _, node := range nodes {
			e.clocks[node.ID] += beat
			if node.Core == nil {
				continue
			}
			node.Core.Tick(e.clocks[node.ID])
			if err := e.pump(node); err != nil {
				return err
			}
		}
		if !deliver {
			continue
		}
		if err := e.settle(); err != nil {
			return err
		}
	}
	return nil
}
