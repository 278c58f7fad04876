package rafttest

import (
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
)

// question is a read under way.
type question struct {
	mode  raft.ReadMode
	known raft.Index // committed anywhere when it began
}

// runRead reads in one of the modes.
func (e *Environment) runRead(args []string) error {
	n, err := e.running(args)
	if err != nil || len(args) < 2 {
		return errors.Join(err, errors.New("a name is needed"))
	}
	r := raft.ReadRequest{ID: raft.ReadID(e.name(args[1]))}
	switch {
	case len(args) == 2:
	case args[2] == "lease":
		r.Mode = raft.ReadLease
	case args[2] == "local":
		r.Mode = raft.ReadLocal
	case args[2] == "bounded":
		beats, err := number(args, 3)
		if err != nil {
			return err
		}
		r.Mode, r.MaxStaleness = raft.ReadBounded, time.Duration(beats)*beat
	default:
		return errors.New("unknown mode")
	}
	e.asked[uint64(r.ID)] = question{mode: r.Mode, known: e.checker.Committed()}
	n.Core.Read(r)
	return e.pump(n)
}

// answer takes an answer in. One that misses what was committed before its read
// began is shown: whether that is wrong is for the script to say.
func (e *Environment) answer(n *Node, r raft.ReadReady) {
	q := e.asked[uint64(r.ID)]
	delete(e.asked, uint64(r.ID))
	e.answers[uint64(r.ID)] = r
	fresh := q.mode == raft.ReadLinearizable || q.mode == raft.ReadLease
	if r.Err == nil && fresh && r.Index < q.known {
		e.counts["stale reads"]++
		e.printf("  %v answers a stale read with %d: %d was committed before it began", n.ID, r.Index, q.known)
	}
}

func (e *Environment) runLeases(args []string) error {
	drift, err := number(args, 0)
	e.cfg.LeaseReads, e.cfg.ClockDriftPerMilleMax = true, uint64(drift)
	return err
}

func (e *Environment) runPriority(args []string) error {
	n, err := e.nodeArg(args, 0)
	if err != nil {
		return err
	}
	e.priority[n.ID], err = number(args, 1)
	return err
}

// peerArgs reads a running node, a peer and the number of a process.
func (e *Environment) peerArgs(args []string) (n *Node, peer raft.NodeID, boot uint64, err error) {
	n, err1 := e.running(args)
	id, err2 := number(args, 1)
	of, err3 := number(args, 2)
	return n, raft.NodeID(id), uint64(of), errors.Join(err1, err2, err3)
}

func (e *Environment) runGone(args []string) error {
	n, peer, boot, err := e.peerArgs(args)
	if err != nil {
		return err
	}
	n.Core.PeerGone(peer, boot)
	return e.pump(n)
}

func (e *Environment) runRuns(args []string) error {
	n, peer, boot, err := e.peerArgs(args)
	if err != nil {
		return err
	}
	n.Core.PeerRuns(peer, boot)
	return e.pump(n)
}

func (e *Environment) expectLease(args []string) error {
	n, err := e.running(args)
	if err != nil || len(args) < 2 {
		return errors.Join(err, errors.New("yes or no?"))
	}
	until := n.Core.Status().LeaseUntil
	got := "no"
	if e.clocks[n.ID] < until {
		got = "yes"
	}
	if got != args[1] {
		return fmt.Errorf("it is %v at %v, the lease ends at %v", got, e.clocks[n.ID], until)
	}
	return nil
}
