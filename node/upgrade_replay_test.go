package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// scribe writes its module's name down with every command, so that its state tells
// which module ran which.
type scribe struct{ module, text string }

func (s *scribe) Apply(_ context.Context, _ plugins.Moment, commands [][]byte) (out []plugins.Result, _ error) {
	for _, c := range commands {
		s.text += fmt.Sprintf("%s:%s ", s.module, c)
		out = append(out, plugins.Result{})
	}
	return out, nil
}

func (s *scribe) Query(context.Context, []byte) (plugins.Result, error) {
	return plugins.Result{Data: []byte(s.text)}, nil
}

func (s *scribe) Export(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, s.text)
	return err
}

func (s *scribe) Import(_ context.Context, _ plugins.Moment, r io.Reader, _ uint32) error {
	text, err := io.ReadAll(r)
	s.text = string(text)
	return err
}

func (s *scribe) Version(context.Context) (uint32, error) { return 1, nil }
func (s *scribe) Clock() int64                            { return 0 }
func (s *scribe) Close(context.Context) error             { return nil }

// scribes opens artefacts, which are names.
type scribes struct{ MachineOpener }

func (scribes) Open(_ context.Context, artefact []byte, _ OpenConfig) (Machine, error) {
	return &scribe{module: string(artefact)}, nil
}

// names is a module store of names.
type names struct{ ModuleStore }

func (names) Get(d Digest) ([]byte, error) { return d[:1], nil }

// replayStore has one group's entries.
type replayStore struct {
	LogStore
	log logOf
}

func (s replayStore) Entries(g raft.GroupID, lo, hi raft.Index, bytesMax uint64) ([]raft.Entry, error) {
	return s.log.Entries(g, lo, hi, bytesMax)
}

// TestReplayBeginsWithTheRunOfTheLog: a machine that was upgraded is opened from a
// catalogue that knows it already, as after a snapshot of the meta group. Its log is
// played with the module that it begins with; the upgrades in it do the rest.
func TestReplayBeginsWithTheRunOfTheLog(t *testing.T) {
	run := func(name byte) MachineRun { return MachineRun{Module: Digest{name}, Artefact: Digest{name}} }
	a, b, c := run('a'), run('b'), run('c')
	var log logOf
	write := func(command Command) {
		log = append(log, entry(t, raft.Index(len(log)+1), 1, Batch{Commands: []Command{command}}))
	}
	upgrade := func(id DeployID, from, to MachineRun) {
		order, err := UpgradeCommand(UpgradeOrder{ID: id, From: from, To: to})
		if err != nil {
			t.Fatal(err)
		}
		write(order)
	}
	write(call1(0, 0, "one"))
	upgrade(1, a, b)
	write(call1(0, 0, "two"))
	upgrade(2, b, c)
	write(call1(0, 0, "three"))

	n, l, stop := oneGroup(t, log)
	defer stop()
	last := raft.Index(len(log))
	l.submit(ApplyWork{Range: raft.ApplyRange{First: 1, Last: last}})
	d := &deployLoop{node: n, in: newMailbox[func(*Deployer)](1), opening: make(chan struct{}, 1)}
	if err := d.openMachine(n.group(7), MachineRecord{Name: "scribe", Group: 7, Run: a, Active: ActiveRun{Run: c, Since: 4}}); err != nil {
		t.Fatal(err)
	}
	q := &queryCall{call: call{done: make(chan reply, 1)}}
	l.query(q, last)
	if r := <-q.done; r.err != nil || string(r.answer.Data) != "a:one b:two c:three " {
		t.Errorf("%+v, %q", r.err, r.answer.Data)
	}
	if r := l.running.Load(); r == nil || r.Run != c || r.Since != 4 {
		t.Errorf("%+v runs", r)
	}
}

// oneGroup is a node of one group, whose log is committed and whose core does
// nothing.
func oneGroup(t *testing.T, log logOf) (n *Node, l *applierLoop, stop func()) {
	quit := make(chan struct{})
	n = &Node{ctx: t.Context(), stop: quit, cfg: Config{Cluster: "test"}, log: slog.New(slog.DiscardHandler), clock: clock.System(),
		store: replayStore{log: log}, modules: names{}, opener: scribes{}}
	n.snapshots = newSnapshots(n, nil)
	n.catalogue.Store(&Catalogue{})
	shard := &shardLoop{in: newMailbox[shardInput](1 << 10)}
	l = newApplierLoop(n, 7, shard)
	n.groups = map[raft.GroupID]*group{7: {id: 7, shard: shard, applier: l, ctx: t.Context()}}
	var running sync.WaitGroup
	running.Go(l.run)
	running.Go(func() {
		core := NewShard(0)
		for {
			select {
			case <-quit:
				return
			case <-shard.in.wake:
			}
			for _, in := range shard.in.take(nil) {
				in(core)
			}
		}
	})
	return n, l, func() {
		close(quit)
		running.Wait()
	}
}
