package rafttest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// name gives a proposal or read its number.
func (e *Environment) name(name string) uint64 {
	if _, known := e.ids[name]; !known {
		e.ids[name] = uint64(len(e.ids) + 1)
	}
	return e.ids[name]
}

func (e *Environment) nodeArg(args []string, at int) (*Node, error) {
	id, err := number(args, at)
	if err != nil {
		return nil, err
	}
	return e.node(raft.NodeID(id))
}

func number(args []string, at int) (int, error) {
	if at >= len(args) {
		return 0, errors.New("an argument is missing")
	}
	return strconv.Atoi(args[at])
}

// onNode makes a command of something done to one running node.
func onNode(do func(*Environment, *Node) error) func(*Environment, []string) error {
	return func(e *Environment, args []string) error {
		n, err := e.nodeArg(args, 0)
		if err != nil {
			return err
		}
		if n.Core == nil {
			return fmt.Errorf("%v is down", n.ID)
		}
		return errors.Join(do(e, n), e.pump(n))
	}
}

// onLinks makes a command of something done to links.
func onLinks(do func(*Environment, link) error) func(*Environment, []string) error {
	return func(e *Environment, args []string) error {
		for _, arg := range args {
			l, err := parseLink(arg)
			if err != nil {
				return err
			}
			if err := do(e, l); err != nil {
				return err
			}
		}
		return nil
	}
}

func parseLink(arg string) (link, error) {
	a, b, ok := strings.Cut(arg, "->")
	from, err1 := strconv.ParseUint(a, 10, 32)
	to, err2 := strconv.ParseUint(b, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return link{}, fmt.Errorf("%q is no link", arg)
	}
	return link{raft.NodeID(from), raft.NodeID(to)}, nil
}

// runDeliver delivers everything, or what is on some links at the moment.
func (e *Environment) runDeliver(args []string) error {
	if len(args) == 0 {
		return e.settle()
	}
	return onLinks(func(e *Environment, l link) error {
		var kept, now []flight
		for _, f := range e.queue {
			if f.from == l.from && f.to == l.to {
				now = append(now, f)
			} else {
				kept = append(kept, f)
			}
		}
		e.queue = kept
		for _, f := range now {
			if err := e.deliver(f); err != nil {
				return err
			}
		}
		return nil
	})(e, args)
}

// step delivers the oldest message on a link.
func (e *Environment) step(l link) error {
	for i, f := range e.queue {
		if f.from == l.from && f.to == l.to {
			e.queue = append(e.queue[:i], e.queue[i+1:]...)
			return e.deliver(f)
		}
	}
	return fmt.Errorf("nothing is on %v", l)
}

// lose drops what is on a link now.
func (e *Environment) lose(l link) error {
	kept := e.queue[:0]
	for _, f := range e.queue {
		if f.from != l.from || f.to != l.to {
			kept = append(kept, f)
		}
	}
	e.queue = kept
	return nil
}

// repeat duplicates what is on a link now.
func (e *Environment) repeat(l link) error {
	for _, f := range e.queue {
		if f.from == l.from && f.to == l.to {
			e.queue = append(e.queue, f)
		}
	}
	return nil
}

// runInject delivers a message that a script spells out, also over a cut link.
func (e *Environment) runInject(args []string) error {
	if len(args) < 2 {
		return errors.New("a link and a kind are needed")
	}
	l, err := parseLink(args[0])
	if err != nil {
		return err
	}
	v := values{}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		if v[key], err = strconv.ParseUint(value, 10, 64); err != nil {
			return err
		}
	}
	m, err := v.message(args[1])
	if err != nil {
		return err
	}
	e.checker.MadeUp(m.MessageTerm())
	return e.receive(flight{l.from, l.to, m})
}

// values are the fields of an injected message.
type values map[string]uint64

func (v values) message(kind string) (raft.Message, error) {
	term := raft.Term(v["term"])
	last, lastTerm := raft.Index(v["last"]), raft.Term(v["last-term"])
	switch kind {
	case "Vote":
		return raft.Vote{
			Term: term, LastIndex: last, LastTerm: lastTerm, Transfer: v["transfer"] == 1,
			Gone: raft.NodeID(v["gone"]), GoneBoot: v["boot"],
		}, nil
	case "PreVote":
		return raft.PreVote{
			Term: term, LastIndex: last, LastTerm: lastTerm, Gone: raft.NodeID(v["gone"]), GoneBoot: v["boot"],
		}, nil
	case "VoteReply":
		return raft.VoteReply{Term: term, Granted: v["granted"] == 1, Reason: raft.RefusalReason(v["reason"])}, nil
	case "PreVoteReply":
		return raft.PreVoteReply{Term: term, Granted: v["granted"] == 1, Reason: raft.RefusalReason(v["reason"])}, nil
	case "Heartbeat":
		return raft.Heartbeat{Term: term, Commit: raft.Index(v["commit"]), Round: v["round"]}, nil
	case "HeartbeatReply":
		return raft.HeartbeatReply{
			Term: term, Round: v["round"], Promise: v["promise"] == 1, DiskSlow: v["disk-slow"] == 1, DiskFull: v["disk-full"] == 1,
		}, nil
	case "InstallSnapshot":
		return raft.InstallSnapshot{Term: term, Snapshot: raft.SnapshotMeta{
			Index: last, Term: lastTerm, ConfigIndex: raft.Index(v["config"]), Configuration: confchange.New(1, 2, 3),
		}}, nil
	case "Append":
		return v.append(term), nil
	}
	return nil, fmt.Errorf("cannot inject %q", kind)
}

// append builds an Append whose entries, all of one term, hold "late".
func (v values) append(term raft.Term) raft.Append {
	m := raft.Append{
		Term: term, PrevIndex: raft.Index(v["prev"]), PrevTerm: raft.Term(v["prev-term"]),
		Commit: raft.Index(v["commit"]),
	}
	for i := range v["entries"] {
		m.Entries = append(m.Entries, raft.Entry{
			Index: m.PrevIndex + 1 + raft.Index(i), Term: raft.Term(v["of-term"]),
			Type: raft.EntryCommand, Data: []byte("late"),
		})
	}
	return m
}
