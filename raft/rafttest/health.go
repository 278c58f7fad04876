package rafttest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/wraft/wraft/raft"
)

// describeHealth writes the events about disks and paths the way scripts show them.
func describeHealth(e raft.Event) string {
	switch e := e.(type) {
	case raft.DiskFailed:
		return fmt.Sprintf("disk failed: %v", e.Err)
	case raft.DiskSlow:
		return fmt.Sprintf("disk stalled since %v with %d writes on their way", e.Since, e.Writes)
	case raft.DiskRecovered:
		return fmt.Sprintf("disk works again, it stalled at %v", e.Since)
	case raft.FollowerDisk:
		if e.Slow {
			return fmt.Sprintf("hears that the disk of %v stalled", e.Peer)
		}
		return fmt.Sprintf("hears that the disk of %v works again", e.Peer)
	case raft.DiskRoom:
		if e.Full {
			return "has no room for commands"
		}
		return "has room for commands again"
	case raft.FollowerRoom:
		if e.Full {
			return fmt.Sprintf("hears that the disk of %v is full", e.Peer)
		}
		return fmt.Sprintf("hears that the disk of %v has room again", e.Peer)
	case raft.FollowerDamaged:
		if e.Damaged {
			return fmt.Sprintf("hears that the log of %v is damaged", e.Peer)
		}
		return fmt.Sprintf("hears that the log of %v is whole again", e.Peer)
	case raft.ReplicaHealed:
		return fmt.Sprintf("has a whole log again, up to %d", e.Last)
	case raft.ProgressStalled:
		return fmt.Sprintf("sees no progress of %v behind %d with %d bytes in %d appends on their way: probes",
			e.Peer, e.Match, e.InflightBytes, e.InflightAppends)
	case raft.RepliesDropped:
		return fmt.Sprintf("drops messages, %d wait for the disk", e.Waiting)
	}
	return fmt.Sprintf("%T", e)
}

// runPath tells a node about the way to another.
func (e *Environment) runPath(args []string) error {
	n, err := e.running(args)
	if err != nil {
		return err
	}
	to, err1 := number(args, 1)
	rtt, err2 := number(args, 2)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	n.Core.PeerStats(raft.NodeID(to), raft.PathStats{
		RTT: time.Duration(rtt) * time.Millisecond, Up: !slices.Contains(args, "down"),
	})
	return e.pump(n)
}

// follower returns what a leader knows of a follower.
func follower(n *Node, id string) (raft.FollowerStatus, error) {
	for _, f := range n.Core.Status().Followers {
		if strconv.FormatUint(uint64(f.ID), 10) == id {
			return f, nil
		}
	}
	return raft.FollowerStatus{}, fmt.Errorf("n%s does not follow %v", id, n.ID)
}

func (e *Environment) expectAtMost(args []string) error {
	n, err := e.running(args)
	if err != nil || len(args) < 3 {
		return errors.Join(err, errors.New("a node, a memory and a bound are needed"))
	}
	most, err := number(args, 2)
	if err != nil {
		return err
	}
	s := n.Core.Status()
	got := s.CacheBytes
	switch args[1] {
	case "cache":
	case "uncommitted":
		got = s.UncommittedBytes
	case "inflight":
		if len(args) < 4 {
			return errors.New("of which follower?")
		}
		f, err := follower(n, args[3])
		if err != nil {
			return err
		}
		got = f.InflightBytes
	default:
		return errors.New("unknown memory")
	}
	if got > uint64(most) {
		return fmt.Errorf("it is %d", got)
	}
	return nil
}

func (e *Environment) expectDisk(args []string) error {
	n, err := e.running(args)
	if err != nil || len(args) < 2 {
		return errors.Join(err, errors.New("a node and a word are needed"))
	}
	slow := n.Core.Status().DiskSlow
	if len(args) > 2 {
		f, err := follower(n, args[2])
		if err != nil {
			return err
		}
		slow = f.DiskSlow
	}
	got := "works"
	if slow {
		got = "slow"
	}
	if got != args[1] {
		return fmt.Errorf("it is %s", got)
	}
	return nil
}
