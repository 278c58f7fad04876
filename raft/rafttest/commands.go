package rafttest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// command is one line of a script.
type command struct {
	usage string
	run   func(e *Environment, args []string) error
}

// commands are the verbs of scripts. The expect-... ones are in expect.go.
func commands() map[string]command {
	return map[string]command{
		"cluster":   {"cluster N [spare M]: N voters with empty disks, and M nodes that are no members", (*Environment).runCluster},
		"log-of":    {"log-of NODE T T ... [term=T]: put entries of these terms on a disk, before boot", (*Environment).runLogOf},
		"limit":     {"limit append|uncommitted|cache|learner-lag|inflight|retained|pinned BYTES: set a bound, before boot", (*Environment).runLimit},
		"boot":      {"boot: start all nodes", (*Environment).runBoot},
		"campaign":  {"campaign NODE", onNode(func(e *Environment, n *Node) error { n.Core.Campaign(); return nil })},
		"elect":     {"elect NODE: campaign and deliver everything", (*Environment).runElect},
		"propose":   {"propose NODE NAME [BYTES]: the name is the data, unless a size is given", (*Environment).runPropose},
		"read":      {"read NODE NAME [lease|local|bounded BEATS]: a linearizable read, or another one", (*Environment).runRead},
		"leases":    {"leases PER-MILLE: turn lease reads on, with a bound of clock drift, before boot", (*Environment).runLeases},
		"priority":  {"priority NODE N: before boot", (*Environment).runPriority},
		"gone":      {"gone NODE PEER BOOT: tell a node that a peer's process has ended", (*Environment).runGone},
		"runs":      {"runs NODE PEER BOOT: tell a node that a peer's process runs", (*Environment).runRuns},
		"change":    {"change NODE KIND NODE ... [expected INDEX] [as NAME]: ask for a change of configuration", (*Environment).runChange},
		"transfer":  {"transfer NODE NODE: ask the first to hand leadership to the second", (*Environment).runTransfer},
		"deliver":   {"deliver [A->B ...]: everything until the cluster is at rest, or what is on these links now", (*Environment).runDeliver},
		"step":      {"step A->B ...: the oldest message on these links", onLinks((*Environment).step)},
		"tick":      {"tick [NODE] N [quietly]: N heartbeats, delivering after each unless quietly", (*Environment).runTick},
		"cut":       {"cut A->B ...: lose everything on these links", onLinks(func(e *Environment, l link) error { e.cut[l] = true; return nil })},
		"mend":      {"mend A->B ...", onLinks(func(e *Environment, l link) error { delete(e.cut, l); return nil })},
		"partition": {"partition NODE ...: cut these nodes off from the others", (*Environment).runPartition},
		"heal":      {"heal: mend all links", func(e *Environment, _ []string) error { clear(e.cut); return nil }},
		"hold":      {"hold A->B ...: keep messages of these links back", onLinks(func(e *Environment, l link) error { e.held[l] = true; return nil })},
		"release":   {"release A->B ...", onLinks(func(e *Environment, l link) error { delete(e.held, l); return nil })},
		"lose":      {"lose A->B ...: drop what is on these links now", onLinks((*Environment).lose)},
		"repeat":    {"repeat A->B ...: duplicate what is on these links now", onLinks((*Environment).repeat)},
		"hold-disk": {"hold-disk NODE: its writes do not become durable", onNode(func(e *Environment, n *Node) error { e.heldDisk[n.ID] = true; return nil })},
		"sync-disk": {"sync-disk NODE: they do now, and from now on", onNode(func(e *Environment, n *Node) error { delete(e.heldDisk, n.ID); return nil })},
		"fail-disk": {"fail-disk NODE: a write fails", onNode(func(_ *Environment, n *Node) error {
			n.Fail(errors.New("input/output error"))
			return nil
		})},
		"fill-disk": {"fill-disk NODE: its disk takes no more commands", onNode(func(_ *Environment, n *Node) error { n.Core.DiskFull(true); return nil })},
		"free-disk": {"free-disk NODE: it does again", onNode(func(_ *Environment, n *Node) error { n.Core.DiskFull(false); return nil })},
		"path":      {"path NODE NODE RTT-MS [down]: tell the first what the way to the second is like", (*Environment).runPath},
		"crash":     {"crash NODE keep-unsynced|lose-unsynced", (*Environment).runCrash},
		"rot":       {"rot NODE N: a node that is down loses the newest N entries that were synced", (*Environment).runRot},
		"restart":   {"restart NODE", (*Environment).runRestart},
		"inject":    {"inject A->B KIND key=value ...: a message as if A had sent it", (*Environment).runInject},
		"log":       {"log all|events|none: what is shown", (*Environment).runLog},
		"status":    {"status: every node in one line", (*Environment).runStatus},
		"forget":    {"forget: start all counts anew", func(e *Environment, _ []string) error { clear(e.counts); return nil }},
	}
}

// Run executes the lines of one block and returns what they showed. An error
// names the line.
func (e *Environment) Run(lines []string) (string, error) {
	e.out.Reset()
	verbs := commands()
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		c, known := verbs[fields[0]]
		if !known {
			c, known = expectations()[fields[0]]
		}
		if !known {
			c, known = snapshotCommands()[fields[0]]
		}
		if !known {
			return e.out.String(), fmt.Errorf("%q: unknown command", line)
		}
		if err := c.run(e, fields[1:]); err != nil {
			return e.out.String(), fmt.Errorf("%q: %w (usage: %s)", line, err, c.usage)
		}
	}
	if e.out.Len() == 0 {
		return "ok\n", nil
	}
	return e.out.String(), nil
}

func (e *Environment) runCluster(args []string) error {
	count, err := number(args, 0)
	if err != nil {
		return err
	}
	var ids []raft.NodeID
	for id := range count {
		ids = append(ids, raft.NodeID(id+1))
	}
	configuration := confchange.New(ids...)
	e.checker = NewChecker(ids)
	if len(args) == 3 && args[1] == "spare" {
		spare, err := number(args, 2)
		if err != nil {
			return err
		}
		for range spare {
			ids = append(ids, raft.NodeID(len(ids)+1))
		}
	}
	for _, id := range ids {
		e.nodes = append(e.nodes, &Node{ID: id, Disk: NewDisk(configuration)})
	}
	return nil
}

func (e *Environment) runLogOf(args []string) error {
	n, err := e.nodeArg(args, 0)
	if err != nil {
		return err
	}
	state := raft.HardState{}
	var entries []raft.Entry
	for _, arg := range args[1:] {
		value, isTerm := strings.CutPrefix(arg, "term=")
		term, err := strconv.ParseUint(value, 10, 62)
		if err != nil {
			return err
		}
		state.Term = max(state.Term, raft.Term(term))
		if !isTerm {
			index := raft.Index(len(entries) + 1)
			entries = append(entries, raft.Entry{
				Index: index, Term: raft.Term(term), Type: raft.EntryCommand,
				Data: fmt.Appendf(nil, "%d:%d", index, term),
			})
		}
	}
	return n.Disk.Preload(state, entries)
}

func (e *Environment) runLimit(args []string) error {
	bytes, err := number(args, 1)
	if err != nil {
		return err
	}
	switch args[0] {
	case "append":
		e.cfg.AppendBytesMax = uint64(bytes)
	case "uncommitted":
		e.cfg.UncommittedBytesMax = uint64(bytes)
	case "learner-lag":
		e.cfg.LearnerLagBytesMax = uint64(bytes)
	case "inflight":
		e.cfg.InflightBytesMax = uint64(bytes)
	case "retained":
		e.cfg.RetainedBytesMax = uint64(bytes)
	case "pinned":
		e.cfg.PinnedBytesMax = uint64(bytes)
	case "cache":
		e.cfg.CacheBytesMax = uint64(bytes)
	default:
		return errors.New("unknown limit")
	}
	return nil
}

func (e *Environment) runBoot([]string) error {
	for _, n := range e.nodes {
		if err := e.start(n); err != nil {
			return err
		}
	}
	return nil
}

func (e *Environment) runElect(args []string) error {
	n, err := e.nodeArg(args, 0)
	if err != nil {
		return err
	}
	n.Core.Campaign()
	if err := e.pump(n); err != nil {
		return err
	}
	return e.settle()
}

func (e *Environment) runPropose(args []string) error {
	n, err := e.nodeArg(args, 0)
	if err != nil || len(args) < 2 {
		return errors.Join(err, errors.New("a name is needed"))
	}
	data := []byte(args[1])
	if len(args) > 2 {
		size, err := number(args, 2)
		if err != nil {
			return err
		}
		data = make([]byte, size)
	}
	n.Core.Propose(raft.Proposal{ID: raft.ProposalID(e.name(args[1])), Type: raft.EntryCommand, Data: data})
	return e.pump(n)
}

func (e *Environment) runTick(args []string) error {
	quietly := len(args) > 0 && args[len(args)-1] == "quietly"
	if quietly {
		args = args[:len(args)-1]
	}
	nodes := e.nodes
	if len(args) == 2 {
		n, err := e.nodeArg(args, 0)
		if err != nil {
			return err
		}
		nodes, args = []*Node{n}, args[1:]
	}
	beats, err := number(args, 0)
	if err != nil {
		return err
	}
	return e.tick(nodes, beats, !quietly)
}

func (e *Environment) runPartition(args []string) error {
	inside := map[raft.NodeID]bool{}
	for i := range args {
		n, err := e.nodeArg(args, i)
		if err != nil {
			return err
		}
		inside[n.ID] = true
	}
	for _, a := range e.nodes {
		for _, b := range e.nodes {
			if inside[a.ID] != inside[b.ID] {
				e.cut[link{a.ID, b.ID}] = true
			}
		}
	}
	return nil
}

func (e *Environment) runCrash(args []string) error {
	n, err := e.nodeArg(args, 0)
	if err != nil || len(args) < 2 {
		return errors.Join(err, errors.New("say what becomes of unsynced writes"))
	}
	switch args[1] {
	case "keep-unsynced":
		n.Crash(n.Disk.Pending())
	case "lose-unsynced":
		n.Crash(0)
	default:
		return errors.New("say what becomes of unsynced writes")
	}
	delete(e.heldDisk, n.ID)
	return e.checker.Check(n, e.nodes)
}

func (e *Environment) runRot(args []string) error {
	n, err := e.nodeArg(args, 0)
	if err != nil {
		return err
	}
	count, err := number(args, 1)
	if err == nil && n.Core != nil {
		err = errors.New("it is running")
	}
	if err != nil {
		return err
	}
	n.Disk.Rot(int(count))
	return nil
}

func (e *Environment) runRestart(args []string) error {
	n, err := e.nodeArg(args, 0)
	if err != nil {
		return err
	}
	return e.start(n)
}

func (e *Environment) runLog(args []string) error {
	what := strings.Join(args, " ")
	e.logEvents = what == "events" || what == "all"
	e.logMessages = what == "all"
	if what != "events" && what != "all" && what != "none" {
		return errors.New("unknown level")
	}
	return nil
}

func (e *Environment) runStatus([]string) error {
	for _, n := range e.nodes {
		if n.Core == nil {
			e.printf("  %v is down", n.ID)
			continue
		}
		s := n.Core.Status()
		e.printf("  %v %v t%d leader=%v commit=%d applied=%d log:%s",
			n.ID, s.Role, s.Term, s.Leader, s.Commit, s.Applied, DescribeEntries(n.Disk.memory.entries))
	}
	return nil
}
