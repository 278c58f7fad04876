package rafttest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wraft/wraft/raft"
)

// expectations are the commands that state what must have happened.
func expectations() map[string]command {
	return map[string]command{
		"expect-leader":   {"expect-leader NODE|none [TERM]: who leads the newest term led", (*Environment).expectLeader},
		"expect-role":     {"expect-role NODE ROLE", (*Environment).expectRole},
		"expect-term":     {"expect-term NODE TERM", expectNumber("term", func(n *Node) uint64 { return uint64(n.Core.Status().Term) })},
		"expect-commit":   {"expect-commit NODE INDEX", expectNumber("commit index", func(n *Node) uint64 { return uint64(n.Core.Status().Commit) })},
		"expect-applied":  {"expect-applied NODE INDEX", expectNumber("applied index", func(n *Node) uint64 { return uint64(len(n.Applied)) })},
		"expect-vote":     {"expect-vote NODE NODE", expectNumber("vote", func(n *Node) uint64 { return uint64(n.Core.Status().Vote) })},
		"expect-log":      {"expect-log NODE T T ...: the terms of its entries", (*Environment).expectLog},
		"expect-same":     {"expect-same: all running nodes have one log, committed and applied to its end", (*Environment).expectSame},
		"expect-outcome":  {"expect-outcome NAME committed|dropped|unknown|pending [WORDS]: of a proposal", (*Environment).expectOutcome},
		"expect-read":     {"expect-read NAME INDEX|pending|refused", (*Environment).expectRead},
		"expect-lease":    {"expect-lease NODE yes|no: whether it may answer lease reads", (*Environment).expectLease},
		"expect-count":    {"expect-count MIN-MAX WHAT: of events or messages since forget", (*Environment).expectCount},
		"expect-config":   {"expect-config NODE VOTERS [learners (...)]: the configuration in force there", (*Environment).expectConfig},
		"expect-at-most":  {"expect-at-most NODE cache|uncommitted|inflight BYTES [FOLLOWER]: what a node keeps in memory", (*Environment).expectAtMost},
		"expect-disk":     {"expect-disk NODE slow|works [OF]: what a node says of its disk, or of a follower's", (*Environment).expectDisk},
		"expect-progress": {"expect-progress LEADER FOLLOWER STATE MATCH", (*Environment).expectProgress},
	}
}

func (e *Environment) expectLeader(args []string) error {
	leader, term := raft.NodeID(0), raft.Term(0)
	for _, n := range e.nodes {
		if n.Core == nil {
			continue
		}
		if s := n.Core.Status(); s.Role == raft.Leader && s.Term > term {
			leader, term = n.ID, s.Term
		}
	}
	if len(args) == 0 {
		return errors.New("who?")
	}
	want := "none"
	if leader != 0 {
		want = strconv.FormatUint(uint64(leader), 10)
	}
	if args[0] != want {
		return fmt.Errorf("the leader is %s in term %d", want, term)
	}
	if len(args) > 1 && args[1] != strconv.FormatUint(uint64(term), 10) {
		return fmt.Errorf("%v leads term %d", leader, term)
	}
	return nil
}

// running returns the node an expectation is about.
func (e *Environment) running(args []string) (*Node, error) {
	n, err := e.nodeArg(args, 0)
	if err == nil && n.Core == nil {
		err = fmt.Errorf("%v is down", n.ID)
	}
	return n, err
}

func (e *Environment) expectRole(args []string) error {
	n, err := e.running(args)
	if err != nil {
		return err
	}
	if got := n.Core.Status().Role.String(); len(args) < 2 || got != args[1] {
		return fmt.Errorf("%v is %s", n.ID, got)
	}
	return nil
}

// expectNumber makes a command that compares one number of a node.
func expectNumber(what string, of func(*Node) uint64) func(*Environment, []string) error {
	return func(e *Environment, args []string) error {
		n, err := e.running(args)
		if err != nil {
			return err
		}
		want, err := number(args, 1)
		if err != nil {
			return err
		}
		if got := of(n); got != uint64(want) {
			return fmt.Errorf("%v has %s %d", n.ID, what, got)
		}
		return nil
	}
}

func (e *Environment) expectLog(args []string) error {
	n, err := e.running(args)
	if err != nil {
		return err
	}
	var terms []string
	for _, entry := range n.Disk.memory.entries { // what is purged is not among them
		terms = append(terms, strconv.FormatUint(uint64(entry.Term), 10))
	}
	if !slices.Equal(terms, args[1:]) {
		return fmt.Errorf("%v has %s", n.ID, strings.Join(terms, " "))
	}
	return nil
}

func (e *Environment) expectSame([]string) error {
	var first *Node
	for _, n := range e.nodes {
		if n.Core == nil {
			continue
		}
		s := n.Core.Status()
		if s.Commit != s.LastIndex || raft.Index(len(n.Applied)) != s.LastIndex {
			return fmt.Errorf("%v has %d entries, committed up to %d and applied %d", n.ID, s.LastIndex, s.Commit, len(n.Applied))
		}
		if first == nil {
			first = n
		}
		ours, _ := first.Disk.memory.at(first.Disk.memory.last())
		theirs, _ := n.Disk.memory.at(n.Disk.memory.last())
		if ours != theirs {
			return fmt.Errorf("%v and %v have different logs", first.ID, n.ID)
		}
	}
	if first == nil {
		return errors.New("no node runs")
	}
	return nil
}

func (e *Environment) expectOutcome(args []string) error {
	if len(args) < 2 {
		return errors.New("a name and an outcome are needed")
	}
	r, settled := e.outcomes[e.name(args[0])]
	got := "pending"
	if settled {
		got = r.Outcome.String()
	}
	if got != args[1] {
		return fmt.Errorf("it is %s: %+v", got, r)
	}
	if words := strings.Join(args[2:], " "); words != "" && !strings.Contains(fmt.Sprint(r.Err), words) {
		return fmt.Errorf("it is %s because of %v", got, r.Err)
	}
	return nil
}

func (e *Environment) expectRead(args []string) error {
	if len(args) < 2 {
		return errors.New("a name and an answer are needed")
	}
	got := "pending"
	r, answered := e.answers[e.name(args[0])]
	switch {
	case answered && r.Err != nil:
		got = "refused"
	case answered:
		got = strconv.FormatUint(uint64(r.Index), 10)
	}
	if got != args[1] {
		return fmt.Errorf("the answer is %s: %v", got, r.Err)
	}
	return nil
}

func (e *Environment) expectCount(args []string) error {
	if len(args) < 2 {
		return errors.New("a range and a name are needed")
	}
	low, high, _ := strings.Cut(args[0], "-")
	least, err1 := strconv.Atoi(low)
	most, err2 := strconv.Atoi(high)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	what := strings.Join(args[1:], " ")
	if got := e.counts[what]; got < least || got > most {
		return fmt.Errorf("counted %d", got)
	}
	return nil
}

func (e *Environment) expectProgress(args []string) error {
	n, err := e.running(args)
	if err != nil || len(args) < 4 {
		return errors.Join(err, errors.New("leader, follower, state and match are needed"))
	}
	for _, f := range n.Core.Status().Followers {
		if strconv.FormatUint(uint64(f.ID), 10) != args[1] {
			continue
		}
		if got := fmt.Sprintf("%s %d", f.State, f.Match); got != args[2]+" "+args[3] {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	}
	return fmt.Errorf("%v does not follow %v", args[1], n.ID)
}
