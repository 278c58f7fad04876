package nodetest_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

const (
	stallDeadline   = 5 * time.Second // node.Config.DiskStallTimeout
	electionTimeout = time.Second     // node.Config.ElectionTimeout
)

// trouble decides what becomes of an operation on a disk: it may take its time, or fail.
type trouble func(op errorfs.Op) error

// troubles are those of the nodes; who has none has a disk that works.
type troubles struct {
	mu sync.Mutex // guards of; not held while one takes its time
	of map[raft.NodeID]trouble
}

func (s *troubles) set(id raft.NodeID, t trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[id] = t
}

func (s *troubles) meet(id raft.NodeID, op errorfs.Op) error {
	s.mu.Lock()
	t := s.of[id]
	s.mu.Unlock()
	if t == nil {
		return nil
	}
	return t(op)
}

// inTroubledBubbles runs a cluster with a machine that adds, on disks that may have troubles:
// where a log keeps everything, and in both modes with snapshots all the time and next to
// nothing of the log.
func inTroubledBubbles(t *testing.T, test func(ctx context.Context, t *testing.T, b *bubble, disks *troubles)) {
	t.Run("log", func(t *testing.T) { inTroubledBubble(t, node.SnapshotDefault, nil, test) })
	inBothModes(t, func(t *testing.T, mode node.SnapshotMode) {
		inTroubledBubble(t, mode, hasty, func(ctx context.Context, t *testing.T, b *bubble, disks *troubles) {
			test(ctx, t, b, disks)
			for id := raft.NodeID(1); id <= 3; id++ {
				b.eventually(ctx, "a snapshot of every node", func() bool { return len(b.files(id)) > 0 })
			}
		})
	})
}

func inTroubledBubble(t *testing.T, mode node.SnapshotMode, tune func(*node.Config), test func(ctx context.Context, t *testing.T, b *bubble, disks *troubles)) {
	synctest.Test(t, func(t *testing.T) {
		disks := &troubles{of: map[raft.NodeID]trouble{}}
		b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{ballast: 20 << 10} }, tune)
		b.mode = mode
		b.watch = func(id raft.NodeID, mem *vfs.MemFS) vfs.FS {
			return errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error { return disks.meet(id, op) }))
		}
		b.bootAll()
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		test(ctx, t, b, disks)
	})
}

// isSync reports whether an operation makes something durable.
func isSync(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
}

// stallsUntil is a disk on which nothing is written before end.
func stallsUntil(end time.Time) trouble {
	return func(op errorfs.Op) error {
		if isSync(op) || op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileWriteAt {
			time.Sleep(time.Until(end)) // virtual
		}
		return nil
	}
}

// takes is a disk every sync of which takes that long.
func takes(long time.Duration) trouble {
	return func(op errorfs.Op) error {
		if isSync(op) {
			time.Sleep(long) // virtual
		}
		return nil
	}
}

// pace writes one by one for as long as it is wanted, and returns how many commands were
// acknowledged and the longest one took.
func (b *bubble) pace(ctx context.Context, l *loader, session node.SessionID, lasts time.Duration) (longest time.Duration, err error) {
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		began := time.Now()
		if err := l.write(ctx, b, session, l.acked+1, 1); err != nil {
			return longest, err
		}
		longest = max(longest, time.Since(began))
		time.Sleep(20 * time.Millisecond) // virtual
	}
	return longest, nil
}

// TestADiskThatStalls lets a disk stand still for 30 s. On the leader: another one leads
// within the deadline and three election timeouts. On a follower: nobody else notices. It
// takes part again by itself, and nothing is lost.
func TestADiskThatStalls(t *testing.T) {
	for name, test := range map[string]struct {
		victim func(leader raft.NodeID) raft.NodeID
		most   time.Duration // that a command takes
	}{
		"the leader's": {func(l raft.NodeID) raft.NodeID { return l }, stallDeadline + 3*electionTimeout},
		"a follower's": {func(l raft.NodeID) raft.NodeID { return l%3 + 1 }, electionTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			inTroubledBubbles(t, func(ctx context.Context, t *testing.T, b *bubble, disks *troubles) {
				l := &loader{}
				session, err := b.nodes[1].node.OpenSession(ctx, "adder")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := b.pace(ctx, l, session, time.Second); err != nil {
					t.Fatal(err)
				}
				leader := b.leader(2)
				victim := test.victim(leader)
				disks.set(victim, stallsUntil(time.Now().Add(30*time.Second)))
				longest, err := b.pace(ctx, l, session, 25*time.Second)
				if err != nil || longest > test.most {
					t.Errorf("the longest command took %v, at most %v are allowed: %v", longest, test.most, err)
				}
				if now := b.leader(2); (now == leader) == (victim == leader) {
					t.Errorf("%v led, the disk of %v stalls, %v leads", leader, victim, now)
				}
				b.expectStalled(ctx, victim, victim, true)
				if victim != leader { // one that has a new term to write is silent until then
					b.expectStalled(ctx, leader, victim, true)
				}
				time.Sleep(10 * time.Second) // virtual: the disk works again
				b.expectStalled(ctx, victim, victim, false)
				b.expectStalled(ctx, b.leader(2), victim, false)
				if longest, err := b.pace(ctx, l, session, 5*time.Second); err != nil || longest > electionTimeout {
					t.Errorf("afterwards the longest command took %v: %v", longest, err)
				}
				for id := raft.NodeID(1); id <= 3; id++ {
					b.expectSum(ctx, id, l.acked)
				}
			})
		})
	}
}

// expectStalled checks what one node says of the disk of another, or of its own.
func (b *bubble) expectStalled(ctx context.Context, at, of raft.NodeID, want bool) {
	b.t.Helper()
	disks, err := b.nodes[at].node.Disks(ctx)
	if err != nil || disks[of].Stalled != want {
		b.t.Errorf("%v says of the disk of %v: stalled is %v, %v", at, of, disks[of].Stalled, err)
	}
}

// TestADiskThatIsAlwaysTooSlow: a node each of whose syncs takes longer than the deadline
// does not take leadership again and again.
func TestADiskThatIsAlwaysTooSlow(t *testing.T) {
	inTroubledBubbles(t, func(ctx context.Context, t *testing.T, b *bubble, disks *troubles) {
		l := &loader{}
		session, err := b.nodes[1].node.OpenSession(ctx, "adder")
		if err != nil {
			t.Fatal(err)
		}
		slow := b.leader(2)
		disks.set(slow, takes(stallDeadline+time.Second))
		if _, err := b.pace(ctx, l, session, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		terms := b.term(ctx)
		if _, err := b.pace(ctx, l, session, 3*time.Minute); err != nil {
			t.Fatal(err)
		}
		if now := b.term(ctx); b.leader(2) == slow || now != terms {
			t.Errorf("%v leads, and it was term %d and is term %d", b.leader(2), terms, now)
		}
		disks.set(slow, nil)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectSum(ctx, id, l.acked)
		}
	})
}

// term is the machine's group's.
func (b *bubble) term(ctx context.Context) raft.Term {
	b.t.Helper()
	info, err := b.nodes[b.leader(2)].node.Group(ctx, 2, "adder")
	if err != nil {
		b.t.Fatal(err)
	}
	return info.Status.Term
}

// failures are what was said by nodes whose disk failed.
type failures struct {
	mu   sync.Mutex // guards said
	said map[raft.NodeID]error
}

func (f *failures) of(id raft.NodeID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.said[id]
}

// TestASyncThatFails lets one sync of one file of the leader fail: the node says so and is
// out, whatever the disk does afterwards, the others go on, and with a disk that works it
// comes back and has everything.
func TestASyncThatFails(t *testing.T) {
	upload := func(ctx context.Context, n *node.Node) {
		module := []byte("another module")
		_, _, _ = n.PutModule(ctx, node.DigestOf(module), bytes.NewReader(module)) // it may end before the answer
	}
	snapshot := func(ctx context.Context, n *node.Node) {
		_, _ = n.TakeSnapshot(ctx, 2) // likewise
	}
	for name, test := range map[string]struct {
		file string // part of the path
		do   func(context.Context, *node.Node)
	}{
		"the log's":    {".log", func(context.Context, *node.Node) {}},
		"the mark's":   {"data/mark", func(context.Context, *node.Node) {}},
		"a module's":   {"data/modules/", upload},
		"a snapshot's": {"data/snapshots/", snapshot},
	} {
		t.Run(name, func(t *testing.T) {
			inTroubledBubbles(t, func(ctx context.Context, t *testing.T, b *bubble, disks *troubles) {
				failed := &failures{said: map[raft.NodeID]error{}}
				b.options = func(id raft.NodeID, o *storage.Options) {
					o.Fatal = func(err error) {
						failed.mu.Lock()
						failed.said[id] = err
						failed.mu.Unlock()
					}
				}
				for id := raft.NodeID(1); id <= 3; id++ {
					b.boot(id, b.crash(id))
				}
				l := &loader{}
				session := b.session(ctx)
				victim := b.leader(2)
				var once atomic.Bool
				disks.set(victim, func(op errorfs.Op) error {
					if isSync(op) && strings.Contains(op.Path, test.file) && once.CompareAndSwap(false, true) {
						return &fs.PathError{Op: "sync", Path: op.Path, Err: syscall.EIO}
					}
					return nil
				})
				n := b.nodes[victim]
				try, cancel := context.WithTimeout(ctx, time.Second)
				test.do(try, n.node)
				cancel()
				if _, err := b.pace(ctx, l, session, time.Second); err != nil {
					t.Fatal(err)
				}
				err := failed.of(victim)
				if !errors.Is(err, syscall.EIO) && (err == nil || !strings.Contains(err.Error(), "input/output")) || !strings.Contains(err.Error(), test.file) {
					t.Fatalf("%v says %v", victim, err)
				}
				disk := n.fs.CrashClone(vfs.CrashCloneCfg{})
				b.abandon(victim)
				if _, err := b.pace(ctx, l, session, 20*time.Second); err != nil {
					t.Fatal(err)
				}
				b.boot(victim, disk)
				for id := raft.NodeID(1); id <= 3; id++ {
					b.expectSum(ctx, id, l.acked)
				}
			})
		})
	}
}

// session opens one, for as long as that takes.
func (b *bubble) session(ctx context.Context) node.SessionID {
	b.t.Helper()
	for {
		s, err := b.nodes[1].node.OpenSession(ctx, "adder")
		if err == nil {
			return s
		}
		if ctx.Err() != nil {
			b.t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
}

// abandon ends a node whose store has failed: nobody asks how it closes.
func (b *bubble) abandon(id raft.NodeID) {
	n := b.nodes[id]
	delete(b.nodes, id)
	_ = n.node.Close()
	_ = n.conn.Close()
	_ = n.store.Close()
}
