package nodetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// fragile is an adder that names its state and can be damaged.
type fragile struct {
	mu sync.Mutex // guards the rest
	adder
	damage error  // returned by the next Apply
	drift  uint64 // added with every command, as by a machine that is not deterministic
}

func (f *fragile) Apply(ctx context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.damage; err != nil {
		f.damage = nil
		return nil, err
	}
	f.sum += f.drift
	return f.adder.Apply(ctx, at, commands)
}

func (f *fragile) Query(ctx context.Context, q []byte) (plugins.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.adder.Query(ctx, q)
}

func (f *fragile) StateHash() (plugins.StateHash, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.adder.StateHash()
}

func (f *fragile) Export(ctx context.Context, w io.Writer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.adder.Export(ctx, w)
}

func (f *fragile) Import(ctx context.Context, at plugins.Moment, r io.Reader, from uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.adder.Import(ctx, at, r, from)
}

func (f *fragile) change(do func(*fragile)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

// fragiles opens every module as a fragile machine and remembers whose it is.
type fragiles struct {
	mu    sync.Mutex // guards the rest
	by    map[raft.NodeID]*fragile
	drift map[raft.NodeID]uint64 // of those opened from now on
}

// of is what a node runs.
func (f *fragiles) of(id raft.NodeID) *fragile {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by[id]
}

// at is the opener of one node.
func (f *fragiles) at(id raft.NodeID) node.MachineOpener { return fragilesAt{all: f, id: id} }

type fragilesAt struct {
	adders
	all *fragiles
	id  raft.NodeID
}

func (f fragilesAt) Open(context.Context, []byte, node.OpenConfig) (node.Machine, error) {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	m := &fragile{drift: f.all.drift[f.id]}
	f.all.by[f.id] = m
	return m, nil
}

// Restore implements node.MachineRestorer.
func (f fragilesAt) Restore(ctx context.Context, artefact []byte, o node.OpenConfig, parts ...io.Reader) (node.Machine, error) {
	m, err := f.adders.Restore(ctx, artefact, o, parts...)
	if err != nil {
		return nil, err
	}
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	out := &fragile{adder: *m.(*adder), drift: f.all.drift[f.id]}
	f.all.by[f.id] = out
	return out, nil
}

// Record implements node.Recorder.
func (f *fragile) Record() (node.Recorded, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.adder.Record()
}

// inFragileBubble runs a scenario on a cluster of fragile machines.
func inFragileBubble(t *testing.T, drift map[raft.NodeID]uint64, scenario func(ctx context.Context, b *bubble, machines *fragiles)) {
	inTunedFragileBubble(t, drift, nil, node.SnapshotDefault, scenario)
}

func inTunedFragileBubble(t *testing.T, drift map[raft.NodeID]uint64, tune func(*node.Config), mode node.SnapshotMode, scenario func(ctx context.Context, b *bubble, machines *fragiles)) {
	synctest.Test(t, func(t *testing.T) {
		machines := &fragiles{by: map[raft.NodeID]*fragile{}, drift: drift}
		b := newBubbleOf(t, machines.at, tune)
		b.mode = mode
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		scenario(ctx, b, machines)
	})
}

// add has n commands carried out, by whatever node, and returns the longest that
// one took.
func (b *bubble) add(ctx context.Context, n int) (longest time.Duration) {
	b.t.Helper()
	for range n {
		began := time.Now()
		for {
			at := b.leader(2)
			if at == 0 {
				at = 1
			}
			try, cancel := context.WithTimeout(ctx, 2*time.Second)
			_, err := b.nodes[at].node.Call(try, "adder", node.Call{Data: []byte{1}, Forward: true})
			cancel()
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				b.t.Fatalf("a command was never carried out: %v", err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		longest = max(longest, time.Since(began))
	}
	return longest
}

func (b *bubble) info(ctx context.Context, id raft.NodeID) node.GroupInfo {
	b.t.Helper()
	info, err := b.nodes[id].node.Group(ctx, 2, "adder")
	if err != nil {
		b.t.Fatal(err)
	}
	return info
}

// sums are what the replicas have, once all have applied what is committed.
func (b *bubble) sums(ctx context.Context) map[raft.NodeID]uint64 {
	b.t.Helper()
	out := map[raft.NodeID]uint64{}
	for id, n := range b.nodes {
		for {
			r, err := n.node.Ask(ctx, "adder", node.Ask{Forward: true})
			if err == nil {
				out[id] = binary.BigEndian.Uint64(r.Data)
				break
			}
			if ctx.Err() != nil {
				b.t.Fatalf("node %v never answered: %v", id, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return out
}

func TestDivergedReplicaIsRebuilt(t *testing.T) {
	for _, who := range []string{"the leader", "a follower"} {
		t.Run(who, func(t *testing.T) {
			inFragileBubble(t, nil, func(ctx context.Context, b *bubble, machines *fragiles) {
				b.add(ctx, 50)
				victim := b.leader(2)
				if who == "a follower" {
					victim = victim%3 + 1
				}
				machines.of(victim).change(func(f *fragile) { f.sum += 1000 })
				longest := b.add(ctx, node.CheckEvery+20)
				if longest > 10*time.Second {
					t.Errorf("a command took %v", longest)
				}
				time.Sleep(5 * time.Second) // virtual: the replica replays its log
				for id, sum := range b.sums(ctx) {
					if sum < 50+node.CheckEvery+20 || sum >= 1000 {
						t.Errorf("node %v has %d", id, sum)
					}
					rebuilt := b.info(ctx, id).Rebuilt
					if want := uint64(0); id == victim && rebuilt != 1 || id != victim && rebuilt != want {
						t.Errorf("node %v was rebuilt %d times, the victim is %v", id, rebuilt, victim)
					}
				}
				if b.leader(2) == victim {
					t.Error("the victim leads")
				}
				b.add(ctx, 2*node.CheckEvery) // and agrees from now on
				if n := b.info(ctx, victim).Rebuilt; n != 1 {
					t.Errorf("rebuilt %d times", n)
				}
			})
		})
	}
}

// TestDivergedReplicaDistrustsItsSnapshots: a replica whose state is wrong has written
// that down, and cut its log, before the replicas compare. It must not begin from that
// again, now or after a restart.
func TestDivergedReplicaDistrustsItsSnapshots(t *testing.T) {
	inBothModes(t, divergedReplicaDistrustsItsSnapshots)
}

func divergedReplicaDistrustsItsSnapshots(t *testing.T, mode node.SnapshotMode) {
	inTunedFragileBubble(t, nil, hasty, mode, func(ctx context.Context, b *bubble, machines *fragiles) {
		b.add(ctx, 50)
		victim := b.follower(2)
		machines.of(victim).change(func(f *fragile) { f.sum += 1000 })
		b.add(ctx, node.CheckEvery+20)
		b.eventually(ctx, "it is rebuilt", func() bool { return b.info(ctx, victim).Rebuilt == 1 })
		s := b.nodes[victim].node.SnapshotStats()
		if s.Damaged == 0 || s.ReceivedBytes == 0 {
			t.Errorf("%+v: it has put nothing away, or got nothing from a peer", s)
		}
		b.boot(victim, b.crash(victim))
		b.add(ctx, node.CheckEvery)
		sums := b.sums(ctx)
		for id, sum := range sums {
			if sum != sums[victim] || sum >= 1000 {
				t.Errorf("node %v has %d, the victim %d", id, sum, sums[victim])
			}
		}
		if n := b.info(ctx, victim).Rebuilt; n != 0 {
			t.Errorf("rebuilt %d times after the restart", n)
		}
	})
}

func TestDamagedReplicaIsRebuilt(t *testing.T) {
	inFragileBubble(t, nil, func(ctx context.Context, b *bubble, machines *fragiles) {
		b.add(ctx, 30)
		victim := b.leader(2)
		machines.of(victim).change(func(f *fragile) { f.damage = fmt.Errorf("%w: of a test", plugins.ErrDamaged) })
		b.add(ctx, 30)
		time.Sleep(5 * time.Second)
		sums := b.sums(ctx)
		for id, sum := range sums {
			if sum != sums[victim] || sum < 60 || sum > 62 { // one may have been repeated
				t.Errorf("node %v has %d, the victim %d", id, sum, sums[victim])
			}
		}
		if n := b.info(ctx, victim).Rebuilt; n != 1 {
			t.Errorf("rebuilt %d times", n)
		}
	})
}

func TestReplicaThatDivergesAgainAndAgainStops(t *testing.T) {
	inFragileBubble(t, map[raft.NodeID]uint64{2: 1}, func(ctx context.Context, b *bubble, _ *fragiles) {
		b.add(ctx, 2*node.CheckEvery)
		time.Sleep(time.Minute)
		info := b.info(ctx, 2)
		var diverged *node.DivergedError
		if info.Phase != node.PhaseFailed || !errors.As(info.Cause, &diverged) || !diverged.Alone {
			t.Errorf("phase %v, cause %v", info.Phase, info.Cause)
		}
		if info.Rebuilt != 3 {
			t.Errorf("rebuilt %d times", info.Rebuilt)
		}
		if info.Status.Role == raft.Leader {
			t.Error("it leads")
		}
		// The others go on, and lead.
		b.add(ctx, 20)
		if leader := b.leader(2); leader == 2 {
			t.Error("the replica that stopped leads")
		}
		for _, id := range []raft.NodeID{1, 3} {
			if info := b.info(ctx, id); info.Phase != node.PhaseRunning || info.Rebuilt != 0 {
				t.Errorf("node %v: phase %v, rebuilt %d times", id, info.Phase, info.Rebuilt)
			}
		}
	})
}

func TestWithoutAMajorityForAnyStateTheMachineStops(t *testing.T) {
	inFragileBubble(t, map[raft.NodeID]uint64{2: 1, 3: 2}, func(ctx context.Context, b *bubble, _ *fragiles) {
		b.add(ctx, node.CheckEvery-10)
		try, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		for try.Err() == nil { // until the check
			_, _ = b.nodes[1].node.Call(try, "adder", node.Call{Data: []byte{1}, Forward: true})
		}
		for id := range b.nodes {
			info := b.info(ctx, id)
			var diverged *node.DivergedError
			if info.Phase != node.PhaseFailed || !errors.As(info.Cause, &diverged) || diverged.Alone || diverged.Index%node.CheckEvery != 0 {
				t.Errorf("node %v: phase %v, cause %v", id, info.Phase, info.Cause)
			}
		}
	})
}
