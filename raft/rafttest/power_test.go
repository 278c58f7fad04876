package rafttest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/wraft/wraft/raft"
)

// busy is a short life of a cluster: elections, writes, changes of configuration, a
// transfer, a snapshot, and a follower that is so far behind that it needs it.
var busy = []string{
	"log none", "cluster 3 spare 1", "limit retained 1", "boot",
	"elect 1", "propose 1 a", "propose 1 b", "deliver",
	"change 1 add-learner 4", "deliver", "tick 2", "change 1 promote 4", "deliver",
	"partition 3", "propose 1 c", "propose 1 d", "deliver", "snapshot 1", "propose 1 e", "deliver", "snapshot 2",
	"heal", "tick 4", "transfer 1 2", "deliver", "tick 2",
	"propose 2 f", "deliver", "change 2 remove 1", "deliver", "tick 4", "propose 2 g", "deliver",
}

// TestPowerFailsAtEveryWritePoint is N6: all nodes stop at once, before and after
// every single write of a busy life, and come back by themselves. What a client
// was told is there, and the cluster goes on.
func TestPowerFailsAtEveryWritePoint(t *testing.T) {
	for _, slow := range []bool{false, true} {
		points, acknowledged := 0, 0
		for at := 1; ; at++ {
			e, err := liveUntil(at, slow)
			if err == nil { // the life was over before
				livedFully(t, e)
				break
			}
			points++
			for _, keep := range []string{"lose-unsynced", "keep-unsynced"} {
				e, err := liveUntil(at, slow)
				if !errors.Is(err, errPowerFailed) {
					t.Fatalf("point %d: %v", at, err)
				}
				told := committedBefore(e)
				if err := comeBack(e, keep); err != nil {
					t.Fatalf("point %d, %s: %v", at, keep, err)
				}
				acknowledged += len(told)
				if err := holds(e, told); err != nil {
					t.Fatalf("point %d, %s: %v", at, keep, err)
				}
			}
		}
		if points < 60 || acknowledged < points {
			t.Errorf("only %d points with %d acknowledged proposals", points, acknowledged)
		}
		t.Logf("slow disks: %v, points=%d acknowledged=%d", slow, points, acknowledged)
	}
}

// liveUntil plays the life until the power fails at a write point.
func liveUntil(at int, slow bool) (*Environment, error) {
	e := NewEnvironment()
	e.powerAt, e.slowDisks = at, slow
	_, err := e.Run(busy)
	return e, err
}

// livedFully fails unless an undisturbed life came to what it is meant to.
func livedFully(t *testing.T, e *Environment) {
	t.Helper()
	if _, err := e.Run([]string{"expect-config 2 (n2 n3 n4)", "expect-outcome g committed"}); err != nil {
		t.Error(err)
	}
	if e.nodes[2].restores == 0 {
		t.Error("n3 needed no snapshot")
	}
}

// committedBefore returns where proposals were that clients were told to be
// committed.
func committedBefore(e *Environment) map[raft.Index]raft.Term {
	told := map[raft.Index]raft.Term{}
	for _, r := range e.outcomes {
		if r.Outcome == raft.OutcomeCommitted {
			told[r.Index] = r.Term
		}
	}
	return told
}

// comeBack takes all nodes down, starts them, and waits until they serve again.
func comeBack(e *Environment, keep string) error {
	e.powerAt, e.slowDisks, e.queue = 0, false, nil
	clear(e.cut)
	lines := []string{}
	for _, n := range e.nodes {
		lines = append(lines, fmt.Sprintf("crash %d %s", n.ID, keep))
	}
	for _, n := range e.nodes {
		lines = append(lines, fmt.Sprintf("restart %d", n.ID))
	}
	if _, err := e.Run(append(lines, "tick 60")); err != nil {
		return err
	}
	leader := slices.IndexFunc(e.nodes, func(n *Node) bool { return n.Core.Status().Role == raft.Leader })
	if leader < 0 {
		return errors.New("nobody leads")
	}
	_, err := e.Run([]string{fmt.Sprintf("propose %d again", leader+1), "tick 4", "expect-outcome again committed"})
	return err
}

// holds reports what a member has lost of what was told.
func holds(e *Environment, told map[raft.Index]raft.Term) error {
	for _, n := range e.nodes {
		s := n.Core.Status()
		if s.Role != raft.Leader {
			continue
		}
		for _, member := range s.Configuration.Configuration.Nodes() {
			m := e.nodes[member-1]
			for index, term := range told {
				if got := m.Core.Status().Applied; got < index {
					return fmt.Errorf("%v has applied %d, %d was acknowledged", member, got, index)
				}
				if entries := m.Disk.Entries(index, index+1); len(entries) == 1 && entries[0].Term != term {
					return fmt.Errorf("%v has another entry at %d", member, index)
				}
			}
		}
	}
	return nil
}
