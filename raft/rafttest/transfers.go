package rafttest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/wraft/wraft/raft"
)

// transfer is a snapshot on its way, beside the messages. Unless held it arrives
// as a whole when no message is left to deliver, or fails on a link that is cut.
type transfer struct {
	link
	snapshot Snapshot
}

// Brought names a snapshot that a node was sent, and may have a part of.
type Brought struct {
	To    raft.NodeID
	Index raft.Index
}

// snapshotCommands are the verbs about snapshots.
func snapshotCommands() map[string]command {
	return map[string]command{
		"snapshot":          {"snapshot NODE: take one of its machine", onNode((*Environment).runSnapshot)},
		"hold-snapshots":    {"hold-snapshots: nothing of a transfer arrives", func(e *Environment, _ []string) error { e.heldTransfers = true; return nil }},
		"release-snapshots": {"release-snapshots: whole snapshots arrive again", func(e *Environment, _ []string) error { e.heldTransfers = false; return nil }},
		"progress":          {"progress A->B BYTES: so much of a held transfer has arrived, B tells all", (*Environment).runProgress},
		"fail-snapshot":     {"fail-snapshot A->B ...: end these transfers with an error", onLinks((*Environment).failTransfer)},
		"expect-snapshot":   {"expect-snapshot NODE INDEX PURGED: its newest snapshot, and behind what its log starts", (*Environment).expectSnapshot},
		"expect-transfers":  {"expect-transfers [A->B:INDEX ...]: the snapshots on their way", (*Environment).expectTransfers},
	}
}

func (e *Environment) runSnapshot(n *Node) error {
	if !n.TakeSnapshot(nil) {
		return errors.New("there is nothing to take a snapshot of")
	}
	return nil
}

// command carries out what a core wants of its driver about snapshots; what the
// node does by itself is done already.
func (e *Environment) command(n *Node, c raft.SnapshotCommand) error {
	e.counts["snapshot "+c.Action.String()]++
	if e.logEvents {
		e.printf("  %v %s", n.ID, DescribeCommand(c))
	}
	l := link{n.ID, c.Peer}
	switch c.Action {
	case raft.SnapshotSend:
		s, here := n.Disk.snapshots[c.Snapshot.Index]
		if !here { // a part of it is there already: then its bytes were kept somewhere
			s = e.brought[Brought{c.Peer, c.Snapshot.Index}]
		}
		if s.Meta.Index != c.Snapshot.Index {
			return fmt.Errorf("%v is to send a snapshot at %d, which nobody has", n.ID, c.Snapshot.Index)
		}
		e.brought[Brought{c.Peer, s.Meta.Index}] = s
		e.transfers = append(e.transfers, transfer{l, s})
	case raft.SnapshotStopSend:
		e.transfers = slices.DeleteFunc(e.transfers, func(t transfer) bool { return t.link == l })
	}
	return nil
}

// arrive ends the oldest transfer; false when there is none to end.
func (e *Environment) arrive() (bool, error) {
	if e.heldTransfers || len(e.transfers) == 0 {
		return false, nil
	}
	t := e.transfers[0]
	e.transfers = slices.Delete(e.transfers, 0, 1)
	to := e.nodes[t.to-1]
	if e.cut[t.link] || to.Core == nil {
		return true, e.endTransfer(t, errors.New("link cut"))
	}
	err := to.ReceiveSnapshot(t.snapshot)
	return true, errors.Join(e.pump(to), e.endTransfer(t, err))
}

// endTransfer tells the sender, if it runs, how a transfer ended, and the others when it was well.
func (e *Environment) endTransfer(t transfer, err error) error {
	for _, n := range e.nodes {
		if n.Core == nil || n.ID != t.from && (n.ID == t.to || err != nil || e.cut[link{t.to, n.ID}]) {
			continue
		}
		n.Core.SnapshotDone(t.to, t.snapshot.Meta.Index, err)
		if err := e.pump(n); err != nil {
			return err
		}
	}
	return nil
}

func (e *Environment) failTransfer(l link) error {
	for i, t := range e.transfers {
		if t.link == l {
			e.transfers = slices.Delete(e.transfers, i, i+1)
			return e.endTransfer(t, errors.New("broken off"))
		}
	}
	return fmt.Errorf("no snapshot is on %v", l)
}

func (e *Environment) runProgress(args []string) error {
	bytes, err := number(args, 1)
	if err != nil {
		return err
	}
	l, err := parseLink(args[0])
	if err != nil {
		return err
	}
	for _, t := range e.transfers {
		if t.link == l {
			return e.tellProgress(t, uint64(bytes))
		}
	}
	return fmt.Errorf("no snapshot is on %v", l)
}

// tellProgress lets all hear from a receiver how far it is, who hear it at all.
func (e *Environment) tellProgress(t transfer, bytes uint64) error {
	for _, n := range e.nodes {
		if n.Core == nil || n.ID == t.to || e.cut[link{t.to, n.ID}] {
			continue
		}
		n.Core.SnapshotProgress(t.to, t.snapshot.Meta.Index, bytes)
		if err := e.pump(n); err != nil {
			return err
		}
	}
	return nil
}

func (e *Environment) expectSnapshot(args []string) error {
	n, err := e.running(args)
	if err != nil || len(args) < 3 {
		return errors.Join(err, errors.New("two indexes are needed"))
	}
	s := n.Core.Status()
	if strconv.FormatUint(uint64(s.SnapshotIndex), 10) != args[1] || strconv.FormatUint(uint64(s.PurgedIndex), 10) != args[2] {
		return fmt.Errorf("%v has a snapshot at %d and a log behind %d", n.ID, s.SnapshotIndex, s.PurgedIndex)
	}
	return nil
}

func (e *Environment) expectTransfers(args []string) error {
	var are []string
	for _, t := range e.transfers {
		are = append(are, fmt.Sprintf("%d->%d:%d", t.from, t.to, t.snapshot.Meta.Index))
	}
	if !slices.Equal(are, args) {
		return fmt.Errorf("there are %v", are)
	}
	return nil
}
